"""What a pre-training run prints when it is done."""

import shlex
from pathlib import Path

from bert_tf.reports.tables import print_table


def print_summary(report: dict, output_dir: str | Path) -> None:
    """Prints figures on held-out text, answers to held-out blanks, and where everything is."""
    held_out = report["held_out"]
    rows = [("masked LM loss", f"{held_out['masked_lm_loss']:.3f}"),
            ("masked LM accuracy", f"{held_out['masked_lm_accuracy']:.1%}"),
            ("... of always guessing the most frequent piece", f"{held_out['most_frequent_piece_accuracy']:.1%}")]
    if "next_sentence_accuracy" in held_out:
        rows.append(("next sentence accuracy", f"{held_out['next_sentence_accuracy']:.1%}"))
    rows += [("tokens per second", f"{report['tokens_per_second']:,.0f}"),
             ("padding", f"{report['padding_share']:.1%}"),
             ("waiting for data", f"{report['data_wait_share']:.1%}"),
             ("arithmetic, of what matrix products alone reach", f"{report['utilisation']:.0%}"),
             ("minutes", f"{report['seconds']['total'] / 60:.1f}")]
    if report["skipped_batches"]:
        rows.insert(-1, ("updates skipped", f"{report['skipped_batches']:,}"))
    print_table(("", ""), rows, title=f"After {report['steps']:,} steps, on held-out documents")
    if report["fill_mask"]:
        print("Blanks in held-out sentences: the word that was there, and the five likeliest pieces\n")
    for blank in report["fill_mask"]:
        answers = "  ".join(f"{answer['token']} {answer['probability']:.0%}" for answer in blank["answers"])
        print(f"  {blank['text']}\n    was: {blank['word']}\n    now: {answers}\n")
    print(f"Model, report.json, curves.png and log.jsonl are in {output_dir}. Try it:\n\n"
          f"  python scripts/predict.py fill_mask --model={shlex.quote(str(output_dir))} "
          '"This [MASK] returns a list of strings."\n')

"""What is printed at the end of a run ends with a command that can be pasted into a shell."""

import shlex

import pytest

from bert_tf.workflows import finetune_summary, pretraining_summary

PRETRAINING = {
    "held_out": {"masked_lm_loss": 1.0, "masked_lm_accuracy": 0.5, "most_frequent_piece_accuracy": 0.1},
    "tokens_per_second": 1.0, "padding_share": 0.0, "data_wait_share": 0.0, "utilisation": 0.5,
    "seconds": {"total": 60.0}, "skipped_batches": 0, "steps": 10, "fill_mask": []}
FINETUNING = {"metrics": {}, "best": {"step": 1}, "steps": 2, "examples_per_second": 1.0, "padding_share": 0.0,
              "seconds": {"total": 60.0}}


@pytest.mark.parametrize(("print_summary", "report"), [
    (pretraining_summary.print_summary, PRETRAINING),
    *((finetune_summary.print_summary, FINETUNING | {"task": task})
      for task in ("rte", "tagging", "question_answering", "multiple_choice", "embedding"))])
@pytest.mark.parametrize("folder", ["runs/wiki", "my runs/Anna's"])
def test_a_command_for_any_folder(capsys, print_summary, report, folder):
    print_summary(report, folder)
    command = capsys.readouterr().out.rstrip().splitlines()[-1]
    assert shlex.split(command)[3] == f"--model={folder}"


@pytest.mark.parametrize(("pairs", "texts"), [(False, ["A text."]), (True, ["--second=A second text.", "A text."])])
def test_a_classifier_is_tried_with_what_it_takes(capsys, pairs, texts):
    finetune_summary.print_summary(FINETUNING | {"task": "classification", "text_pairs": pairs}, "runs/mine")
    command = capsys.readouterr().out.rstrip().splitlines()[-1]
    assert shlex.split(command)[4:] == texts

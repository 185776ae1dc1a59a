"""Draws the held-out losses of a bert_tf run and of `pretrain_transformers.py` on the same batches.

python docs/reference/plot_pretraining.py --run=runs/wiki_mini --reference=pretrain_transformers.json --output=X.png
"""

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def main():
    """Writes the PNG."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True, type=Path, help="Output folder of scripts/pretrain.py.")
    parser.add_argument("--reference", required=True, type=Path)
    parser.add_argument("--output", required=True)
    flags = parser.parse_args()
    lines = map(json.loads, (flags.run / "log.jsonl").read_text(encoding="utf-8").splitlines())
    runs = {"bert_tf": [line for line in lines if "held_out" in line],
            "Transformers": json.loads(flags.reference.read_text(encoding="utf-8"))["log"]}
    figure, panels = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for axes, name in zip(panels, ("masked_lm_loss", "next_sentence_loss"), strict=True):
        for (label, log), style in zip(runs.items(), ("-o", "--s"), strict=True):
            axes.plot([line["step"] for line in log], [line["held_out"][name] for line in log], style, markersize=4,
                      label=label)
        axes.set(xlabel="step", ylabel=f"held-out {name.replace('_', ' ')}, nats")
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(flags.output, dpi=110)


if __name__ == "__main__":
    main()

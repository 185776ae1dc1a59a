"""Pre-trains a BERT on raw text.

Without flags it trains a small one in a few minutes on the documentation of this Python installation:

    python scripts/pretrain.py

On your own text, UTF-8 with a sentence per line and a blank line between documents:

    python scripts/pretrain.py --input='wiki/*.txt' --vocabulary=vocab.txt --size=base --output_dir=runs/wiki

Other layouts are split into sentences first (--input_layout=lines or files), and so are TensorFlow data sets
(--input=tfds:wikipedia/20230601.en). Without --vocabulary one is learned from the text.

SIGTERM makes it save its state and end with exit code 143; the same command with --resume goes on.
"""

import dataclasses

from absl import app, flags

from bert_tf.config import PretrainingConfig, from_mapping, read_json
from bert_tf.workflows import config_flags
from bert_tf.workflows.command_line import run

config_flags.define_config_flags(PretrainingConfig)
flags.adopt_module_key_flags(config_flags)  # So that --help shows them.
_CONFIG = flags.DEFINE_string("config", None, "JSON file with any of these settings; flags take precedence.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", "runs/pretraining", "Folder of the run; must not hold another one.")
_RESUME = flags.DEFINE_bool("resume", False, "Go on from the newest checkpoint in --output_dir; start if it is empty.")


def main(argv):
    """Trains and prints what came out."""
    if len(argv) > 1:
        raise app.UsageError(f"Expected flags only. Received: {argv[1:]}.")
    settings = read_json(_CONFIG.value) if _CONFIG.value else {}
    settings |= config_flags.given_flags(PretrainingConfig)
    config = from_mapping(PretrainingConfig, settings, _CONFIG.value or "flags")
    # TensorFlow is imported only now, so that --help and wrong flags are answered at once.
    from bert_tf.workflows.pretrain import DEMO, pretrain
    from bert_tf.workflows.pretraining_summary import print_summary

    if config.input is None and config.records is None:
        config = dataclasses.replace(DEMO, **settings)
    report = pretrain(config, _OUTPUT_DIR.value, resume=_RESUME.value)
    if report is not None:
        print_summary(report, _OUTPUT_DIR.value)


if __name__ == "__main__":
    run(main, trains=True)

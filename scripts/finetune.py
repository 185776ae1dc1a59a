"""Fine-tunes a BERT on your examples.

    python scripts/finetune.py --task=classification --train=train.tsv --validation=dev.tsv --init=DIR_OR_NAME \
        --output_dir=runs/reviews

Tasks: classification, regression, tagging (CoNLL columns), question_answering (SQuAD JSON), multiple_choice (SWAG),
embedding (pairs of texts, with or without a score), and the tasks of GLUE by name, which know their files:

    python scripts/finetune.py --task=sst2 --data=glue/SST-2 --init=DIR_OR_NAME --output_dir=runs/sst2

Several runs are compared and the best one is kept: --seeds=5, --grid='learning_rate=2e-5,3e-5;batch_size=16,32'.
"""

from absl import app, flags

from bert_tf.config import FinetuningConfig, from_mapping, read_json
from bert_tf.workflows import config_flags
from bert_tf.workflows.command_line import run

config_flags.define_config_flags(FinetuningConfig)
flags.adopt_module_key_flags(config_flags)  # So that --help shows them.
_CONFIG = flags.DEFINE_string("config", None, "JSON file with any of these settings; flags take precedence.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", "runs/finetuning", "Folder of the run; must not hold another one.")


def main(argv):
    """Trains and prints what came out."""
    if len(argv) > 1:
        raise app.UsageError(f"Expected flags only. Received: {argv[1:]}.")
    settings = read_json(_CONFIG.value) if _CONFIG.value else {}
    settings |= config_flags.given_flags(FinetuningConfig)
    config = from_mapping(FinetuningConfig, settings, _CONFIG.value or "flags")
    # TensorFlow is imported only now, so that --help and wrong flags are answered at once.
    from bert_tf.workflows.finetune import finetune
    from bert_tf.workflows.finetune_summary import print_summary

    print_summary(finetune(config, _OUTPUT_DIR.value), _OUTPUT_DIR.value)


if __name__ == "__main__":
    run(main, trains=True)

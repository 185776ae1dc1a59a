r"""Builds packed, unmasked examples from text, once, for many pre-training runs or for text larger than one machine.

    python scripts/build_records.py --input='wiki/*.txt' --vocabulary=vocab.txt --output=records/wiki

The examples go to TFRecord files of bounded size, those for training and those held out apart; index.json, written
last, says what is where. On one machine all cores work and memory does not grow with the text. Apache Beam builds the
same examples on a cluster (pip install 'bert_tf[beam]'); flags that are not listed here go to Beam:

    python scripts/build_records.py --input='gs://b/wiki/*' --vocabulary=vocab.txt --output=gs://b/records \
        --runner=DataflowRunner --project=p --region=r --temp_location=gs://b/tmp --setup_file=./setup.py
"""

import difflib
import sys

from absl import app, flags

from bert_tf.config import RecordsConfig, from_mapping
from bert_tf.workflows import config_flags
from bert_tf.workflows.command_line import run

config_flags.define_config_flags(RecordsConfig)
flags.adopt_module_key_flags(config_flags)  # So that --help shows them.
_OUTPUT = flags.DEFINE_string("output", None, "Folder for the files; must not exist or be empty.", required=True)
_WORKERS = flags.DEFINE_integer("workers", None, "Blocks built at a time on this machine (default: as many as cores).",
                                lower_bound=1)
_RUNNER = flags.DEFINE_enum("runner", None, ["DirectRunner", "FlinkRunner", "SparkRunner", "DataflowRunner"],
                            "Build with Apache Beam on this runner; DirectRunner is this machine.")


def main(argv):
    """Builds and prints what came out."""
    if len(argv) > 1 and not _RUNNER.value:
        raise app.UsageError(f"Expected flags only. Received: {argv[1:]}.")
    _refuse_misspelt(argv[1:])
    config = from_mapping(RecordsConfig, config_flags.given_flags(RecordsConfig), "flags")
    # TensorFlow is imported only now, so that --help and wrong flags are answered at once.
    from bert_tf.workflows.build_records import build_records, print_records_summary

    index = build_records(config, _OUTPUT.value, workers=_WORKERS.value, runner=_RUNNER.value, runner_flags=argv[1:])
    print_records_summary(index, _OUTPUT.value)


def _refuse_misspelt(arguments):
    """Refuses what is left for Beam if it is nearly one of our flags."""
    for name in (argument.lstrip("-").partition("=")[0] for argument in arguments if argument.startswith("-")):
        # As near as this no flag of Beam's is: its --num_workers has 0.78 to our --workers.
        near = difflib.get_close_matches(name.removeprefix("no"), list(flags.FLAGS), n=1, cutoff=0.8)
        if near:
            raise ValueError(f"Unknown flag --{name}. Did you mean --{near[0]}?")


def _parse(argv):
    """With --runner, flags that are not ours are left for Beam; otherwise they are mistakes."""
    for_beam = any(argument.lstrip("-").startswith("runner") for argument in argv[1:])
    if not for_beam:
        return app.parse_flags_with_usage(argv)
    try:
        return flags.FLAGS(argv, known_only=True)
    except flags.Error as error:
        sys.exit(f"FATAL Flags parsing error: {error}\nPass --helpshort or --helpfull to see help on flags.")


if __name__ == "__main__":
    run(main, flags_parser=_parse)

"""Converts published weights, or ours, to another format.

    python scripts/convert_weights.py --source=uncased_L-12_H-768_A-12 --output=models/bert-base-uncased
    python scripts/convert_weights.py --source=runs/wiki --output=presets/wiki --target_format=keras_hub

The source is a Hugging Face, sentence-transformers, Google or KerasHub folder, or `owner/name` on the Hugging Face hub.
"""

from absl import app, flags

from bert_tf.workflows.command_line import run

_SOURCE = flags.DEFINE_string("source", None, "Folder, checkpoint prefix or hub name to read.", required=True)
_OUTPUT = flags.DEFINE_string("output", None, "Folder to write.", required=True)
_SOURCE_FORMAT = flags.DEFINE_enum("source_format", None, ["google", "hugging_face", "keras_hub"],
                                   "By default it is recognised.")
_TARGET_FORMAT = flags.DEFINE_enum("target_format", "hugging_face", ["hugging_face", "keras_hub", "google"],
                                   "What to write.")
_VERIFY = flags.DEFINE_bool("verify", False, "Compare with the source's own library, if it is installed.")
_ALLOW_APPROXIMATE = flags.DEFINE_bool(
    "allow_approximate", False, "Write a KerasHub preset even if KerasHub computes the model slightly differently.")


def main(argv):
    """Converts and prints what was done."""
    if len(argv) > 1:
        raise app.UsageError(f"Expected flags only. Received: {argv[1:]}.")
    from bert_tf.workflows.convert_weights import convert_weights

    convert_weights(_SOURCE.value, _OUTPUT.value, source_format=_SOURCE_FORMAT.value,
                    target_format=_TARGET_FORMAT.value, verify_source=_VERIFY.value,
                    allow_approximate=_ALLOW_APPROXIMATE.value)


if __name__ == "__main__":
    run(main)

"""Turns a model directory into what production runs: strings in, answers out.

    python scripts/export.py --model=runs/sst2 --output=saved_models/sst2

writes `saved_models/sst2/<version>/` for TensorFlow Serving, with configuration, warm-up requests and a README of its
own;

    python scripts/export.py --model=runs/sst2 --output=sst2.tflite --format=tflite --quantize=int8 --calibration=my.txt

writes one file for phones (docs/phones.md). The model is a folder, or `owner/name` on the Hugging Face hub.
"""

from absl import app, flags, logging

from bert_tf.workflows.command_line import run

flags.FLAGS.set_default("verbosity", logging.WARNING)  # TensorFlow tells every step of saving
_MODEL = flags.DEFINE_string("model", None, "Model directory.", required=True)
_OUTPUT = flags.DEFINE_string("output", None, "Folder that the version folder goes into; its name is the model's. "
                              "For tflite the file, or a folder for model.tflite.", required=True)
_FORMAT = flags.DEFINE_enum("format", "saved_model", ["saved_model", "hub", "tflite"],
                            "For TensorFlow Serving; a preprocessor and an encoder with TF Hub's text API; or a file "
                            "for LiteRT on phones.")
_VERSION = flags.DEFINE_integer("version", None, "Version to write; by default the next free one.", lower_bound=1)
_MAX_LENGTH = flags.DEFINE_integer("max_length", None, "Tokens of a row at most; by default what the model can take. "
                                   "tflite pads to it and has 128 by default, 384 for questions.")
_PRECISION = flags.DEFINE_enum("precision", "float32", ["float32", "bfloat16"],
                               "bfloat16 computes matrix products on bfloat16, faster on processors that have it. The "
                               "weights of models up to 50 million parameters are then constants of the graph: twice "
                               "as fast for short texts, slower and larger to open.")
_TENSOR_PARALLEL = flags.DEFINE_integer(
    "tensor_parallel", 2, "saved_model: parts that attention and feed-forward networks are computed in, side by side "
    "on the cores of a CPU. With TensorFlow Serving's --tensorflow_intra_op_parallelism=1 a single text takes two "
    "thirds of the time. 1 for a GPU.", lower_bound=1)
_PAIRS = flags.DEFINE_bool("pairs", None, "A classifier takes pairs of texts; by default what it was trained on.")
_INPUT = flags.DEFINE_enum("input", "text", ["text", "ids"], "tflite: strings go in, or packed ids.")
_QUANTIZE = flags.DEFINE_enum("quantize", "none", ["none", "float16", "dynamic", "int8"],
                              "tflite: weights in float16 or int8 (dynamic), or weights and activations in int8.")
_CALIBRATION = flags.DEFINE_string("calibration", None, "tflite, int8: file of texts such as the model will meet, one "
                                   "request a line; several texts of a request are separated by tabs.")
_CHECK_TEXTS = flags.DEFINE_string("check_texts", None, "tflite: file of that form to compare the answers of file and "
                                   "model on; by default built-in texts in several languages.")
_LENGTHS = flags.DEFINE_list("lengths", None, "tflite: instead of --max_length several ones, such as 32,128, each a "
                             "signature of its own.")
_MAX_WINDOWS = flags.DEFINE_integer("max_windows", None, "tflite, tagging and questions: windows that a long text is "
                                    "read in at most; by default 4.", lower_bound=1)
_TFLITE_ONLY = (_INPUT, _QUANTIZE, _CALIBRATION, _CHECK_TEXTS, _LENGTHS, _MAX_WINDOWS)


def main(argv):
    """Exports and prints what was written."""
    if len(argv) > 1:
        raise app.UsageError(f"Expected flags only. Received: {argv[1:]}.")
    if _FORMAT.value == "tflite":
        return _export_tflite()
    foreign = [f"--{flag.name}" for flag in _TFLITE_ONLY if flag.present]
    if foreign:
        raise app.UsageError(f"Expected {', '.join(foreign)} with --format=tflite. Received: --format={_FORMAT.value}.")
    from bert_tf.workflows.export import export_hub, export_saved_model

    options = dict(version=_VERSION.value, max_length=_MAX_LENGTH.value, precision=_PRECISION.value)
    if _FORMAT.value == "hub":
        foreign = [f"--{flag.name}" for flag in (_TENSOR_PARALLEL, _PAIRS) if flag.present]
        if foreign:
            raise app.UsageError(f"Expected {', '.join(foreign)} with other formats. Received: --format=hub.")
        export_hub(_MODEL.value, _OUTPUT.value, **options)
    else:
        export_saved_model(_MODEL.value, _OUTPUT.value, pairs=_PAIRS.value, tensor_parallel=_TENSOR_PARALLEL.value,
                           **options)


def _export_tflite():
    foreign = [f"--{flag.name}" for flag in (_VERSION, _PRECISION, _TENSOR_PARALLEL) if flag.present]
    if foreign:
        raise app.UsageError(f"Expected {', '.join(foreign)} with other formats: tflite files have no versions, are "
                             "made smaller by --quantize, and share operations among threads by themselves.")
    from bert_tf.workflows.export_tflite import export_tflite

    lengths = _LENGTHS.value or []
    if not all(length.strip().isdecimal() for length in lengths):
        raise app.UsageError(f"Expected whole numbers in --lengths. Received: {lengths}.")
    export_tflite(_MODEL.value, _OUTPUT.value, takes_text=_INPUT.value == "text", quantize=_QUANTIZE.value,
                  calibration=_CALIBRATION.value, check_texts=_CHECK_TEXTS.value, max_length=_MAX_LENGTH.value,
                  lengths=[int(length) for length in lengths], max_windows=_MAX_WINDOWS.value, pairs=_PAIRS.value)


if __name__ == "__main__":
    run(main)

"""Serves an exported model on this machine, without Docker: TF Serving's REST paths and a page to try it.

    python scripts/export.py --model=runs/reviews --output=saved_models/reviews
    python scripts/serve.py --model=saved_models/reviews

Then open http://127.0.0.1:8501/, or ask as TF Serving is asked:

    curl -d '{"instances": ["A fine film."]}' http://127.0.0.1:8501/v1/models/reviews:predict

A LiteRT file answers more texts a second than the SavedModel on processors without bfloat16 instructions, most of all
with int8 weights. Each text is padded to the next of its lengths:

    python scripts/export.py --model=runs/reviews --output=reviews.tflite --format=tflite --quantize=dynamic \
      --lengths=12,16,20,24,32,40,48,64,80,96,128
    python scripts/serve.py --model=reviews.tflite
"""

from absl import app, flags

from bert_tf.workflows.command_line import run

_MODEL = flags.DEFINE_string("model", None, "Folder of an exported model, one folder per version in it; or a .tflite "
                             "file that takes strings.", required=True)
_PORT = flags.DEFINE_integer("port", 8501, "Port; 0 for any free one.", lower_bound=0, upper_bound=65535)
_HOST = flags.DEFINE_string("host", "127.0.0.1", "Address to bind to; 0.0.0.0 lets other machines ask.")
_VERSION = flags.DEFINE_integer("version", None, "Another version than the newest in the folder.")
_MAX_REQUEST_BYTES = flags.DEFINE_integer("max_request_bytes", 8 * 1024 * 1024, "Longer requests are refused.",
                                          lower_bound=1)
_INTRA_OP_PARALLELISM = flags.DEFINE_integer(
    "tensorflow_intra_op_parallelism", 0,
    "Of a folder: threads for one operation of one request, as TF Serving's flag of this name; 0 for one per core. "
    "With 1 many requests at once are answered faster, and so is one short text by a small model; long texts that come "
    "alone wait longer.", lower_bound=0)


def main(argv):
    """Serves until it is stopped."""
    if len(argv) > 1:
        raise app.UsageError(f"Expected flags only. Received: {argv[1:]}.")
    from bert_tf.workflows.serve import serve

    serve(_MODEL.value, host=_HOST.value, port=_PORT.value, version=_VERSION.value,
          max_request_bytes=_MAX_REQUEST_BYTES.value, intra_op_parallelism=_INTRA_OP_PARALLELISM.value)


if __name__ == "__main__":
    run(main)

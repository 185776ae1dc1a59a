"""Measures bert_tf, and beside it every peer that is installed, on the same real input, in alternation.

    pip install -e '.[bench]'
    python scripts/benchmark.py tokenize examples --data='wiki/*.txt' --vocabulary=vocab.txt
    python scripts/benchmark.py finetune serve --data='wiki/*.txt,SST-2/train.tsv' --vocabulary=vocab.txt --repeats=3

Without names all benchmarks run, which takes an hour or two at base size; --size=mini is a first look. For each one a
table is printed, and --output_dir gets benchmark.json, with the figures of every turn, and a picture NAME.png.

  tokenize    text to ids                             Hugging Face tokenizers
  examples    raw text to masked examples, one core   Google's create_pretraining_data.py
  train_step  pre-training steps on ready batches     Transformers, KerasHub (both Keras models on JAX, too:
                                                      --backend=jax; JAX and PyTorch use a GPU that they find)
  pretrain    raw text to trained steps               Transformers, KerasHub
  forward     the encoder at four shapes              Transformers, ONNX Runtime, KerasHub
  serve       texts in, several clients and one       Transformers, ONNX Runtime, KerasHub
  finetune    training steps on SST-2                 Transformers, KerasHub
  tflite      a sentence embedder, one thread         ONNX Runtime
  load        a model's folder to a model             Transformers, KerasHub
  import      imports beyond the framework's own      Transformers, KerasHub
  memory      building examples, peak, 1 and 20 MB    Google's script

How it works: every contestant is a process of its own with the same number of threads. First each computes the results
that all must have in common, such as the loss of the same batch with the same weights; contestants that disagree end
the run with one line. Then each runs once unmeasured, and all take turns, --repeats times. Models have the same random
weights everywhere. A peer gets the way of working that suits it best, named below its table: the length of its batches,
how requests reach it, float32 and bfloat16; with --compiled also torch.compile and XLA. Speeds of training count tokens
that are not padding. `ours is 1.5x` compares the fastest of ours with that row, each turn with the same turn; median.
A peer that is not installed, or fails, is named and left out.

Only ratios within one run mean something: machines differ, and other programs disturb.
"""

from absl import app, flags

from bert_tf.config import BenchmarkConfig
from bert_tf.workflows import config_flags
from bert_tf.workflows.command_line import run

config_flags.define_config_flags(BenchmarkConfig)
flags.adopt_module_key_flags(config_flags)  # So that --help shows them.
_OUTPUT_DIR = flags.DEFINE_string("output_dir", "runs/benchmark", "Folder for the figures and pictures.")

NAMES = ("tokenize", "examples", "train_step", "pretrain", "forward", "serve", "finetune", "tflite", "load", "import",
         "memory")


def main(argv):
    """Runs the named benchmarks, or all."""
    unknown = [name for name in argv[1:] if name not in NAMES]
    if unknown:
        raise app.UsageError(f"Expected benchmarks out of {', '.join(NAMES)}. Received: {unknown}.")
    config = BenchmarkConfig(**config_flags.given_flags(BenchmarkConfig))
    # TensorFlow is imported only now, so that --help and wrong flags are answered at once.
    from bert_tf.benchmarks.suite import run_benchmarks

    run_benchmarks(argv[1:], config, _OUTPUT_DIR.value)


if __name__ == "__main__":
    run(main)

"""The benchmarks by name."""

from bert_tf.benchmarks.definitions import Benchmark
from bert_tf.benchmarks.examples import EXAMPLES
from bert_tf.benchmarks.finetune import FINETUNE
from bert_tf.benchmarks.forward import FORWARD
from bert_tf.benchmarks.load import LOAD
from bert_tf.benchmarks.memory import MEMORY
from bert_tf.benchmarks.pretrain import PRETRAIN
from bert_tf.benchmarks.serve import SERVE
from bert_tf.benchmarks.start_up import IMPORT
from bert_tf.benchmarks.tflite import TFLITE
from bert_tf.benchmarks.tokenize import TOKENIZE
from bert_tf.benchmarks.train_step import TRAIN_STEP

BENCHMARKS: dict[str, Benchmark] = {
    "tokenize": TOKENIZE, "examples": EXAMPLES, "train_step": TRAIN_STEP, "pretrain": PRETRAIN, "forward": FORWARD,
    "serve": SERVE, "finetune": FINETUNE, "tflite": TFLITE, "load": LOAD, "import": IMPORT, "memory": MEMORY,
}

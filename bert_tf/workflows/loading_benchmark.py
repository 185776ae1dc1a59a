"""How long a model directory takes to load, and how much memory beyond its weights."""

import json
import pathlib
import subprocess
import sys
import tempfile

from bert_tf.config import EncoderConfig
from bert_tf.model_directory import save_model
from bert_tf.models.pretrainer import BertPretrainer

_CHILD = """
import json, re, sys, time
import tensorflow as tf
from bert_tf.model_directory import load_model
import bert_tf.training.distributed
tf.constant(1.0) + 1.0  # starts the runtime
# Not getrusage: its maximum outlives the parent's fork.
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) * 1024
before, start = peak(), time.perf_counter()
model = load_model(sys.argv[1])
seconds = time.perf_counter() - start
weights = sum(int(tf.size(weight.value)) * 4 for weight in model.weights)
print(json.dumps({"seconds": seconds, "weights_bytes": weights, "peak_over_weights": (peak() - before) / weights}))
"""


def measure_loading(size: str = "base", repetitions: int = 3) -> dict[str, float]:
    """Saves a random `BertPretrainer` and loads it in fresh processes, after TensorFlow's import; needs Linux.

    Args:
        size: a preset, such as "base".
        repetitions: processes; the fastest counts, the first one also fills the file cache.

    Returns:
        `seconds` of the fastest load, `weights_bytes`, and `peak_over_weights`: by how much the process's largest
        resident set grew, in units of the weights' size.
    """
    with tempfile.TemporaryDirectory() as folder:
        save_model(BertPretrainer(EncoderConfig.from_size(size)), pathlib.Path(folder, size))
        results = []
        for _ in range(repetitions):
            done = subprocess.run([sys.executable, "-c", _CHILD, f"{folder}/{size}"], capture_output=True, text=True,
                                  check=True)
            results.append(json.loads(done.stdout.splitlines()[-1]))
    return min(results, key=lambda result: result["seconds"])

"""Builders of examples, each in a process that tells how much memory it took at most."""

import json
import subprocess
import sys
from collections.abc import Callable

from bert_tf.benchmarks.child import resolve
from bert_tf.benchmarks.works.fresh import peak_megabytes
from bert_tf.config import require


def measure(job: dict, builder: str) -> Callable[[int], float]:
    """From the number of copies of the text to the megabytes that one pass of a builder takes.

    Args:
        job: `texts`, from copies to files, and what the builder wants.
        builder: `module:class` beside this module.
    """
    def megabytes(copies: int) -> float:
        values = job | {"text": job["texts"][copies], "builder": builder, "texts": None}
        done = subprocess.run([sys.executable, "-m", __name__, json.dumps(values)], capture_output=True, text=True,
                              check=False)
        require(done.returncode == 0, f"{builder} to build examples", error=done.stderr[-300:])
        return float(done.stdout.split()[-1])
    return megabytes


if __name__ == "__main__":
    own_job = json.loads(sys.argv[1])
    resolve(f"bert_tf.benchmarks.contestants.{own_job['builder']}")(own_job).build()
    print(peak_megabytes())

"""A tiny folder of data in the layout that the benchmarks know."""

from pathlib import Path

import numpy as np

from bert_tf.benchmarks.inputs import SST2, TEXT, VOCABULARY
from bert_tf.config import BenchmarkConfig
from tests.data.record_corpus import PIECES, WORDS


def tiny_config(folder: Path, **changes) -> BenchmarkConfig:
    """Writes the data; models of size tiny, one turn of one step."""
    rng = np.random.default_rng(0)

    def sentence():
        return " ".join(rng.choice(WORDS, rng.integers(4, 20)))

    documents = ["\n".join(sentence() for _ in range(8)) for _ in range(60)]
    table = ["sentence\tlabel", *(f"{sentence()}\t{number % 2}" for number in range(40))]
    for place, text in ((TEXT, "\n\n".join(documents)), (VOCABULARY, "\n".join(PIECES)), (SST2, "\n".join(table))):
        path = folder / "data" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    settings = dict(data=str(folder / "data"), size="tiny", sequence_length=32, steps=1, repeats=1, clients=2,
                    requests=6) | changes
    return BenchmarkConfig(**settings)

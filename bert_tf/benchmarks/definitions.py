"""What a benchmark is: some work, what is measured about it, and who takes part."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from bert_tf.config import BenchmarkConfig

OURS = "bert_tf"
TRAINING_ENVIRONMENT = {"TF_ENABLE_ONEDNN_OPTS": "1"}
"""For whoever trains on TensorFlow, KerasHub too: by itself it leaves oneDNN out on processors where it is faster."""


class Metric(NamedTuple):
    """One figure that every turn gives.

    Attributes:
        name: key in what `Work.run` returns.
        unit: of the figure.
        larger_is_better: a speed; else a time or an amount of memory.
        compared: whether there is a best peer; else the figure only explains others.
    """

    name: str
    unit: str
    larger_is_better: bool = True
    compared: bool = True


class Work(Protocol):
    """What a contestant's process does; made from the job of `Benchmark.prepare` and what the contestant brings."""

    def outputs(self) -> dict[str, np.ndarray]:
        """Results that must be the same for all contestants."""

    def warm_up(self) -> str | None:
        """What comes before the first turn and does not count; may tell how the contestant works."""

    def run(self) -> dict[str, float]:
        """One turn: a figure for each metric."""


@dataclasses.dataclass(frozen=True)
class Contestant:
    """Who takes part.

    Attributes:
        name: for tables; begins with `library`.
        library: bert_tf, or the peer.
        make: `module:function`, called in the contestant's own process with the job and `options`; what it returns is
            handed to the benchmark's work, which is the same for all.
        options: for `make`.
        needs: names of the packages, as they are imported, without which it is left out.
        precision: of its matrix products, for tables.
        how: what else a reader should know.
        tolerance: how far its outputs may be off those of the first contestant, see `checking.difference`.
        compiled: takes part with `--compiled` only.
        environment: variables of its process.
    """

    name: str
    library: str
    make: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    needs: tuple[str, ...] = ()
    precision: str = ""
    how: str = ""
    tolerance: float = 0.0
    compiled: bool = False
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """Some work that several contestants do.

    Attributes:
        about: one line.
        metrics: the first one counts.
        contestants: the first one that takes part gives the outputs that others are compared with.
        prepare: makes the input in a folder; returns the job, which every contestant's process gets.
        work: `module:class` of the `Work`.
        fresh: every turn is a process of its own, without `warm_up`.
        threads: of each contestant, whatever the configuration says.
        compares: "values" of the outputs, their "angles" where directions are all that counts, or "nothing".
    """

    about: str
    metrics: tuple[Metric, ...]
    contestants: Callable[[BenchmarkConfig], tuple[Contestant, ...]]
    prepare: Callable[[BenchmarkConfig, Path], dict[str, Any]]
    work: str
    fresh: bool = False
    threads: int | None = None
    compares: str = "values"

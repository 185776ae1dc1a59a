"""How a corpus becomes record files."""

import dataclasses
import math
from typing import Any

from bert_tf.config.checks import require
from bert_tf.config.examples import ExampleConfig

COMPRESSIONS = ("none", "gzip")


@dataclasses.dataclass(frozen=True)
class RecordsConfig:
    """Packed, unmasked examples in record files, as `scripts/build_records.py` takes it from flags.

    Attributes:
        input: sentence files: comma-separated names or patterns, UTF-8, plain or .gz, a sentence per line, blank line
            between documents.
        vocabulary: the vocab.txt to tokenise with.
        lowercase: lower-case the text.
        strip_accents: take accents off letters; as `lowercase` says if not given.
        split_cjk: make every Chinese character a word of its own, as BERT does.
        objective: one of `OBJECTIVES`; `nsp` and `sop` build pairs, `mlm` single segments.
        sequence_length: tokens of an example at most.
        short_sequence_rate: share of examples that aim at a random shorter length.
        random_pair_rate: share of random (`nsp`) or swapped (`sop`) pairs.
        held_out_share: share of the documents that goes to files of its own, for evaluation; 0 for none.
        shard_megabytes: size of a file at most, before compression.
        compression: one of `COMPRESSIONS`.
        deduplicate: leave out documents that repeat another one exactly.
        seed: of everything random.
    """

    input: str | None = None
    vocabulary: str | None = None
    lowercase: bool = True
    strip_accents: bool | None = None
    split_cjk: bool = True
    objective: str = "nsp"
    sequence_length: int = 128
    short_sequence_rate: float = 0.1
    random_pair_rate: float = 0.5
    held_out_share: float = 0.02
    shard_megabytes: float = 100.0
    compression: str = "none"
    deduplicate: bool = False
    seed: int = 0

    def __post_init__(self):
        for name in ("input", "vocabulary"):
            require(bool(getattr(self, name)), f"`{name}`", **{name: getattr(self, name)})
        require(0 <= self.held_out_share <= 0.5, "`held_out_share` in [0, 0.5]", held_out_share=self.held_out_share)
        require(1e-6 <= self.shard_megabytes < math.inf, "`shard_megabytes` > 0: a byte, 1e-6, at least, and finite",
                shard_megabytes=self.shard_megabytes)
        require(self.compression in COMPRESSIONS, f"`compression` to be one of {', '.join(COMPRESSIONS)}",
                compression=self.compression)
        require(-2**63 <= self.seed < 2**63, "`seed` in [-2**63, 2**63)", seed=self.seed)
        self.examples()  # checks its own fields

    def examples(self) -> ExampleConfig:
        """How documents become examples."""
        return ExampleConfig(self.sequence_length, self.objective, self.short_sequence_rate, self.random_pair_rate)

    @property
    def shard_bytes(self) -> int:
        """Bytes of a file at most, before compression."""
        return int(self.shard_megabytes * 1e6)

    def to_dict(self) -> dict[str, Any]:
        """All fields, ready for JSON."""
        return dataclasses.asdict(self)

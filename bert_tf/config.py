"""Configurations: frozen dataclasses, checked on construction, strict JSON in and out."""

import dataclasses
import difflib
import json
import pathlib
from collections.abc import Mapping
from typing import Any, Self

ACTIVATIONS = ("gelu", "gelu_tanh", "relu", "silu")
"""`gelu` is exact (erf), as in the first BERT release; `gelu_tanh` the approximation of Google's later code."""


def require(condition: bool, expectation: str, **received: Any) -> None:
    """Raises `ValueError("Expected ... Received: name=value.")` unless `condition` holds."""
    if not condition:
        values = ", ".join(f"{name}={value!r}" for name, value in received.items())
        raise ValueError(f"Expected {expectation}. Received: {values}.")


def from_mapping(cls: type, values: Mapping[str, Any], source: str = "configuration"):
    """Builds the dataclass `cls`; an unknown key is an error that names it, its source and the nearest known key."""
    known = [field.name for field in dataclasses.fields(cls)]
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f" Did you mean `{near[0]}`?" if near else f" Known keys: {', '.join(known)}."
            raise ValueError(f"Unknown key `{key}` in {source}.{hint}")
    return cls(**values)


def read_json(path: str | pathlib.Path) -> dict[str, Any]:
    """Reads a JSON object from a UTF-8 file; every error names the file."""
    path = pathlib.Path(path)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"Expected a JSON file at {path}. Received: no such file.") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"Expected JSON in {path}. Received: {error}.") from None
    require(isinstance(values, dict), f"a JSON object in {path}", type=type(values).__name__)
    return values


@dataclasses.dataclass(frozen=True)
class EncoderConfig:
    """The shape and the numerics of one BERT encoder and its pre-training heads.

    Attributes:
        vocabulary_size: rows of the token embedding.
        num_layers: encoder blocks.
        num_heads: attention heads per block; divides `hidden_dim`.
        hidden_dim: width of the vectors between blocks.
        intermediate_dim: width inside the feed-forward network; 4 x `hidden_dim` in the paper.
        max_sequence_length: rows of the position embedding, tokens.
        num_segments: rows of the segment embedding.
        activation: feed-forward activation, one of `ACTIVATIONS`.
        dropout: rate after embeddings and after both residual branches, and before task heads.
        attention_dropout: rate on attention probabilities.
        layer_norm_epsilon: added to the variance in the encoder's normalisations.
        initializer_stddev: deviation of the truncated normal that all kernels and tables start from.
        head_activation: activation of the masked-LM head's transformation.
        head_layer_norm_epsilon: epsilon of the masked-LM head's normalisation.
    """

    vocabulary_size: int = 30522
    num_layers: int = 12
    num_heads: int = 12
    hidden_dim: int = 768
    intermediate_dim: int = 3072
    max_sequence_length: int = 512
    num_segments: int = 2
    activation: str = "gelu"
    dropout: float = 0.1
    attention_dropout: float = 0.1
    layer_norm_epsilon: float = 1e-12
    initializer_stddev: float = 0.02
    head_activation: str = "gelu"
    head_layer_norm_epsilon: float = 1e-12

    def __post_init__(self):
        counts = ("vocabulary_size", "num_layers", "num_heads", "hidden_dim", "intermediate_dim",
                  "max_sequence_length", "num_segments")
        for name in counts:
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            require(whole and value >= 1, f"`{name}` to be a whole number >= 1", **{name: value})
        require(self.hidden_dim % self.num_heads == 0, "`num_heads` to divide `hidden_dim`",
                num_heads=self.num_heads, hidden_dim=self.hidden_dim)
        for name in ("activation", "head_activation"):
            require(getattr(self, name) in ACTIVATIONS, f"`{name}` to be one of {', '.join(ACTIVATIONS)}",
                    **{name: getattr(self, name)})
        for name in ("dropout", "attention_dropout"):
            require(0 <= getattr(self, name) < 1, f"`{name}` in [0, 1)", **{name: getattr(self, name)})
        for name in ("layer_norm_epsilon", "head_layer_norm_epsilon", "initializer_stddev"):
            require(getattr(self, name) > 0, f"`{name}` > 0", **{name: getattr(self, name)})

    @classmethod
    def from_size(cls, size: str, **changes: Any) -> Self:
        """The preset called `size`, one of `SIZES`, with some fields changed."""
        require(size in SIZES, f"a size out of {', '.join(SIZES)}", size=size)
        num_layers, hidden_dim = SIZES[size]
        preset = dict(num_layers=num_layers, num_heads=hidden_dim // 64, hidden_dim=hidden_dim,
                      intermediate_dim=4 * hidden_dim)
        return cls(**(preset | changes))

    @classmethod
    def tiny(cls, **changes: Any) -> Self:
        """2 layers of width 128, 4.4 million parameters."""
        return cls.from_size("tiny", **changes)

    @classmethod
    def mini(cls, **changes: Any) -> Self:
        """4 layers of width 256, 11 million parameters."""
        return cls.from_size("mini", **changes)

    @classmethod
    def small(cls, **changes: Any) -> Self:
        """4 layers of width 512, 29 million parameters."""
        return cls.from_size("small", **changes)

    @classmethod
    def medium(cls, **changes: Any) -> Self:
        """8 layers of width 512, 41 million parameters."""
        return cls.from_size("medium", **changes)

    @classmethod
    def base(cls, **changes: Any) -> Self:
        """12 layers of width 768, 110 million parameters."""
        return cls.from_size("base", **changes)

    @classmethod
    def large(cls, **changes: Any) -> Self:
        """24 layers of width 1024, 335 million parameters."""
        return cls.from_size("large", **changes)

    def to_dict(self) -> dict[str, Any]:
        """All fields, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], source: str = "configuration") -> Self:
        """The inverse of `to_dict`; an unknown key is an error that names `source`."""
        return from_mapping(cls, values, source)


SIZES = {"tiny": (2, 128), "mini": (4, 256), "small": (4, 512), "medium": (8, 512), "base": (12, 768),
         "large": (24, 1024)}
"""Layers and width of the published sizes; a head for every 64 of width (Turc et al. 2019, table 1; Devlin et al.)."""


@dataclasses.dataclass(frozen=True)
class MaskingConfig:
    """How words are hidden for masked LM (Devlin et al. 2018, section 3.1 and appendix A.1).

    Attributes:
        masking_rate: share of an example's tokens that is to be predicted.
        mask_token_rate: share of those replaced by [MASK].
        random_token_rate: share of those replaced by a token drawn from the whole vocabulary; the rest stays as it is.
        whole_words: choose whole words instead of single pieces.
    """

    masking_rate: float = 0.15
    mask_token_rate: float = 0.8
    random_token_rate: float = 0.1
    whole_words: bool = False

    def __post_init__(self):
        require(0 < self.masking_rate < 1, "`masking_rate` in (0, 1)", masking_rate=self.masking_rate)
        rates = {"mask_token_rate": self.mask_token_rate, "random_token_rate": self.random_token_rate}
        require(min(rates.values()) >= 0 and sum(rates.values()) <= 1 + 1e-9,
                "`mask_token_rate` and `random_token_rate` not to be negative nor to exceed 1 together", **rates)

    def max_masked(self, length: int) -> int:
        """The number of positions to predict in an example of `length` tokens, special ones included."""
        return max(1, round(self.masking_rate * length))


OBJECTIVES = ("nsp", "sop", "mlm")
"""Next-sentence prediction (BERT), sentence-order prediction (ALBERT: Lan et al. 2019, section 3.1), masked LM only."""


@dataclasses.dataclass(frozen=True)
class ExampleConfig:
    """How documents become pre-training examples (Devlin et al. 2018, appendix A.2, and its published script).

    Attributes:
        sequence_length: tokens of an example at most, special ones included.
        objective: what goes with masked LM, one of `OBJECTIVES`; `mlm` builds single segments.
        short_sequence_rate: share of examples that aim at a random shorter length.
        random_pair_rate: share of pairs whose second segment comes from another document (`nsp`) or whose segments
            are swapped (`sop`).
    """

    sequence_length: int = 128
    objective: str = "nsp"
    short_sequence_rate: float = 0.1
    random_pair_rate: float = 0.5

    def __post_init__(self):
        require(self.objective in OBJECTIVES, f"`objective` to be one of {', '.join(OBJECTIVES)}",
                objective=self.objective)
        require(self.sequence_length >= 8, "`sequence_length` >= 8", sequence_length=self.sequence_length)
        for name in ("short_sequence_rate", "random_pair_rate"):
            require(0 <= getattr(self, name) <= 1, f"`{name}` in [0, 1]", **{name: getattr(self, name)})

    @property
    def max_tokens(self) -> int:
        """Tokens of an example at most without [CLS] and [SEP]."""
        return self.sequence_length - (2 if self.objective == "mlm" else 3)


PRECISIONS = ("float32", "mixed_bfloat16")


@dataclasses.dataclass(frozen=True)
class PretrainingConfig:
    """A whole pre-training run, as `scripts/pretrain.py` takes it from flags or from a JSON file (`--config`).

    Attributes:
        input: comma-separated files or patterns, or `tfds:NAME`; without it the documentation of this Python
            installation is read.
        input_layout: `sentences` (a sentence per line, blank line between documents), `lines` (a document per line)
            or `files` (a document per file); the latter two are split into sentences.
        language: ISO code for the sentence splitter.
        init: model to go on training: a model directory or "owner/name" on the Hugging Face hub; its shape and its
            tokeniser are kept. Without it weights are drawn at random.
        vocabulary: a `vocab.txt`; without it (and without `init`) one of `vocabulary_size` pieces is learned.
        vocabulary_size: pieces to learn.
        lowercase: lower-case the text and strip accents.
        size: encoder preset, one of `SIZES`.
        objective: one of `OBJECTIVES`.
        sequence_length: tokens of an example at most.
        batch_size: examples per update, over all devices.
        steps: updates.
        learning_rate: its peak.
        warmup_steps: updates until the peak; 5 % of all if not given.
        weight_decay: of AdamW.
        adam_beta_2: of AdamW; short runs like it lower than the paper's 0.999.
        initializer_stddev: deviation of random initial weights; narrow models learn sooner with more than the
            paper's 0.02, which suits a width of 768.
        dropout: rate of all dropouts; the preset's or the initial model's if not given.
        masking_rate: share of tokens to predict.
        whole_word_masking: mask whole words.
        short_sequence_rate: share of examples that aim at a random shorter length.
        random_pair_rate: share of random (`nsp`) or swapped (`sop`) pairs.
        held_out_share: share of the documents that is evaluated on instead of trained on.
        held_out_examples: examples to evaluate on at most.
        precision: one of `PRECISIONS`.
        strategy: `auto`, `one_device` or `mirrored`.
        evaluation_steps: updates between evaluations; a tenth of all if not given.
        checkpoint_steps: updates between checkpoints; a tenth of all if not given.
        seed: of everything random.
    """

    input: str | None = None
    input_layout: str = "sentences"
    language: str = "en"
    init: str | None = None
    vocabulary: str | None = None
    vocabulary_size: int = 30522
    lowercase: bool = True
    size: str = "base"
    objective: str = "nsp"
    sequence_length: int = 128
    batch_size: int = 32
    steps: int = 100_000
    learning_rate: float = 1e-4
    warmup_steps: int | None = None
    weight_decay: float = 0.01
    adam_beta_2: float = 0.999
    initializer_stddev: float = 0.02
    dropout: float | None = None
    masking_rate: float = 0.15
    whole_word_masking: bool = False
    short_sequence_rate: float = 0.1
    random_pair_rate: float = 0.5
    held_out_share: float = 0.02
    held_out_examples: int = 2048
    precision: str = "float32"
    strategy: str = "auto"
    evaluation_steps: int | None = None
    checkpoint_steps: int | None = None
    seed: int = 0

    def __post_init__(self):
        require(self.size in SIZES, f"`size` to be one of {', '.join(SIZES)}", size=self.size)
        require(self.precision in PRECISIONS, f"`precision` to be one of {', '.join(PRECISIONS)}",
                precision=self.precision)
        for name in ("batch_size", "steps", "held_out_examples", "evaluation_steps", "checkpoint_steps"):
            value = getattr(self, name)
            require(value is None or value >= 1, f"`{name}` >= 1", **{name: value})
        require(self.learning_rate > 0, "`learning_rate` > 0", learning_rate=self.learning_rate)
        require(self.warmup_steps is None or 0 <= self.warmup_steps <= self.steps, "`warmup_steps` in [0, steps]",
                warmup_steps=self.warmup_steps, steps=self.steps)
        require(not (self.init and self.vocabulary), "no `vocabulary` beside `init`, which brings its own",
                init=self.init, vocabulary=self.vocabulary)
        require(0 < self.held_out_share <= 0.5, "`held_out_share` in (0, 0.5]", held_out_share=self.held_out_share)
        # These check their own fields.
        self.examples()
        self.masking()

    def examples(self) -> ExampleConfig:
        """How documents become examples."""
        return ExampleConfig(self.sequence_length, self.objective, self.short_sequence_rate, self.random_pair_rate)

    def masking(self) -> MaskingConfig:
        """How tokens are hidden."""
        return MaskingConfig(self.masking_rate, whole_words=self.whole_word_masking)

    def encoder(self, vocabulary_size: int) -> EncoderConfig:
        """The encoder for a vocabulary of so many pieces."""
        return EncoderConfig.from_size(self.size, vocabulary_size=vocabulary_size,
                                       initializer_stddev=self.initializer_stddev, **self.dropouts())

    def dropouts(self) -> dict[str, float]:
        """The fields of an `EncoderConfig` that `dropout` sets."""
        return {} if self.dropout is None else {"dropout": self.dropout, "attention_dropout": self.dropout}

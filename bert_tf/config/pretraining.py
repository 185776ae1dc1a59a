"""A whole pre-training run."""

import dataclasses

from bert_tf.config.checks import require
from bert_tf.config.encoder import SIZES, EncoderConfig
from bert_tf.config.examples import ExampleConfig, MaskingConfig
from bert_tf.config.phases import parse_phases

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
OPTIMIZERS = ("adamw", "lamb")
SCHEDULES = ("linear", "polynomial", "warmup_stable_decay", "constant")
XLA = ("auto", "on", "off")
ON_NAN = ("stop", "skip")

FREE_TO_CHANGE = ("checkpoint_steps", "checkpoint_minutes", "keep_checkpoints", "tensorboard", "on_nan")
"""Fields that a run that goes on may change: they have no influence on its results."""


@dataclasses.dataclass(frozen=True)
class PretrainingConfig:
    """A whole pre-training run, as `scripts/pretrain.py` takes it from flags or from a JSON file (`--config`).

    Attributes:
        input: comma-separated files or patterns of text, or `tfds:NAME`; without it (and without `records`) the
            documentation of this Python installation is read.
        input_layout: `sentences` (a sentence per line, blank line between documents), `lines` (a document per line)
            or `files` (a document per file); the latter two are split into sentences.
        language: ISO code for the sentence splitter.
        records: instead of `input`: comma-separated TFRecord files or patterns of ready examples, from
            `scripts/build_records.py`, whose vocabulary is taken, or from Google's BERT or Model Garden, which want
            `vocabulary` or `init`.
        keep_masks: train on the masks that records of others come with, instead of masking anew on every pass.
        data_service: address of a tf.data service whose workers read `records`, such as `grpc://host:5050`.
        init: model to go on training: a model directory or "owner/name" on the Hugging Face hub; its shape and its
            tokeniser are kept. Without it weights are drawn at random.
        vocabulary: a `vocab.txt`; without it (and without `init`) one of `vocabulary_size` pieces is learned.
        vocabulary_size: pieces to learn.
        extend_vocabulary: file of further pieces for `init`, one per line; their embeddings start as the mean of those
            of the pieces that they were split into before.
        lowercase: lower-case the text.
        strip_accents: take accents off letters; as `lowercase` says if not given.
        split_cjk: make every Chinese character a word of its own, as BERT does.
        size: encoder preset, one of `SIZES`.
        objective: one of `OBJECTIVES`.
        sequence_length: tokens of an example at most.
        phases: sequence lengths that follow each other, such as `90%:128,10%:512` (share of the steps, length),
            instead of the one `sequence_length`.
        batch_size: examples per update, over all devices.
        accumulate: parts in which a device computes its examples of an update, one after the other, to save memory.
        steps: updates.
        optimizer: `adamw` or `lamb`.
        learning_rate: its peak.
        schedule: after the warm-up: `linear` to 0, `polynomial` (quadratically to 0), `warmup_stable_decay` (at the
            peak, the last tenth linearly to 0) or `constant`.
        warmup_steps: updates until the peak; 5 % of all if not given.
        weight_decay: of the optimiser.
        adam_beta_2: of the optimiser; short runs like it lower than the paper's 0.999.
        ema: momentum of a moving average of the weights, such as 0.999, which is then evaluated and saved.
        initializer_stddev: deviation of random initial weights; narrow models learn sooner with more than the
            paper's 0.02, which suits a width of 768.
        dropout: rate of all dropouts; the preset's or the initial model's if not given.
        masking_rate: share of tokens to predict.
        whole_word_masking: mask whole words.
        short_sequence_rate: share of examples that aim at a random shorter length.
        random_pair_rate: share of random (`nsp`) or swapped (`sop`) pairs.
        held_out_share: share of the documents or records that is evaluated on instead of trained on.
        held_out_examples: examples to evaluate on at most.
        precision: one of `PRECISIONS`; weights, sums and losses are float32 in all of them.
        xla: compile the training step with XLA: `auto` (where it gains), `on` or `off`.
        rematerialize: compute activations twice instead of keeping them, for long sequences.
        strategy: `auto`, `one_device`, `mirrored`, `multi_worker` (machines named by TF_CONFIG) or `tpu`.
        tpu: name or address of the TPU; "local" on its own machine.
        evaluation_steps: updates between evaluations; a tenth of all if not given.
        checkpoint_steps: updates between checkpoints; a tenth of all if not given.
        checkpoint_minutes: minutes after which there is a checkpoint anyway.
        keep_checkpoints: how many of the newest are kept, beside the best.
        on_nan: `stop` when a loss is no number, or `skip` such updates.
        tensorboard: write scalars for TensorBoard.
        seed: of everything random.
    """

    input: str | None = None
    input_layout: str = "sentences"
    language: str = "en"
    records: str | None = None
    keep_masks: bool = False
    data_service: str | None = None
    init: str | None = None
    vocabulary: str | None = None
    vocabulary_size: int = 30522
    extend_vocabulary: str | None = None
    lowercase: bool = True
    strip_accents: bool | None = None
    split_cjk: bool = True
    size: str = "base"
    objective: str = "nsp"
    sequence_length: int = 128
    phases: str | None = None
    batch_size: int = 32
    accumulate: int = 1
    steps: int = 100_000
    optimizer: str = "adamw"
    learning_rate: float = 1e-4
    schedule: str = "linear"
    warmup_steps: int | None = None
    weight_decay: float = 0.01
    adam_beta_2: float = 0.999
    ema: float | None = None
    initializer_stddev: float = 0.02
    dropout: float | None = None
    masking_rate: float = 0.15
    whole_word_masking: bool = False
    short_sequence_rate: float = 0.1
    random_pair_rate: float = 0.5
    held_out_share: float = 0.02
    held_out_examples: int = 2048
    precision: str = "float32"
    xla: str = "auto"
    rematerialize: bool = False
    strategy: str = "auto"
    tpu: str | None = None
    evaluation_steps: int | None = None
    checkpoint_steps: int | None = None
    checkpoint_minutes: float = 30.0
    keep_checkpoints: int = 2
    on_nan: str = "stop"
    tensorboard: bool = True
    seed: int = 0

    def __post_init__(self):
        self._check_choices()
        self._check_numbers()
        self._check_source()
        # These check their own fields.
        self.lengths()
        self.examples()
        self.masking()

    def _check_choices(self) -> None:
        choices = {"size": SIZES, "precision": PRECISIONS, "optimizer": OPTIMIZERS, "schedule": SCHEDULES, "xla": XLA,
                   "on_nan": ON_NAN}
        for name, allowed in choices.items():
            value = getattr(self, name)
            require(value in allowed, f"`{name}` to be one of {', '.join(allowed)}", **{name: value})

    def _check_numbers(self) -> None:
        for name in ("batch_size", "accumulate", "steps", "held_out_examples", "evaluation_steps", "checkpoint_steps",
                     "keep_checkpoints"):
            value = getattr(self, name)
            require(value is None or value >= 1, f"`{name}` >= 1", **{name: value})
        for name in ("learning_rate", "checkpoint_minutes"):
            require(getattr(self, name) > 0, f"`{name}` > 0", **{name: getattr(self, name)})
        require(self.warmup_steps is None or 0 <= self.warmup_steps <= self.steps, "`warmup_steps` in [0, steps]",
                warmup_steps=self.warmup_steps, steps=self.steps)
        require(self.batch_size % self.accumulate == 0, "`accumulate` to divide `batch_size`",
                accumulate=self.accumulate, batch_size=self.batch_size)
        require(self.weight_decay >= 0, "`weight_decay` >= 0", weight_decay=self.weight_decay)
        require(0 < self.adam_beta_2 < 1, "`adam_beta_2` in (0, 1)", adam_beta_2=self.adam_beta_2)
        require(self.ema is None or 0 < self.ema < 1, "`ema` in (0, 1)", ema=self.ema)
        require(0 <= self.seed < 2**32, "`seed` in [0, 2**32)", seed=self.seed)
        require(0 < self.held_out_share <= 0.5, "`held_out_share` in (0, 0.5]", held_out_share=self.held_out_share)

    def _check_source(self) -> None:
        require(not (self.init and self.vocabulary), "no `vocabulary` beside `init`, which brings its own",
                init=self.init, vocabulary=self.vocabulary)
        require(not self.extend_vocabulary or self.init, "`init` beside `extend_vocabulary`, which extends its "
                "vocabulary", extend_vocabulary=self.extend_vocabulary, init=self.init)
        require(not (self.records and self.input), "either `records` or `input`", records=self.records,
                input=self.input)
        require(not self.keep_masks or self.records, "`records` beside `keep_masks`", keep_masks=self.keep_masks,
                records=self.records)
        require(not self.data_service or self.records, "`records` beside `data_service`, whose workers read them",
                data_service=self.data_service, records=self.records)
        require(not self.tpu or self.strategy in ("auto", "tpu"), "the strategy `auto` or `tpu` beside `tpu`",
                tpu=self.tpu, strategy=self.strategy)

    def lengths(self) -> list[tuple[int, int]]:
        """`(steps, sequence_length)` of each phase."""
        return parse_phases(self.phases, self.steps, self.sequence_length)

    def examples(self, sequence_length: int | None = None) -> ExampleConfig:
        """How documents become examples, of `sequence_length` tokens at most."""
        return ExampleConfig(sequence_length or self.sequence_length, self.objective, self.short_sequence_rate,
                             self.random_pair_rate)

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

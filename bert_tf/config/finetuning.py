"""A whole fine-tuning run."""

import dataclasses
import re

from bert_tf.config.checks import require
from bert_tf.config.pretraining import PRECISIONS

GLUE_TASKS = ("cola", "sst2", "mrpc", "stsb", "qqp", "mnli", "qnli", "rte", "wnli")
"""The tasks of GLUE (Wang et al. 2018), each with its files, labels and metric."""

TASKS = ("classification", "regression", "tagging", "question_answering", "multiple_choice", "embedding", *GLUE_TASKS)
"""What a BERT can be fine-tuned for."""

STRATEGIES = ("auto", "one_device", "mirrored")

_FREEZE = re.compile(r"encoder|embeddings|[1-9][0-9]*")


@dataclasses.dataclass(frozen=True)
class FinetuningConfig:
    """A whole fine-tuning run, as `scripts/finetune.py` takes it from flags or from a JSON file (`--config`).

    Attributes:
        task: one of `TASKS`; a GLUE name knows its columns, labels and metric.
        init: model to start from: a model directory or "owner/name" on the Hugging Face hub; its tokeniser is kept.
        train: training examples: TSV, CSV or JSON lines (texts), CoNLL columns (tagging), SQuAD JSON (question
            answering), or `tfds:NAME`.
        validation: examples to evaluate on, in the same format; without it a tenth of `train` is held out. Of several
            files, comma-separated, the first one decides which checkpoint is kept.
        test: examples to answer when training is done, whatever labels a table has; for a GLUE name the submission
            file is written.
        data: folder with train, dev and test files, or `tfds:NAME`, in place of the three flags.
        text_column: column of the text, of the first of two, or of the words (tagging): its name, or its number from
            0; found by its name if not given.
        second_text_column: column of the second text; empty for single texts.
        label_column: column of the label, the score or the tags.
        layout: of tables: `csv`, `tsv` or `jsonl`; the name's ending says it if not given.
        header: the first line of a table names the columns; found out if not given.
        labels: comma-separated label names in the order of the model's outputs; those of `train`, sorted, if not
            given.
        max_length: tokens of an example at most, special ones included; 128 if not given, 384 for question answering.
        stride: tokens between the beginnings of two windows over a long context (question answering).
        max_answer_length: tokens of an answer at most (question answering).
        epochs: passes over the training examples.
        batch_size: examples per update, over all devices.
        learning_rate: its peak.
        warmup_rate: share of the updates until the peak; a linear decay to 0 follows.
        weight_decay: of AdamW.
        dropout: rate before the task's output layer; the encoder's own rates are those of `init`.
        layer_decay: factor on the learning rate for each layer down from the output; 1 trains all alike.
        freeze: what is not trained: `encoder`, `embeddings`, or a number of layers from below, embeddings included.
        lora_rank: rank of low-rank updates, which alone are trained, beside the output layers; 0 trains everything.
        evaluation_steps: updates between two evaluations; an epoch if not given.
        precision: one of `PRECISIONS`.
        strategy: `auto`, `one_device` or `mirrored`.
        accumulate: parts in which each device computes its rows of a batch, to save memory; not for pairs without
            scores (embedding), which are compared with all others of the batch.
        seed: of everything random.
        seeds: number of runs, with `seed`, `seed` + 1 ...; the best one is kept.
        grid: values to try, such as `learning_rate=2e-5,3e-5;batch_size=16,32`: a run for each combination and seed.
    """

    task: str = "classification"
    init: str | None = None
    train: str | None = None
    validation: str | None = None
    test: str | None = None
    data: str | None = None
    text_column: str | None = None
    second_text_column: str | None = None
    label_column: str | None = None
    layout: str | None = None
    header: bool | None = None
    labels: str | None = None
    max_length: int | None = None
    stride: int = 128
    max_answer_length: int = 30
    epochs: int = 3
    batch_size: int = 32
    learning_rate: float = 5e-5
    warmup_rate: float = 0.1
    weight_decay: float = 0.01
    dropout: float = 0.1
    layer_decay: float = 1.0
    freeze: str | None = None
    lora_rank: int = 0
    evaluation_steps: int | None = None
    precision: str = "float32"
    strategy: str = "auto"
    accumulate: int = 1
    seed: int = 0
    seeds: int = 1
    grid: str | None = None

    def __post_init__(self):
        require(self.task in TASKS, f"`task` to be one of {', '.join(TASKS)}", task=self.task)
        require(bool(self.init), "`init`, a model to start from", init=self.init)
        require(bool(self.train) != bool(self.data), "either `train` or `data`, the training examples",
                train=self.train, data=self.data)
        require(self.precision in PRECISIONS, f"`precision` to be one of {', '.join(PRECISIONS)}",
                precision=self.precision)
        require(self.strategy in STRATEGIES, f"`strategy` to be one of {', '.join(STRATEGIES)}", strategy=self.strategy)
        for name in ("epochs", "batch_size", "stride", "max_answer_length", "evaluation_steps", "accumulate", "seeds"):
            value = getattr(self, name)
            require(value is None or value >= 1, f"`{name}` >= 1", **{name: value})
        require(0 <= self.seed < 2**32, "`seed` in [0, 2**32)", seed=self.seed)
        require(self.max_length is None or self.max_length >= 8, "`max_length` >= 8", max_length=self.max_length)
        require(self.learning_rate > 0, "`learning_rate` > 0", learning_rate=self.learning_rate)
        require(0 <= self.warmup_rate <= 1, "`warmup_rate` in [0, 1]", warmup_rate=self.warmup_rate)
        require(self.weight_decay >= 0, "`weight_decay` >= 0", weight_decay=self.weight_decay)
        require(0 <= self.dropout < 1, "`dropout` in [0, 1)", dropout=self.dropout)
        require(0 < self.layer_decay <= 1, "`layer_decay` in (0, 1]", layer_decay=self.layer_decay)
        require(self.lora_rank >= 0, "`lora_rank` >= 0", lora_rank=self.lora_rank)
        require(self.freeze is None or bool(_FREEZE.fullmatch(self.freeze)),
                "`freeze` to be encoder, embeddings or a number of layers", freeze=self.freeze)
        require(not (self.freeze and self.lora_rank), "either `freeze` or `lora_rank`, which freezes everything else",
                freeze=self.freeze, lora_rank=self.lora_rank)

    @property
    def longest(self) -> int:
        """Tokens of an example at most."""
        return self.max_length or (384 if self.task == "question_answering" else 128)

    def label_names(self) -> list[str] | None:
        """`labels` as a list."""
        return None if self.labels is None else [name.strip() for name in self.labels.split(",")]

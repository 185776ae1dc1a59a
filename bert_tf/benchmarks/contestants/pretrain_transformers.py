"""Transformers from raw text: its example `run_mlm.py` with `group_texts`, read as a stream."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import torch
import transformers

from bert_tf.benchmarks.contestants.transformers import NO_LABEL, TorchTrainer

_LINES = 1000
_CHECKED = 4


class Pretrainer:
    """`AutoTokenizer`, `DataCollatorForLanguageModeling`, `BertForMaskedLM`."""

    def __init__(self, job: dict, bfloat16: bool = False):
        self._job = job
        self._trainer = TorchTrainer(transformers.BertForMaskedLM.from_pretrained(job["model"]), "fixed",
                                     bfloat16=bfloat16)
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(job["model"])
        self._collate = transformers.DataCollatorForLanguageModeling(self._tokenizer, mlm_probability=0.15)
        torch.manual_seed(job["seed"])

    def _batches(self) -> Iterator[dict]:
        blocks = self._blocks()
        while rows := list(itertools.islice(blocks, self._job["batch_size"])):
            yield dict(self._collate(rows))

    def _blocks(self) -> Iterator[dict]:
        length, rest = self._job["sequence_length"], []
        with Path(self._job["text"]).open(encoding="utf-8") as file:
            lines = (line.rstrip("\n") for line in file if line.strip())
            while some := list(itertools.islice(lines, _LINES)):
                rest += itertools.chain.from_iterable(self._tokenizer(some)["input_ids"])
                whole = len(rest) // length * length
                for start in range(0, whole, length):
                    yield {"input_ids": rest[start:start + length]}
                rest = rest[whole:]

    def train(self, steps: int) -> int:
        """Steps on the first batches; gives their tokens."""
        tokens = 0
        for batch in itertools.islice(self._batches(), steps):
            tokens += batch["input_ids"].numel()
            self._trainer.train([batch])
        return tokens

    def first_losses(self) -> tuple[float, float]:
        """The mean loss and the share of masked tokens of the first batches."""
        batches = list(itertools.islice(self._batches(), _CHECKED))
        masked = sum(int((batch["labels"] != NO_LABEL).sum()) for batch in batches)
        return self._trainer.mean_loss(batches), masked / sum(batch["labels"].numel() for batch in batches)

"""Transformers on PyTorch: training steps, on a GPU where PyTorch finds one, and the encoder."""

import contextlib
from collections.abc import Callable, Sequence

import numpy as np
import torch
import transformers

from bert_tf.benchmarks.batching import Batch
from bert_tf.benchmarks.works.train import LEARNING_RATE

NO_LABEL = -100


def autocast(bfloat16: bool, device: str = "cpu"):
    """The context of one precision."""
    return torch.autocast(device, torch.bfloat16) if bfloat16 else contextlib.nullcontext()


class TorchTrainer:
    """AdamW, the norm of the gradient clipped at 1, as `transformers.Trainer` does it.

    Args:
        model: in training mode.
        layout: of the batches.
        bfloat16: autocast.
        compile: with torch.compile.
    """

    def __init__(self, model, layout: str, *, bfloat16: bool = False, compile: bool = False):
        self.layout, self._bfloat16 = layout, bfloat16
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = model.to(self._device).train()
        self._step = torch.compile(model) if compile else model
        self._optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=0.01, fused=True)

    def prepared(self, batches: Sequence[Batch]) -> list[dict]:
        """Tensors."""
        return [tensors(batch) for batch in batches]

    def train(self, batches: list[dict]) -> None:
        """A step on each batch."""
        for batch in batches:
            with self._autocast():
                loss = self._step(**self._moved(batch)).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
            self._optimizer.step()
            self._optimizer.zero_grad()
        if self._device == "cuda":
            torch.cuda.synchronize()

    def losses(self, batch: Batch) -> dict[str, float]:
        """Of each head, without dropout."""
        self._model.eval()
        values = self._moved(tensors(batch))
        with torch.no_grad(), self._autocast():
            outputs = self._model(**{name: values[name] for name in ("input_ids", "token_type_ids", "attention_mask")})
        self._model.train()
        return {name: float(torch.nn.functional.cross_entropy(logits.float().flatten(0, -2), labels.flatten()))
                for name, logits, labels in _heads(outputs, values)}

    def mean_loss(self, batches: Sequence[dict]) -> float:
        """Of the model itself over its batches, without dropout."""
        self._model.eval()
        with torch.no_grad(), self._autocast():
            losses = [float(self._model(**self._moved(batch)).loss) for batch in batches]
        self._model.train()
        return sum(losses) / len(losses)

    def _autocast(self):
        return autocast(self._bfloat16, self._device)

    def _moved(self, batch: dict) -> dict:
        return {name: value.to(self._device) for name, value in batch.items()}


def _heads(outputs, values: dict):
    """`(our name, logits, labels)` of each head."""
    if "prediction_logits" in outputs:
        yield "masked_lm", outputs.prediction_logits, values["labels"]
        yield "next_sentence", outputs.seq_relationship_logits, values["next_sentence_label"]
    else:
        yield "masked_lm" if outputs.logits.dim() == 3 else "logits", outputs.logits, values["labels"]


def tensors(batch: Batch) -> dict[str, torch.Tensor]:
    """Our features by Transformers' names; labels at all positions, as its models take them."""
    values = {"input_ids": batch["token_ids"], "token_type_ids": batch["segment_ids"],
              "attention_mask": batch["padding_mask"]}
    if "label" in batch:
        values["labels"] = batch["label"]
    elif "masked_labels" in batch:
        labels = np.full(batch["token_ids"].shape, NO_LABEL)
        row, slot = np.nonzero(batch["masked_weights"])
        labels[row, batch["masked_positions"][row, slot]] = batch["masked_labels"][row, slot]
        values |= {"labels": labels, "next_sentence_label": batch["next_sentence_label"]}
    return {name: torch.from_numpy(np.ascontiguousarray(value, np.int64)) for name, value in values.items()}


class PretrainingTrainer(TorchTrainer):
    """`BertForPreTraining` with its own loss."""

    def __init__(self, job: dict, layout: str, **options):
        super().__init__(transformers.BertForPreTraining.from_pretrained(job["model"]), layout, **options)


class ClassifierTrainer(TorchTrainer):
    """`BertForSequenceClassification` with its own loss."""

    def __init__(self, job: dict, layout: str, **options):
        super().__init__(transformers.BertForSequenceClassification.from_pretrained(job["model"]), layout, **options)


def encoder(job: dict, bfloat16: bool = False, compile: bool = False) -> Callable[[Batch], np.ndarray]:
    """From features to the last hidden state."""
    model = transformers.BertModel.from_pretrained(job["model"]).eval()
    function = torch.compile(model) if compile else model

    def call(features: Batch) -> np.ndarray:
        with torch.inference_mode(), autocast(bfloat16):
            return function(**tensors(features)).last_hidden_state.float().numpy()
    return call

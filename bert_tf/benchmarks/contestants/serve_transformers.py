"""Transformers answers texts."""

from collections.abc import Callable

import numpy as np
import torch
import transformers

from bert_tf.benchmarks.contestants.transformers import autocast


def classifier(job: dict, bfloat16: bool = False,
               threads_per_call: int | None = None) -> Callable[[list[str]], np.ndarray]:
    """From texts to probabilities; padded to the longest of a batch."""
    if threads_per_call:
        torch.set_num_threads(threads_per_call)
    model = transformers.BertForSequenceClassification.from_pretrained(job["model"]).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(job["model"])

    def answer(texts: list[str]) -> np.ndarray:
        encoded = tokenizer(texts, padding=True, truncation=True, max_length=job["sequence_length"],
                            return_tensors="pt")
        with torch.inference_mode(), autocast(bfloat16):
            return torch.softmax(model(**encoded).logits.float(), dim=-1).numpy()
    return answer

"""ONNX Runtime answers texts, behind Hugging Face's tokeniser."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tokenizers

from bert_tf.benchmarks.contestants.onnx_runtime import session


def classifier(job: dict, int8: bool = False,
               threads_per_call: int | None = None) -> Callable[[list[str]], np.ndarray]:
    """From texts to probabilities; padded to the longest of a batch."""
    job = job | {"threads": threads_per_call or job["threads"]}
    run = session(job, "BertForSequenceClassification", "logits", int8=int8)
    tokenizer = open_tokenizer(job)

    def answer(texts: list[str]) -> np.ndarray:
        encoded = tokenizer.encode_batch(texts)
        logits = run({"token_ids": np.array([each.ids for each in encoded]),
                      "segment_ids": np.array([each.type_ids for each in encoded]),
                      "padding_mask": np.array([each.attention_mask for each in encoded])})
        exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return exponentials / exponentials.sum(axis=-1, keepdims=True)
    return answer


def open_tokenizer(job: dict) -> tokenizers.Tokenizer:
    """With special tokens, truncation and padding."""
    settings = json.loads(Path(job["model"], "tokenizer_config.json").read_text())
    tokenizer = tokenizers.BertWordPieceTokenizer(str(Path(job["model"], "vocab.txt")),
                                                  lowercase=settings.get("do_lower_case", True))
    tokenizer.enable_truncation(job["sequence_length"])
    tokenizer.enable_padding()
    return tokenizer

"""bert_tf answers texts: its LiteRT file, strings in."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bert_tf.export.tflite import COUNTING_SIGNATURE
from bert_tf.export.tflite_check import PhoneModel
from bert_tf.text.packing import BUCKETS
from bert_tf.workflows.export_tflite import export_tflite


def classifier(job: dict, quantize: str) -> Callable[[list[str]], np.ndarray]:
    """From texts to probabilities, one text after the other, each padded to the next length that the file has."""
    longest = job["sequence_length"]
    lengths = [*(length for length in BUCKETS[4::2] if length < longest), longest]  # 16, 24, 32, 48, ...
    path = Path(job["folder"], f"served_{quantize}.tflite")
    if not path.exists():
        export_tflite(job["model"], str(path), quantize=quantize, lengths=lengths, pairs=False,
                      report=lambda line: None)
    model, lock = PhoneModel(path, num_threads=job["threads"]), threading.Lock()

    def answer(texts: list[str]) -> np.ndarray:
        rows = []
        for text in texts:
            inputs = {"text": np.array([text.encode()], object)}
            with lock:
                needed = model(COUNTING_SIGNATURE, inputs)["num_tokens"][0]
                length = next((length for length in lengths if length >= needed), longest)
                rows.append(model(f"length_{length}", inputs)["probabilities"][0])
        return np.stack(rows)
    return answer

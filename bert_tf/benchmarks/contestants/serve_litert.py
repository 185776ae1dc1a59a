"""bert_tf answers texts: its LiteRT file, strings in."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from bert_tf.export.litert_endpoint import LiteRTEndpoint
from bert_tf.text.packing import BUCKETS
from bert_tf.workflows.export_tflite import export_tflite


def classifier(job: dict, quantize: str) -> Callable[[list[str]], np.ndarray]:
    """From texts to probabilities, each padded to the next length that the file has."""
    longest = job["sequence_length"]
    path = Path(job["folder"], f"served_{quantize}.tflite")
    if not path.exists():
        export_tflite(job["model"], str(path), quantize=quantize, pairs=False, report=lambda line: None,
                      lengths=[*(length for length in BUCKETS if length < longest), longest])
    endpoint = LiteRTEndpoint(path, job["threads"])
    return lambda texts: endpoint.answer({"text": texts})["probabilities"]

"""A sentence embedder in ONNX Runtime, pooled in NumPy."""

from collections.abc import Callable

import numpy as np

from bert_tf.benchmarks.batching import Batch
from bert_tf.benchmarks.contestants.onnx_runtime import session
from bert_tf.config import require


def embedder(job: dict, int8: bool = False) -> Callable[[Batch], np.ndarray]:
    """From packed ids to the embedding, up to its length."""
    require(job["pooling"] in ("mean", "cls"), "an embedder that pools by the mean or the first token",
            pooling=job["pooling"])
    run = session(job, "BertModel", "last_hidden_state", int8=int8)

    def embed(features: Batch) -> np.ndarray:
        hidden = run(features)  # (1, seq, hidden)
        if job["pooling"] == "cls":
            return hidden[:, 0]
        weights = features["padding_mask"][..., np.newaxis]
        return (hidden * weights).sum(axis=1) / weights.sum(axis=1)
    return embed

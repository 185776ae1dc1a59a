"""One function per loss; every one gives a value per element, which the model weights and averages."""

import keras
from keras import ops


def cross_entropy(labels, logits):
    """-log softmax(logits)[label], natural logarithm.

    One fused kernel on TensorFlow: beside the logits it keeps their gradient and no table of log-probabilities.

    Args:
        labels: int `(...)`, in [0, classes).
        logits: float `(..., classes)`; computed in float32 at least.

    Returns:
        float32 `(...)`.
    """
    logits = ops.cast(logits, keras.backend.result_type(logits.dtype, "float32"))
    return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)

"""One function per loss; every one gives a value per element, which the model weights and averages."""

import keras
from keras import ops


def cross_entropy(labels, logits):
    """-log softmax(logits)[label], natural logarithm.

    Args:
        labels: int `(...)`, in [0, classes).
        logits: float `(..., classes)`; computed in float32 at least.

    Returns:
        float32 `(...)`.
    """
    logits = ops.cast(logits, keras.backend.result_type(logits.dtype, "float32"))
    if keras.backend.backend() != "tensorflow":
        return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    rows = ops.reshape(logits, (-1, ops.shape(logits)[-1]))
    return ops.reshape(_cross_entropy_of_rows(ops.reshape(labels, (-1,)), rows), ops.shape(labels))


def _cross_entropy_of_rows(labels, logits):
    """As `cross_entropy`, `(rows,)` and `(rows, classes)`.

    TensorFlow's fused kernel (`sparse_softmax_cross_entropy_with_logits`) takes three times as long on a CPU as its
    softmax and the few passes over the logits that are needed beside it.
    """
    labels = ops.cast(labels, "int32")
    places = ops.stack([ops.arange(ops.shape(labels)[0], dtype="int32"), labels], axis=-1)

    @ops.custom_gradient
    def of_logits(logits):
        probabilities = ops.softmax(logits)
        # log(sum(exp(logits))) from the largest probability, which is at least 1 / classes.
        largest = ops.max(logits, axis=-1)
        normalizer = largest - ops.log(ops.max(probabilities, axis=-1))

        def gradient(upstream):
            weighted = probabilities * upstream[:, None]
            return ops.scatter_update(weighted, places, _at_labels(weighted, labels) - upstream)

        return normalizer - _at_labels(logits, labels), gradient

    return of_logits(logits)


def _at_labels(values, labels):
    """`values[i, labels[i]]`."""
    return ops.take_along_axis(values, labels[:, None], axis=-1)[:, 0]


def cosine_similarity(first, second):
    """The cosine of the angle between vectors; 0 for a vector of zeros.

    Args:
        first: float `(..., hidden)`.
        second: float `(..., hidden)`.

    Returns:
        float `(...)`, in [-1, 1].
    """
    return ops.sum(ops.normalize(first, axis=-1) * ops.normalize(second, axis=-1), axis=-1)


def in_batch_cross_entropy(first, second, scale: float):
    """How well each first text finds its own second text among those of the batch (Henderson et al. 2017, section 4).

    Args:
        first: float `(batch, hidden)`.
        second: float `(batch, hidden)`.
        scale: of the cosines before the softmax.

    Returns:
        The cross-entropy and whether the own second text is the first with the largest cosine, both float32 `(batch,)`.
    """
    scores = scale * ops.matmul(ops.normalize(first, axis=-1), ops.transpose(ops.normalize(second, axis=-1)))
    scores = ops.cast(scores, "float32")
    column = ops.arange(ops.shape(scores)[0])
    row = column[:, None]
    # A device may have no rows. Neither `cross_entropy` nor argmax takes scores without columns.
    own = ops.sum(ops.where(column == row, scores, 0.0), axis=-1, keepdims=True)
    beats = ops.where(column < row, own > scores, own >= scores)
    return ops.logsumexp(scores, axis=-1) - own[:, 0], ops.cast(ops.all(beats, axis=-1), "float32")

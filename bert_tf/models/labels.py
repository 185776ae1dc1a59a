"""The names of a model's labels."""

from collections.abc import Sequence

from bert_tf.config import require


def label_names(labels: Sequence[str] | None, num_labels: int | None) -> tuple[str, ...]:
    """`labels`, or LABEL_0, LABEL_1 ... if only their number is given.

    Raises:
        ValueError: neither is given, both are and disagree, there are none, or a name occurs twice.
    """
    if labels is None:
        require(isinstance(num_labels, int) and num_labels >= 1, "`labels` or `num_labels` >= 1",
                labels=labels, num_labels=num_labels)
        return tuple(f"LABEL_{index}" for index in range(num_labels))
    labels = tuple(map(str, labels))
    require(len(labels) >= 1 and len(set(labels)) == len(labels), "`labels` to be different names, at least one",
            labels=labels)
    require(num_labels in (None, len(labels)), "`num_labels` to be the number of `labels`",
            num_labels=num_labels, labels=labels)
    return labels

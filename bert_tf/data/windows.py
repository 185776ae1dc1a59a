"""Windows of examples that are shuffled and sorted by length together; the first ones are short."""

import tensorflow as tf

LONGEST = 32768
"""Examples of a window: 16 MB at 128 tokens."""

SHORTEST = 2048
"""Examples of the first window, so that training begins soon."""


class Windows:
    """How a stream of examples is divided into numbered windows of whole batches.

    Each window is as long as all before it together until they are as long as the longest, and so are all others:
    2,048, 2,048, 4,096, 8,192, 16,384, 32,768, 32,768, ... examples.

    Args:
        batch_size: examples per batch.
    """

    def __init__(self, batch_size: int):
        self._unit_batches = max(1, min(SHORTEST, LONGEST) // batch_size)
        self._unit = self._unit_batches * batch_size  # examples of the shortest window; others are multiples
        self._longest = max(1, LONGEST // self._unit)  # units
        self._starts = [0, *(2**power for power in range((self._longest - 1).bit_length()))]  # units, while they grow

    @property
    def sizes(self) -> tuple[int, int]:
        """Examples of the first and of the longest windows; they say how long all are."""
        return self._unit, self._unit * self._longest

    def first_batch(self, window: int) -> int:
        """The number of a window's first batch."""
        growing = len(self._starts)
        start = self._starts[window] if window < growing else (window - growing + 1) * self._longest
        return start * self._unit_batches

    def place_of(self, batch: int) -> tuple[int, int]:
        """The number of the window that holds a batch, and how many batches lie before it in there."""
        window = int(self._window_of(tf.constant(batch // self._unit_batches, tf.int64)))
        return window, batch - self.first_batch(window)

    def cut(self, examples: tf.data.Dataset, first: int = 0) -> tf.data.Dataset:
        """Examples -> `(number of the window, its examples)`.

        Args:
            examples: any number in each element, without end, from those of window `first` on.
            first: number of the first window.
        """
        lengths = [after - before for before, after in zip(self._starts, [*self._starts[1:], self._longest],
                                                           strict=True)]
        lengths = tf.constant([*lengths, self._longest], tf.int64)

        def units_in(window: tf.Tensor) -> tf.Tensor:
            return tf.gather(lengths, tf.minimum(window, len(self._starts)))

        def join(window: tf.Tensor, units: tf.data.Dataset) -> tf.data.Dataset:
            # Not `rebatch`: to join what it has cut itself it logs an error for each piece.
            return units.map(lambda _, rows: rows).batch(units_in(window)).map(lambda rows: (window, {
                name: tf.reshape(values, [-1, *values.shape[2:]]) for name, values in rows.items()}))

        units = examples.rebatch(self._unit).enumerate(self.first_batch(first) // self._unit_batches)
        return units.group_by_window(lambda unit, _: self._window_of(unit), join, window_size_func=units_in)

    def _window_of(self, unit: tf.Tensor) -> tf.Tensor:
        growing = tf.searchsorted(tf.constant(self._starts, tf.int64), [unit], side="right", out_type=tf.int64)[0] - 1
        return tf.where(unit < self._longest, growing, len(self._starts) - 1 + unit // self._longest)

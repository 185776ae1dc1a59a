"""From one vector per token to one vector per text (Reimers and Gurevych 2019, section 3)."""

import keras
from keras import ops

POOLINGS = ("mean", "cls", "max")


@keras.saving.register_keras_serializable(package="bert_tf")
class SentencePooling(keras.layers.Layer):
    """Pools the vectors of the real tokens, [CLS] and [SEP] included, in float32.

    float `(batch, seq, hidden)` and int `(batch, seq)` padding mask -> float32 `(batch, hidden)`.

    Args:
        pooling: "mean" or "max" over the real tokens, or "cls": the first token's vector.
        normalize: scale every result to length 1.
    """

    def __init__(self, pooling: str = "mean", *, normalize: bool = False, **kwargs):
        super().__init__(**{"dtype": "float32"} | kwargs)
        if pooling not in POOLINGS:
            raise ValueError(f"Expected `pooling` to be one of {', '.join(POOLINGS)}. Received: pooling={pooling!r}.")
        self.pooling = pooling
        self.normalize = normalize

    def call(self, sequence_output, padding_mask):
        """Pools; a text without real tokens gives zeros (mean)."""
        vectors = ops.cast(sequence_output, "float32")
        mask = ops.expand_dims(ops.cast(padding_mask, "float32"), -1)  # (batch, seq, 1)
        if self.pooling == "mean":
            # The smallest count is sentence-transformers' 1e-9.
            pooled = ops.sum(vectors * mask, axis=1) / ops.maximum(ops.sum(mask, axis=1), 1e-9)
        elif self.pooling == "max":
            pooled = ops.max(ops.where(mask > 0, vectors, -1e9), axis=1)
        else:
            pooled = vectors[:, 0]
        if self.normalize:
            # 1e-12 is the floor of torch.nn.functional.normalize.
            pooled = pooled / ops.maximum(ops.sqrt(ops.sum(pooled * pooled, axis=-1, keepdims=True)), 1e-12)
        return pooled

    def compute_output_shape(self, sequence_output_shape, padding_mask_shape):
        """(batch, hidden)."""
        return (sequence_output_shape[0], sequence_output_shape[-1])

    def get_config(self):
        """Constructor arguments."""
        return super().get_config() | {"pooling": self.pooling, "normalize": self.normalize}

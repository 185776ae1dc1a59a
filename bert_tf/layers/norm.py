"""Layer normalisation."""

import keras
from keras import ops

from bert_tf.layers.dropout import Dropout


@keras.saving.register_keras_serializable(package="bert_tf")
class LayerNorm(keras.layers.LayerNormalization):
    """As `keras.layers.LayerNormalization` over the last axis, with a shorter gradient on TensorFlow and JAX.

    Any float `(..., hidden)` in and out; float32 inside under mixed precision.
    """

    def call(self, inputs, training=None):
        """(inputs - mean) / deviation x gamma + beta."""
        wide = keras.backend.result_type(inputs.dtype, "float32")
        gamma, beta = self._weights(wide)
        backend = keras.backend.backend()
        if training and backend in ("tensorflow", "jax"):
            if backend == "tensorflow":
                from bert_tf.layers.norm_tensorflow import normalize_to_train
            else:
                from bert_tf.layers.norm_jax import normalize_to_train

            return normalize_to_train(inputs, gamma, beta, self.epsilon)
        # Fewer operations than Keras': a phone feels each.
        centred = ops.cast(inputs, wide)
        centred -= ops.mean(centred, axis=-1, keepdims=True)
        scale = ops.rsqrt(ops.mean(centred * centred, axis=-1, keepdims=True) + self.epsilon)
        return ops.cast(centred * scale * gamma + beta, inputs.dtype)

    def of_biased_sum(self, residual, branch, bias, dropout: Dropout):
        """In training: what the call makes of `residual` + `dropout`(`branch` + `bias`), in one kernel.

        Args:
            residual: float `(..., hidden)`, for which `is_one_kernel` holds.
            branch: of the same shape.
            bias: `(hidden,)`.
            dropout: whose rate and seeds are used.
        """
        from bert_tf.layers.residual_norm_jax import add_and_normalize

        gamma, beta = self._weights("float32")
        return add_and_normalize(residual, branch, ops.cast(bias, self.compute_dtype), gamma, beta,
                                 epsilon=self.epsilon, rate=dropout.rate,
                                 seed=dropout.seeds.next() if dropout.rate else None)

    def _weights(self, dtype):
        return (ops.cast(weight, dtype) for weight in (self.gamma, self.beta))

    @staticmethod
    def is_one_kernel(inputs) -> bool:
        """Whether there is a kernel for `of_biased_sum`: on JAX with one GPU, in 16 bits (`residual_norm_jax.py`)."""
        if keras.backend.backend() != "jax":
            return False
        from bert_tf.layers.residual_norm_jax import runs_here

        return runs_here(inputs.shape[-1], inputs.dtype)

"""Layer normalisation."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="bert_tf")
class LayerNorm(keras.layers.LayerNormalization):
    """As `keras.layers.LayerNormalization` over the last axis, with a shorter gradient on TensorFlow and JAX.

    Any float `(..., hidden)` in and out; float32 inside under mixed precision.
    """

    def call(self, inputs, training=None):
        """(inputs - mean) / deviation x gamma + beta."""
        wide = keras.backend.result_type(inputs.dtype, "float32")
        gamma, beta = (ops.cast(weight, wide) for weight in (self.gamma, self.beta))
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

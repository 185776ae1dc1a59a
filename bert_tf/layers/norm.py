"""Layer normalisation."""

import keras


@keras.saving.register_keras_serializable(package="bert_tf")
class LayerNorm(keras.layers.LayerNormalization):
    """As `keras.layers.LayerNormalization` over the last axis, with a shorter gradient on TensorFlow and JAX.

    Any float `(..., hidden)` in and out; float32 inside under mixed precision.
    """

    def call(self, inputs, training=None):
        """(inputs - mean) / deviation x gamma + beta."""
        backend = keras.backend.backend()
        if not training or backend not in ("tensorflow", "jax"):
            return super().call(inputs)
        if backend == "tensorflow":
            from bert_tf.layers.norm_tensorflow import normalize_to_train
        else:
            from bert_tf.layers.norm_jax import normalize_to_train

        wide = keras.backend.result_type(inputs.dtype, "float32")
        gamma, beta = (keras.ops.cast(weight, wide) for weight in (self.gamma, self.beta))
        return normalize_to_train(inputs, gamma, beta, self.epsilon)

"""The last layers of most models: a dropout and a dense layer."""

import keras

from bert_tf.config import EncoderConfig
from bert_tf.layers.dense import Dense
from bert_tf.layers.dropout import Dropout


def output_layer(units: int, config: EncoderConfig, dtype: keras.dtype_policies.DTypePolicy,
                 name: str) -> Dense:
    """The dense layer that gives the logits, float32 `(..., units)` under mixed precision too."""
    return Dense(
        units, kernel_initializer=keras.initializers.TruncatedNormal(stddev=config.initializer_stddev),
        dtype=keras.backend.result_type(dtype.compute_dtype, "float32"), name=name)


def output_dropout(rate: float | None, config: EncoderConfig,
                   dtype: keras.dtype_policies.DTypePolicy) -> Dropout:
    """The dropout before it; None for the rate of the encoder, as google-research/bert has it."""
    return Dropout(config.dropout if rate is None else rate, dtype=dtype, name="classifier_dropout")

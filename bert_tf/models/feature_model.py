"""What every model here is: a functional Keras model over named features, made from an `EncoderConfig`."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from bert_tf.config import EncoderConfig


class FeatureModel(keras.Model):
    """A functional model whose inputs and outputs have names.

    A subclass makes its layers and its graph, calls this constructor, and only then keeps layers as attributes, because
    torch takes none before the model is initialised. Its `get_config` adds its own arguments to those given here.

    Args:
        inputs: the symbolic inputs by name.
        outputs: the symbolic outputs by name.
        config: shape and numerics of the encoder.
        dtype: policy of all layers.
        **kwargs: `name` and `trainable`.
    """

    def __init__(self, inputs: dict[str, Any], outputs: dict[str, Any], *, config: EncoderConfig,
                 dtype: keras.dtype_policies.DTypePolicy, **kwargs):
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self.config = config
        self.dtype_policy = dtype

    def __call__(self, inputs, *args, **kwargs):
        """As `keras.Model.__call__`; also takes lists, and ignores features that are not inputs."""
        return super().__call__(select_inputs(inputs, tuple(self.input)), *args, **kwargs)

    def get_config(self):
        """Constructor arguments."""
        return {
            "config": self.config.to_dict(),
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "name": self.name,
            "trainable": self.trainable,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The inverse of `get_config`."""
        return cls(**config)


def config_and_policy(config: EncoderConfig | Mapping[str, Any],
                      dtype: Any) -> tuple[EncoderConfig, keras.dtype_policies.DTypePolicy]:
    """A model's first two decisions from what its constructor was given.

    Args:
        config: an `EncoderConfig` or its `to_dict()`.
        dtype: a policy, its name or its serialised form; None for the global policy.
    """
    config = config if isinstance(config, EncoderConfig) else EncoderConfig.from_dict(config)
    return config, keras.dtype_policies.get(dtype or keras.config.dtype_policy())


def symbolic_inputs(names: tuple[str, ...]) -> dict[str, keras.KerasTensor]:
    """An int32 model input `(batch, None)` for each of `names`."""
    return {name: keras.Input((None,), dtype="int32", name=name) for name in names}


def select_inputs(features: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Takes `names` out of `features` and turns lists into int32 arrays.

    Keras would read a list as a structure of many inputs, and given one name too many it would assign the tensors to
    the wrong inputs, with no more than a warning.

    Raises:
        ValueError: a name is missing.
    """
    missing = [name for name in names if name not in features]
    if missing:
        raise ValueError(f"Expected inputs {', '.join(names)}. Received: {', '.join(features)}.")
    return {name: np.asarray(features[name], "int32") if isinstance(features[name], list | tuple) else features[name]
            for name in names}

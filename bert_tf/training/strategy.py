"""Where a run trains: one device, or all GPUs of this machine."""

import tensorflow as tf

from bert_tf.config import require

STRATEGIES = ("auto", "one_device", "mirrored")


def make_strategy(name: str = "auto") -> tf.distribute.Strategy:
    """The strategy called `name`, one of `STRATEGIES`; `auto` mirrors the model where there are several GPUs."""
    require(name in STRATEGIES, f"`strategy` to be one of {', '.join(STRATEGIES)}", strategy=name)
    num_gpus = len(tf.config.list_logical_devices("GPU"))
    if name == "mirrored" or (name == "auto" and num_gpus > 1):
        # Without GPUs: all logical CPU devices, of which there is one unless the program has configured more.
        devices = None if num_gpus else [device.name for device in tf.config.list_logical_devices("CPU")]
        return tf.distribute.MirroredStrategy(devices)
    return tf.distribute.get_strategy()

"""What has to be set before anything in the process uses TensorFlow."""

import os

# oneDNN as the training scripts turn it on, so that runs in a test and in a script's process give the same bytes.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import tensorflow as tf  # noqa: E402

# Two virtual devices for the tests of `MirroredStrategy`.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)

"""What has to be set before anything in the process uses TensorFlow."""

import os

# oneDNN as the training scripts turn it on, so that runs in a test and in a script's process give the same bytes.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import tensorflow as tf  # noqa: E402

# Two virtual devices for the tests of `MirroredStrategy`.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)


def pytest_collection_modifyitems(items):
    """The files with slow tests come first, so that none is left to one process while another has nothing to do."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)

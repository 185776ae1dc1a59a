"""Everybody loads an encoder; each class imports its library when it is made."""

import importlib

import numpy as np


class BertTf:
    """`load_model`."""

    def __init__(self, job: dict):
        self._job = job
        importlib.import_module("bert_tf.training.distributed")
        self._load_model = importlib.import_module("bert_tf.model_directory").load_model
        _start_tensorflow()

    def load(self):
        """The model."""
        return self._load_model(self._job["model"])

    def hidden(self, model) -> np.ndarray:
        """Of the job's ids."""
        return model(_features(self._job))["sequence_output"].numpy()


class KerasHub:
    """`BertBackbone.from_preset`."""

    def __init__(self, job: dict):
        self._job = job
        self._backbone = importlib.import_module("keras_hub").models.BertBackbone
        _start_tensorflow()

    def load(self):
        """The model."""
        return self._backbone.from_preset(self._job["preset"])

    def hidden(self, model) -> np.ndarray:
        """Of the job's ids."""
        return model(_features(self._job))["sequence_output"].numpy()


class Transformers:
    """`BertModel.from_pretrained`."""

    def __init__(self, job: dict):
        self._job = job
        self._torch = importlib.import_module("torch")
        self._model_class = importlib.import_module("transformers").BertModel
        _ = self._torch.ones(1) + 1

    def load(self):
        """The model."""
        return self._model_class.from_pretrained(self._job["model"])

    def hidden(self, model) -> np.ndarray:
        """Of the job's ids."""
        with self._torch.inference_mode():
            return model.eval()(self._torch.tensor(self._job["ids"])).last_hidden_state.numpy()


def _start_tensorflow() -> None:
    tensorflow = importlib.import_module("tensorflow")
    _ = tensorflow.constant(1.0) + 1.0


def _features(job: dict) -> dict[str, np.ndarray]:
    ids = np.array(job["ids"], np.int32)
    return {"token_ids": ids, "segment_ids": ids * 0, "padding_mask": ids * 0 + 1}

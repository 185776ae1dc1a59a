"""A SavedModel on disk, its signatures, and answers from named inputs."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf import saved_model_pb2

from bert_tf.config import require

DEFAULT_SIGNATURE = "serving_default"


@dataclasses.dataclass(frozen=True)
class Signature:
    """One function of a SavedModel.

    Attributes:
        inputs: name -> what the function takes, shapes with None where any size goes.
        outputs: names of what it returns.
    """

    inputs: Mapping[str, tf.TensorSpec]
    outputs: tuple[str, ...]


class ServedModel:
    """The newest version in `folder`, which has a folder per version as TF Serving wants it.

    Args:
        folder: `saved_models/NAME`; the last part is the name that requests use.
        version: another version than the newest.

    Raises:
        ValueError: there is no such version, or it is no SavedModel.
    """

    def __init__(self, folder: str | os.PathLike, version: int | None = None):
        folder = pathlib.Path(folder).resolve()
        found = {int(path.name): path for path in sorted(folder.glob("*"))
                 if path.name.isdecimal() and (path / "saved_model.pb").is_file()}
        require(bool(found), "a folder with exported models, `<version>/saved_model.pb` each", model=str(folder))
        version = max(found) if version is None else version
        require(version in found, f"one of the versions {sorted(found)} in {folder}", version=version)
        import tensorflow_text  # noqa: F401 - registers the tokeniser's kernels

        self.name, self.version = folder.name, version
        self._model = tf.saved_model.load(found[version])
        self._functions = dict(self._model.signatures)
        self._definitions = _definitions(found[version])
        self.signatures = {name: _signature(function) for name, function in self._functions.items()}
        require(DEFAULT_SIGNATURE in self.signatures, f"a SavedModel with the signature {DEFAULT_SIGNATURE}",
                signatures=sorted(self.signatures))

    def answer(self, inputs: Mapping[str, tf.Tensor], signature: str = DEFAULT_SIGNATURE) -> dict[str, np.ndarray]:
        """Runs a signature; `inputs` has all its inputs, of the right type and rank."""
        return {name: value.numpy() for name, value in self._functions[signature](**inputs).items()}

    def definitions(self) -> dict:
        """The signatures as TF Serving's metadata shows them: `SignatureDef` messages as JSON."""
        return self._definitions


def _signature(function) -> Signature:
    _, inputs = function.structured_input_signature
    return Signature(inputs=inputs, outputs=tuple(sorted(function.structured_outputs)))


def _definitions(folder: pathlib.Path) -> dict:
    saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    definitions = saved.meta_graphs[0].signature_def
    return {name: json_format.MessageToDict(definition, preserving_proto_field_name=True,
                                            always_print_fields_with_no_presence=True)
            for name, definition in definitions.items() if not name.startswith("__")}

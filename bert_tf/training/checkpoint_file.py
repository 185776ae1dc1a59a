"""The state of a training run as one safetensors file, whole or not there at all, with a checksum."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import safetensors
import safetensors.numpy

from bert_tf.config import require
from bert_tf.files import whole_file

_METRICS = "metrics."


class DamagedCheckpointError(ValueError):
    """A checkpoint that is cut off, or whose content is not what was written."""


def write_checkpoint(path: str | Path, model: keras.Model, step: int, notes: Mapping[str, float], *,
                     write: bool = True) -> None:
    """Writes the state of a compiled model.

    The state is every variable of the model, those of its dropout layers' generators included, of its optimiser
    (averages of weights and loss scale included) and of its metrics, so that a log goes on where it was.

    Args:
        path: the file; written under another name and then renamed.
        model: a compiled model between two updates.
        step: updates of the run so far, by which its batches are numbered; not those of the optimiser, which leaves
            some out when gradients overflow.
        notes: numbers that `read_checkpoint` gives back.
        write: False reads the state only; all workers but the first do that, since reading metrics takes all of them.

    Raises:
        ValueError: a variable holds NaN or infinity; nothing is written.
        OSError: the disk is full, or cannot be written.
    """
    path = Path(path)
    state = _state(model)
    tensors = {name: np.asarray(variable.numpy(), order="C") for name, variable in state.items()}
    for name, tensor in tensors.items():
        finite = name.startswith(_METRICS) or tensor.dtype.kind in "iub" or np.isfinite(tensor).all()
        require(finite, "finite numbers to save", variable=state[name].path)
    if not write:
        return
    # Which variable hides behind a number, for error messages.
    metadata = {"step": str(step), "notes": json.dumps(dict(notes)),
                "paths": json.dumps({name: variable.path for name, variable in state.items()})}
    metadata["checksum"] = _checksum(tensors, metadata)
    try:
        with whole_file(path) as unfinished:
            safetensors.numpy.save_file(tensors, unfinished, metadata)
    except (OSError, safetensors.SafetensorError) as error:
        raise OSError(
            f"Expected to write {checkpoint_size(model) / 1e6:,.1f} MB to {path}, where "
            f"{shutil.disk_usage(path.parent).free / 1e6:,.1f} MB are free. Received: {error}.") from error


def read_checkpoint(path: str | Path, model: keras.Model) -> tuple[int, dict[str, float]]:
    """Reads a checkpoint into a compiled model, all of it or, on an error, nothing.

    Returns:
        `(step, notes)` as given to `write_checkpoint`.

    Raises:
        DamagedCheckpointError: the file is damaged.
        ValueError: it was written by a model or an optimiser of another shape.
    """
    state = _state(model)
    tensors, metadata = _read(path)
    paths = json.loads(metadata["paths"])
    for name in [name for name in state if name in tensors]:
        shape = tuple(state[name].shape)
        require(tensors[name].shape == shape, f"{paths[name]} in {path} to have the shape {shape}",
                shape=tensors[name].shape)
    # A run may go on with metrics that it did not have before.
    there, here = ({name for name in names if not name.startswith(_METRICS)} for names in (tensors, state))
    require(there == here, f"{path} to hold the {len(here)} variables of this model and optimiser",
            number_of_variables=len(there))
    for name, variable in state.items():
        if name in tensors:
            variable.assign(tensors[name])
    return int(metadata["step"]), json.loads(metadata["notes"])


def checkpoint_size(model: keras.Model) -> int:
    """Bytes that the state of a compiled model takes."""
    return sum(int(np.prod(variable.shape)) * np.dtype(variable.dtype).itemsize for variable in _state(model).values())


def _state(model: keras.Model) -> dict[str, keras.Variable]:
    model.build_optimizer()
    # Numbered: the paths of generators' states depend on what else the process has built.
    kinds = {"model": model.variables, "optimizer": model.optimizer.variables}
    state = {f"{kind}.{index}": variable
             for kind, variables in kinds.items() for index, variable in enumerate(variables)}
    return state | {f"{_METRICS}{variable.path}": variable for variable in model.metrics_variables}


def _read(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    try:
        with safetensors.safe_open(path, framework="np") as file:
            metadata = dict(file.metadata())
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        stored = metadata.pop("checksum")
    except (safetensors.SafetensorError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise DamagedCheckpointError(f"Expected a whole checkpoint in {path}. Received: {error}.") from None
    if _checksum(tensors, metadata) != stored:
        raise DamagedCheckpointError(f"Expected the bytes that were written to {path}. Received: another checksum.")
    return tensors, metadata


def _checksum(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> str:
    digest = hashlib.blake2b(json.dumps(metadata, sort_keys=True).encode(), digest_size=16)
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tensor.shape}".encode())
        digest.update(tensor.reshape(-1).view(np.uint8))
    return digest.hexdigest()

"""Reads the tensors of a model folder from `model.safetensors` or its shards, one at a time; never unpickles."""

import pathlib

import ml_dtypes  # noqa: F401  registers bfloat16 with NumPy, which safetensors then uses
import numpy as np
import safetensors

from bert_tf.config import read_json, require

FILE = "model.safetensors"
INDEX = "model.safetensors.index.json"
_FLOATS = ("F64", "F32", "F16", "BF16")
_OTHER_FORMATS = ("pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5", "flax_model.msgpack")


class SafetensorsFiles:
    """The tensors of all safetensors files of a folder.

    `shapes` has canonical names: without the prefix `bert.`, and with `weight`, `bias` where old files say
    `LayerNorm.gamma`, `LayerNorm.beta`. Each read opens its file anew and closes it again: the library maps the file
    into memory, and pages of it that were read count as ours for as long as it is open.

    Args:
        folder: a Hugging Face model folder.

    Raises:
        ValueError: no safetensors file, a missing shard, a damaged file, two tensors of the same canonical name.
    """

    def __init__(self, folder: pathlib.Path):
        self.shapes: dict[str, tuple[int, ...]] = {}
        self._homes: dict[str, tuple[pathlib.Path, str]] = {}  # canonical name -> file, name there
        self._dtypes: dict[str, str] = {}
        self._default_place = str(folder / FILE)
        for path in self._files_of(folder):
            self._list_tensors(path)

    def read(self, name: str) -> np.ndarray:
        """The values of the tensor with that canonical name."""
        path, original = self._homes[name]
        require(self._dtypes[name] in _FLOATS, f"tensor `{original}` in {path} to be one of {', '.join(_FLOATS)}",
                dtype=self._dtypes[name])
        try:
            with safetensors.safe_open(path, framework="np") as file:
                return file.get_tensor(original)
        except (safetensors.SafetensorError, OSError) as error:
            raise ValueError(f"Expected to read tensor `{original}` from {path}. Received: {error}.") from None

    def place_of(self, name: str) -> str:
        """The file that holds the tensor; the only or the index file if none does."""
        return str(self._homes[name][0]) if name in self._homes else self._default_place

    def _files_of(self, folder: pathlib.Path) -> list[pathlib.Path]:
        """The single file, or the shards that the index names."""
        if (folder / FILE).is_file():
            return [folder / FILE]
        index = folder / INDEX
        if not index.is_file():
            raise ValueError(_no_weights(folder))
        self._default_place = str(index)
        weight_map = read_json(index).get("weight_map")
        require(isinstance(weight_map, dict) and bool(weight_map), f"`weight_map` in {index} to map tensors to files",
                weight_map=weight_map)
        names = sorted(set(map(str, weight_map.values())))
        for name in names:
            require(pathlib.PurePath(name).name == name, f"`weight_map` in {index} to hold plain file names", file=name)
            missing = [tensor for tensor, file in weight_map.items() if file == name]
            require((folder / name).is_file(), f"all shards that {index} names; `{missing[0]}` should be in {name}",
                    missing_file=str(folder / name))
        return [folder / name for name in names]

    def _list_tensors(self, path: pathlib.Path) -> None:
        """Adds the names, shapes and types in the header of one file."""
        try:
            with safetensors.safe_open(path, framework="np") as file:
                for original in file.keys():  # noqa: SIM118  not a dict
                    entry = file.get_slice(original)
                    name = canonical_name(original)
                    require(name not in self._homes, f"tensor `{name}` once in {path}",
                            also=self._homes.get(name, ("", ""))[1], tensor=original)
                    self._homes[name] = path, original
                    self.shapes[name] = tuple(entry.get_shape())
                    self._dtypes[name] = entry.get_dtype()
        except (safetensors.SafetensorError, OSError) as error:
            raise ValueError(f"Expected a safetensors file at {path}. Received: {error}.") from None


def canonical_name(name: str) -> str:
    """The name of a tensor as today's Transformers writes it for a plain `BertModel`."""
    name = name.removeprefix("bert.")
    if name.endswith("LayerNorm.gamma"):
        return name.removesuffix("gamma") + "weight"
    if name.endswith("LayerNorm.beta"):
        return name.removesuffix("beta") + "bias"
    return name


def _no_weights(folder: pathlib.Path) -> str:
    """Why there is nothing to read in `folder`, and what can be done."""
    others = [name for name in _OTHER_FORMATS if (folder / name).is_file()]
    if not others:
        return f"Expected {FILE} or {INDEX} in {folder}. Received: neither."
    return (f"Expected {FILE} in {folder}. Received: only {others[0]}, which is not opened here because reading it can "
            "run code. Convert it where you trust it, with Transformers: "
            f"`AutoModelForPreTraining.from_pretrained({str(folder)!r}).save_pretrained(NEW_FOLDER)` (or the AutoModel "
            "class of its architecture); that writes model.safetensors.")

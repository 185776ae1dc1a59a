import json
import struct

import numpy as np
import pytest
from safetensors.numpy import save_file

from bert_tf.weights.safetensors_files import SafetensorsFiles, canonical_name

TENSORS = {"a.weight": np.arange(6, dtype="float32").reshape(2, 3), "b.bias": np.ones(4, "float16")}


def test_lists_shapes_and_reads_values(tmp_path):
    save_file(TENSORS, tmp_path / "model.safetensors")

    source = SafetensorsFiles(tmp_path)

    assert source.shapes == {"a.weight": (2, 3), "b.bias": (4,)}
    np.testing.assert_array_equal(source.read("a.weight"), TENSORS["a.weight"])
    assert source.place_of("a.weight") == source.place_of("nothing") == str(tmp_path / "model.safetensors")


@pytest.mark.parametrize(("name", "expected"), [
    ("bert.pooler.dense.weight", "pooler.dense.weight"),
    ("bert.embeddings.LayerNorm.gamma", "embeddings.LayerNorm.weight"),
    ("embeddings.LayerNorm.beta", "embeddings.LayerNorm.bias"),
    ("cls.predictions.bias", "cls.predictions.bias"),
])
def test_canonical_names(name, expected):
    assert canonical_name(name) == expected


def _truncated(data):
    return data[:-8]


def _empty(data):
    return b""


def _lying_offsets(data):
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    header["a.weight"]["data_offsets"][1] += 4
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length:]


def _lying_shape(data):
    return data.replace(b"[2,3]", b"[9,3]")


def _huge_header(data):
    return struct.pack("<Q", 1 << 60) + data[8:]


@pytest.mark.parametrize("damage", [_truncated, _empty, _lying_offsets, _lying_shape, _huge_header])
def test_damaged_file_is_named(damage, tmp_path):
    path = tmp_path / "model.safetensors"
    save_file(TENSORS, path)
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(ValueError, match=rf"Expected a safetensors file at {path}. Received: "):
        SafetensorsFiles(tmp_path)


def test_refuses_types_that_are_no_weights(tmp_path):
    save_file({"a.weight": np.arange(3)}, tmp_path / "model.safetensors")

    with pytest.raises(ValueError, match=r"tensor `a.weight` in .*model.safetensors .* dtype='I64'"):
        SafetensorsFiles(tmp_path).read("a.weight")


def test_refuses_two_tensors_of_one_canonical_name(tmp_path):
    save_file({"bert.a": np.ones(1), "a": np.ones(1)}, tmp_path / "model.safetensors")

    with pytest.raises(ValueError, match="tensor `a` once in"):
        SafetensorsFiles(tmp_path)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "tf_model.h5"])
def test_never_unpickles_but_says_how_to_convert(name, tmp_path):
    (tmp_path / name).write_bytes(b"anything")

    with pytest.raises(ValueError, match=rf"only {name}, .*from_pretrained\('.*'\).save_pretrained"):
        SafetensorsFiles(tmp_path)


def test_folder_without_weights(tmp_path):
    with pytest.raises(ValueError, match="Expected model.safetensors or model.safetensors.index.json in .*neither"):
        SafetensorsFiles(tmp_path)


@pytest.mark.parametrize(("index", "message"), [
    ({}, "`weight_map` in .*index.json to map tensors to files"),
    ({"weight_map": {"a": "../elsewhere.safetensors"}}, "plain file names. Received: file='../elsewhere.safetensors'"),
    ({"weight_map": {"a": "gone.safetensors"}}, "`a` should be in gone.safetensors. Received: missing_file="),
])
def test_bad_index(index, message, tmp_path):
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))

    with pytest.raises(ValueError, match=message):
        SafetensorsFiles(tmp_path)

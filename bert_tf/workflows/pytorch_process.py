"""What a model gives in its own library, Transformers or Sentence Transformers, asked in a process of its own.

Transformers loads PyTorch's compiler, Triton, which crashes where TensorFlow has been loaded before.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from bert_tf.config import require

Arrays = dict[str, np.ndarray]


def pytorch_outputs(library: str, folder: pathlib.Path, architecture: str, inputs: Mapping[str, Any]) -> Arrays:
    """All that the model in a folder gives.

    Args:
        library: "transformers" or "sentence_transformers".
        folder: of the model.
        architecture: Transformers' class, such as "BertForMaskedLM"; Sentence Transformers finds its own.
        inputs: for Transformers our features, int32 `(batch, seq)`; else `sentences`, strings.

    Returns:
        Transformers' outputs by their names, without tuples; else `embedding`, float32 `(batch, hidden)`.

    Raises:
        ValueError: the library failed; with the last line that it wrote.
    """
    with tempfile.TemporaryDirectory() as exchange:
        np.savez(pathlib.Path(exchange, "inputs.npz"), **inputs)
        root = str(pathlib.Path(__file__).parents[2])
        done = subprocess.run(
            [sys.executable, "-m", "bert_tf.workflows.pytorch_process", library, str(folder), architecture, exchange],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))})
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        require(done.returncode == 0, f"{library} to open {folder}", exit_status=done.returncode,
                error=lines[-1] if lines else "")
        with np.load(pathlib.Path(exchange, "outputs.npz")) as outputs:
            return dict(outputs)


def _transformers(folder: str, architecture: str, inputs: Arrays) -> Arrays:
    import torch
    import transformers

    model = getattr(transformers, architecture).from_pretrained(folder, dtype=torch.float32).eval()
    names = {"token_ids": "input_ids", "segment_ids": "token_type_ids", "padding_mask": "attention_mask"}
    with torch.no_grad():
        outputs = model(**{names[name]: torch.tensor(value, dtype=torch.long) for name, value in inputs.items()})
    # A folder may ask for hidden states, too, which are tuples.
    return {name: value.numpy() for name, value in outputs.items() if isinstance(value, torch.Tensor)}


def _sentence_transformers(folder: str, architecture: str, inputs: Arrays) -> Arrays:
    import sentence_transformers

    del architecture
    model = sentence_transformers.SentenceTransformer(folder, device="cpu")
    return {"embedding": model.encode(inputs["sentences"].tolist())}


if __name__ == "__main__":
    _library, _folder, _architecture, _exchange = sys.argv[1:]
    with np.load(pathlib.Path(_exchange, "inputs.npz")) as _inputs:
        _outputs = {"transformers": _transformers, "sentence_transformers": _sentence_transformers}[_library](
            _folder, _architecture, dict(_inputs))
    np.savez(pathlib.Path(_exchange, "outputs.npz"), **_outputs)

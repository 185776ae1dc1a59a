"""The tiny Transformers models under `tests/fixtures/hugging_face` and what they answer."""

import pathlib
import shutil

import numpy as np
from safetensors.numpy import load_file, save_file

FOLDER = pathlib.Path(__file__).parent.parent / "fixtures" / "hugging_face"
ARCHITECTURES = ("BertModel", "BertForPreTraining", "BertForMaskedLM", "BertForNextSentencePrediction",
                 "BertForSequenceClassification", "BertForTokenClassification", "BertForQuestionAnswering",
                 "BertForMultipleChoice")
_ANSWERS = np.load(FOLDER / "outputs.npz")
INPUTS = {name: _ANSWERS[name].astype("int32") for name in ("token_ids", "segment_ids", "padding_mask")}  # (3, 12)

_NAMES = {"masked_lm": ("prediction_logits", "logits"), "next_sentence": ("seq_relationship_logits", "logits"),
          "sequence_output": ("last_hidden_state",), "pooled_output": ("pooler_output",)}


def inputs_for(model) -> dict[str, np.ndarray]:
    """The inputs that the golden answers belong to, as `model` wants them."""
    if "masked_positions" in model.input:
        return INPUTS | {"masked_positions": np.tile(np.arange(12, dtype="int32"), (3, 1))}
    if model.input["token_ids"].ndim == 3:  # choices: each example and the one on the other end
        return {name: np.stack([value, value[::-1]], axis=1) for name, value in INPUTS.items()}
    return INPUTS


def golden(architecture: str, output: str) -> np.ndarray:
    """What Transformers answered under our name `output`."""
    keys = [f"{architecture}/{name}" for name in _NAMES.get(output, (output,))]
    return next(_ANSWERS[key] for key in keys if key in _ANSWERS)


def copy_of(architecture: str, folder: pathlib.Path) -> pathlib.Path:
    """A copy of a model folder that a test may change."""
    return pathlib.Path(shutil.copytree(FOLDER / architecture, folder / architecture))


def rewrite_tensors(folder: pathlib.Path, change) -> None:
    """Replaces the tensors of `folder` by `change(tensors)`."""
    path = folder / "model.safetensors"
    tensors = change(load_file(path))
    path.unlink()
    save_file(tensors, path, metadata={"format": "pt"})

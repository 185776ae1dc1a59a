"""Hugging Face's tensor names <-> our variables (Transformers' modeling_bert.py).

A torch Linear keeps its weight as (out, in), so matrices are transposed; embeddings are not. Task models carry the
prefix `bert.` before the encoder's names, a plain `BertModel` none.
"""

import pathlib

import keras
import numpy as np
import safetensors.numpy

from bert_tf.config import EncoderConfig, require
from bert_tf.weights.rows import embedding_rows
from bert_tf.weights.safetensors_files import SafetensorsFiles
from bert_tf.weights.transfer import Row, Transfer, foreign_tensors, hide_other_classifier, num_labels_of, read_into

_TIED = {"cls.predictions.decoder.weight": "embeddings.word_embeddings.weight",
         "cls.predictions.decoder.bias": "cls.predictions.bias"}
"""Second names of a tensor; most files leave them out."""

_BUFFERS = ("embeddings.position_ids", "embeddings.token_type_ids")

HEADS = {"pooler/": "pooler.", "masked_lm_head/": "cls.predictions.", "next_sentence_head/": "cls.seq_relationship.",
         "classifier/": "classifier.", "span_head/": "qa_outputs."}
"""Beginnings of our variables' paths -> of Hugging Face's names, for all that is not in every model."""


def table(config: EncoderConfig, num_labels: int = 2) -> list[Row]:
    """The rows of an encoder of this configuration and of every head.

    Args:
        config: gives the shapes.
        num_labels: outputs of the layer `classifier`.
    """
    hidden, inner, vocabulary = config.hidden_dim, config.intermediate_dim, config.vocabulary_size

    def dense(target: str, sources: list[str], inputs: int, outputs: int) -> list[Row]:
        kernels = tuple(f"{name}.weight" for name in sources)
        return [Row(f"{target}/kernel", kernels, (outputs, inputs), transposed=True),
                Row(f"{target}/bias", tuple(f"{name}.bias" for name in sources), (outputs,))]

    def norm(target: str, source: str) -> list[Row]:
        return [Row(f"{target}/gamma", (f"{source}.weight",), (hidden,)),
                Row(f"{target}/beta", (f"{source}.bias",), (hidden,))]

    rows = [
        *embedding_rows(config, "embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight",
                        "embeddings.token_type_embeddings.weight"),
        *norm("embeddings/norm", "embeddings.LayerNorm"),
    ]
    for index in range(config.num_layers):
        ours, theirs = f"block_{index}", f"encoder.layer.{index}"
        self_attention = [f"{theirs}.attention.self.{name}" for name in ("query", "key", "value")]
        rows += [
            *dense(f"{ours}/attention/query_key_value", self_attention, hidden, hidden),
            *dense(f"{ours}/attention/output", [f"{theirs}.attention.output.dense"], hidden, hidden),
            *norm(f"{ours}/attention_norm", f"{theirs}.attention.output.LayerNorm"),
            *dense(f"{ours}/feed_forward/expand", [f"{theirs}.intermediate.dense"], hidden, inner),
            *dense(f"{ours}/feed_forward/contract", [f"{theirs}.output.dense"], inner, hidden),
            *norm(f"{ours}/output_norm", f"{theirs}.output.LayerNorm"),
        ]
    return rows + [
        *dense("pooler/projection", ["pooler.dense"], hidden, hidden),
        *dense("masked_lm_head/projection", ["cls.predictions.transform.dense"], hidden, hidden),
        *norm("masked_lm_head/norm", "cls.predictions.transform.LayerNorm"),
        Row("masked_lm_head/bias", ("cls.predictions.bias",), (vocabulary,)),
        *dense("next_sentence_head", ["cls.seq_relationship"], hidden, 2),
        *dense("classifier", ["classifier"], hidden, num_labels),
        *dense("span_head", ["qa_outputs"], hidden, 2),
    ]


def read_folder(folder: pathlib.Path, model: keras.Model, *, heads_may_be_new: bool = False) -> Transfer:
    """Assigns the safetensors of `folder` to `model`.

    Args:
        folder: holds `model.safetensors` or shards and their index.
        model: one of our models, of the folder's configuration.
        heads_may_be_new: weights of the pooler and of heads may be absent, or a classifier of another size.

    Raises:
        ValueError: see `SafetensorsFiles` and `read_into`; also decoder weights that are not the token embedding's.
    """
    return read_source(SafetensorsFiles(folder), model, heads_may_be_new=heads_may_be_new)


def read_source(source: SafetensorsFiles, model: keras.Model, *, heads_may_be_new: bool = False) -> Transfer:
    """`read_folder` for files whose headers have been read already."""
    rows = table(model.config, num_labels_of(model))
    if heads_may_be_new:
        hide_other_classifier(source, rows)
    source = _WithTied(source)
    paths = {weight.path for weight in model.weights}
    if "masked_lm_head/bias" in paths:
        source.check_tied()

    def why_dropped(name: str) -> str | None:
        if name in _BUFFERS:
            return "a buffer of old versions, not a weight"
        if name in _TIED:
            return f"the same as {_TIED[name]}"
        if name.startswith(tuple(HEADS.values())):
            return "belongs to a head that this model does not have"
        return None

    return read_into(model, rows, source, why_dropped=why_dropped,
                     may_be_new=lambda row: heads_may_be_new and row.target.startswith(tuple(HEADS)),
                     initializer_stddev=model.config.initializer_stddev)


def write_file(model: keras.Model, path: pathlib.Path) -> None:
    """Writes the weights of `model` as one safetensors file with the names that its Transformers class expects."""
    tensors = foreign_tensors(model, table(model.config, num_labels_of(model)))
    heads = tuple(prefix for ours, prefix in HEADS.items() if ours != "pooler/")
    if any(name.startswith(heads) for name in tensors):
        tensors = {name if name.startswith(heads) else f"bert.{name}": array for name, array in tensors.items()}
    safetensors.numpy.save_file(tensors, path, metadata={"format": "pt"})


class _WithTied:
    """A source in which either name of a tied tensor will do."""

    def __init__(self, source: SafetensorsFiles):
        self._source = source
        self._alias = {first: second for second, first in _TIED.items()
                       if second in source.shapes and first not in source.shapes}
        self.shapes = source.shapes | {first: source.shapes[second] for first, second in self._alias.items()}

    def read(self, name: str) -> np.ndarray:
        return self._source.read(self._alias.get(name, name))

    def place_of(self, name: str) -> str:
        return self._source.place_of(self._alias.get(name, name))

    def check_tied(self) -> None:
        """Raises if both names are there with different values: the decoder was trained apart."""
        for second, first in _TIED.items():
            if second in self.shapes and first in self.shapes and first not in self._alias:
                require(np.array_equal(self.read(second), self.read(first)),
                        f"`{second}` in {self.place_of(second)} to equal `{first}`: the decoder is tied here",
                        tie_word_embeddings=False)

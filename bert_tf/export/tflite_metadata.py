"""What an app has to know, inside the .tflite file: TFLite Metadata, and files appended as a ZIP archive.

The file is a model to LiteRT, and a ZIP archive to `unzip` and to Android's `MetadataExtractor`
(https://ai.google.dev/edge/litert/conversion/tensorflow/metadata). In it:

- `model.json`: everything, see `about`;
- `vocab.txt`: the word pieces, one a line, line number = id;
- `labels.txt`: the labels, or the types of entities, one a line, in the order of their ids; where there are any.

The model's description is a sentence, and the buffer `TFLITE_METADATA` describes every input and output and names the
files (schema `metadata_schema.fbs` of tensorflow/tflite-support, identifier M001).
"""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np

from bert_tf.endpoints.question_answering import QuestionAnswerer
from bert_tf.endpoints.tagging import TokenTagger
from bert_tf.export.phone_functions import PhoneFunction
from bert_tf.export.phone_windows import PhoneWindows
from bert_tf.export.tflite_file import opened, packed
from bert_tf.text.normalization import UNICODE_VERSION

ABOUT = "model.json"
VOCABULARY = "vocab.txt"
LABELS = "labels.txt"

_METADATA_NAME = "TFLITE_METADATA"
_AXIS_LABELS, _VALUE_LABELS, _VOCABULARY_FILE = 2, 3, 5
"""AssociatedFileType of the schema."""

_MEANINGS = {
    "text": "the text, UTF-8", "second_text": "the second text, UTF-8", "question": "the question, UTF-8",
    "context": "the text to read, UTF-8", "choices": "continuations of the context, UTF-8; an empty one is none",
    "token_ids": "ids of [CLS] first [SEP] second [SEP], then of [PAD]",
    "segment_ids": "0 = [CLS] first [SEP], 1 = second [SEP], 0 on padding", "padding_mask": "1 = token, 0 = padding",
    "label_id": "the likeliest label, a line of labels.txt counted from 0", "probabilities": "by label, or by choice",
    "value": "what the regression gives", "embedding": "the vector of the text", "choice": "index of the best choice",
    "token_id": "likeliest word pieces, lines of vocab.txt counted from 0", "probability": "of each piece",
    "num_blanks": "how many blanks there are", "start_byte": "first byte in the UTF-8 of the text",
    "end_byte": "the byte behind the last one", "type_id": "a line of labels.txt counted from 0",
    "score": "how likely that is", "num_entities": "how many entities there are",
    "truncated": "the text was too long and its rest was not read", "bytes_read": "bytes of the text that were read",
    "null_odds": "score of no answer - score of the best answer", "is_impossible": "there is no answer",
    "num_tokens": "tokens that the row of a text needs, special ones included: call the first length that holds them",
    "first_token": "position of the first token", "last_token": "position of the last token",
}


def about(functions: Mapping[str, PhoneFunction], *, quantize: str) -> dict[str, Any]:
    """What `model.json` says.

    Args:
        functions: by signature; all of one kind.
        quantize: how the file was quantised.
    """
    function = next(iter(functions.values()))
    endpoint, tokenizer = function.endpoint, function.endpoint.tokenizer
    values = {
        "endpoint": type(endpoint).__name__,
        "description": description(function),
        "input": "text" if function.takes_text else "ids",
        "quantization": quantize,
        "signatures": {name: {
            "max_length": each.endpoint.max_length,
            "inputs": {key: {"type": spec.dtype.name, "shape": spec.shape.as_list()}
                       for key, spec in each.specs.items()}} for name, each in functions.items()},
        "tokenizer": {
            "vocabulary": VOCABULARY, **{key: value for key, value in tokenizer.get_config().items()
                                         if key != "vocabulary"},
            "unicode_version": UNICODE_VERSION},
        "meanings": _MEANINGS,
    }
    for key in ("problem_type",):
        if getattr(endpoint.model, key, None) is not None:
            values[key] = getattr(endpoint.model, key)
    if label_lines(function):
        values["entity_types" if isinstance(endpoint, TokenTagger) and function.takes_text else "labels"] = (
            label_lines(function))
    if isinstance(function, PhoneWindows):
        values["max_windows"] = function.max_windows
    if isinstance(endpoint, QuestionAnswerer):
        values |= {key: getattr(endpoint, key) for key in (
            "top_k", "stride", "max_question_length", "max_answer_length", "handle_impossible", "null_threshold")}
    return values


def label_lines(function: PhoneFunction) -> list[str]:
    """What ids of labels stand for: the types of entities where entities come out, else the labels."""
    endpoint = function.endpoint
    if isinstance(endpoint, TokenTagger) and function.takes_text:
        return list(endpoint._entity_finder.types)
    return list(getattr(endpoint, "labels", ()))


def description(function: PhoneFunction) -> str:
    """A sentence."""
    endpoint = function.endpoint
    what = (type(endpoint).__doc__ or "").strip().split("\n")[0].removesuffix(", entirely in graph.")
    return f"{what}. BERT for LiteRT by bert_tf; takes {'strings' if function.takes_text else 'packed ids'}, batch 1."


def with_metadata(content: bytes, values: Mapping[str, Any], vocabulary: Sequence[str]) -> bytes:
    """The file with everything in it.

    Args:
        content: of the .tflite file as it was converted.
        values: what `about` gave.
        vocabulary: all pieces.
    """
    from ai_edge_litert import schema_py_generated as schema

    model, _ = opened(content)
    model.description = values["description"]
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(_metadata(model, values), np.uint8)
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = _METADATA_NAME, len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    return _with_archive(packed(model), values, vocabulary)


def _with_archive(content: bytes, values: Mapping[str, Any], vocabulary: Sequence[str]) -> bytes:
    files = {ABOUT: json.dumps(values, ensure_ascii=False, indent=1), VOCABULARY: "\n".join([*vocabulary, ""])}
    labels = values.get("labels") or values.get("entity_types")
    if labels:
        files[LABELS] = "\n".join([*labels, ""])
    whole = io.BytesIO(content)
    with zipfile.ZipFile(whole, "a") as archive:
        for name, text in files.items():
            # A fixed time: equal models give equal files.
            archive.writestr(zipfile.ZipInfo(name), text.encode(), zipfile.ZIP_DEFLATED, compresslevel=9)
    return whole.getvalue()


def _metadata(model, values: Mapping[str, Any]) -> bytes:
    """The flatbuffer of TFLite Metadata. The first subgraph is described; the others take and give the same."""
    builder = flatbuffers.Builder(4096)
    labels = bool(values.get("labels") or values.get("entity_types"))
    graph, signature = model.subgraphs[0], _signature_of(model, 0)

    def tensors(indices, entries):
        name_of = {entry.tensorIndex: _text(entry.name) for entry in entries}
        return _vector(builder, [_tensor(builder, name_of[index], labels) for index in indices])

    inputs, outputs = tensors(graph.inputs, signature.inputs), tensors(graph.outputs, signature.outputs)
    subgraph = _table(builder, 7, {0: builder.CreateString(_text(signature.signatureKey)), 2: inputs, 3: outputs})
    files = [_file(builder, ABOUT, "everything an app has to know", 0),
             _file(builder, VOCABULARY, "word pieces, one a line", _VOCABULARY_FILE)]
    if labels:
        files.append(_file(builder, LABELS, "labels in the order of their ids, one a line", _VALUE_LABELS))
    builder.Finish(_table(builder, 8, {
        0: builder.CreateString(values["endpoint"]), 1: builder.CreateString(values["description"]),
        3: _vector(builder, [subgraph]), 6: _vector(builder, files), 7: builder.CreateString("1.0.1"),
    }), b"M001")
    return bytes(builder.Output())


def _signature_of(model, subgraph: int):
    return next(each for each in model.signatureDefs if each.subgraphIndex == subgraph)


def _tensor(builder, name: str, labels: bool) -> int:
    kind = {"probabilities": _AXIS_LABELS, "label_id": _VALUE_LABELS, "type_id": _VALUE_LABELS}.get(name)
    fields = {0: builder.CreateString(name), 1: builder.CreateString(_MEANINGS[name])}
    if name == "token_id":
        fields[6] = _vector(builder, [_file(builder, VOCABULARY, "word pieces", _VALUE_LABELS)])
    if labels and kind is not None:
        fields[6] = _vector(builder, [_file(builder, LABELS, "labels", kind)])
    return _table(builder, 7, fields)


def _file(builder, name: str, meaning: str, kind: int) -> int:
    name, meaning = builder.CreateString(name), builder.CreateString(meaning)
    builder.StartObject(4)
    builder.PrependUOffsetTRelativeSlot(0, name, 0)
    builder.PrependUOffsetTRelativeSlot(1, meaning, 0)
    builder.PrependInt8Slot(2, kind, 0)
    return builder.EndObject()


def _table(builder, num_fields: int, fields: Mapping[int, int]) -> int:
    """A table of which all fields are references."""
    builder.StartObject(num_fields)
    for slot, reference in fields.items():
        builder.PrependUOffsetTRelativeSlot(slot, reference, 0)
    return builder.EndObject()


def _vector(builder, references: Sequence[int]) -> int:
    builder.StartVector(4, len(references), 4)
    for reference in reversed(references):
        builder.PrependUOffsetTRelative(reference)
    return builder.EndVector()


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value

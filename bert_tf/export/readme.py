"""The README.md of an exported model: what goes in, what comes out, and calls with their real answers."""

import inspect
import json
import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf.endpoints.endpoint import Endpoint
from bert_tf.endpoints.fill_mask import FillMask
from bert_tf.endpoints.next_sentence import NextSentence
from bert_tf.export.saved_model import DEFAULT_SIGNATURE, IDS_SIGNATURE

_EXAMPLES: dict[str, Any] = {
    "text": "Ann Lee moved from Paris to Berlin.",
    "second_text": "She lives in Berlin now.",
    "question": "Who wrote the book?",
    "context": "Ann Lee wrote the book in 1901.",
    "choices": ["She was proud of it.", "She ate it with salt."],
}
_MOST_SHOWN = 8

WRITTEN_BY = "written by bert_tf"
"""By this a README.md is known as one of ours."""


def readme(name: str, endpoint: Endpoint,
           signatures: Mapping[str, tf.types.experimental.ConcreteFunction]) -> str:
    """The text of README.md.

    Args:
        name: of the model on the server.
        endpoint: the one that was saved.
        signatures: as `load_signatures` gives them; they are run.
    """
    default = signatures[DEFAULT_SIGNATURE]
    inputs = example_inputs(default, endpoint)
    answers = {key: value.numpy() for key, value in default(
        **{key: tf.constant([value]) for key, value in inputs.items()}).items()}
    parts = [
        f"# {name}\n\n{_what_it_is(endpoint)}",
        "## Signatures\n\n" + "\n\n".join(_table(key, signatures[key]) for key in sorted(signatures, key=_order)),
        "## What comes out\n\n" + _meanings(endpoint, signatures),
        "## Start\n\n```bash\ndocker compose up\n```\n\nin this folder: REST on port 8501, gRPC on port 8500. "
        "`python scripts/serve.py` of bert_tf serves the same REST calls without Docker. The server warms up with "
        "the requests in `assets.extra` before it calls the model ready. Many clients, and on two cores a single one, "
        "too, are answered faster with `--tensorflow_intra_op_parallelism=1` among the server's flags: each operation "
        "on one core, those that do not depend on each other side by side.",
        "## Ask\n\n" + _rest(name, inputs, answers) + "\n\n" + _grpc(name, inputs, answers),
    ]
    return "\n\n".join(parts) + "\n"


def example_inputs(function: tf.types.experimental.ConcreteFunction, endpoint: Endpoint) -> dict[str, Any]:
    """A row for a signature of strings: a string, or a list of them, for each input."""
    inputs = {key: _EXAMPLES[key] for key in _EXAMPLES if key in function.structured_input_signature[1]}
    if isinstance(endpoint, FillMask) and list(inputs) == ["text"]:
        vocabulary = endpoint.tokenizer.vocabulary
        inputs["text"] = f"The capital of France is {vocabulary.pieces[vocabulary.mask_id]}."
    return inputs


def _what_it_is(endpoint: Endpoint) -> str:
    config = endpoint.model.config
    about = inspect.getdoc(type(endpoint)).split("\n\n")[0].removesuffix(".")
    lines = [f"{about}. A SavedModel for TensorFlow Serving, {WRITTEN_BY}.", "",
             f"{config.num_layers} layers of width {config.hidden_dim}, computed in "
             f"{endpoint.model.dtype_policy.compute_dtype}; {len(endpoint.tokenizer.vocabulary):,} word pieces; at "
             f"most {endpoint.max_length} tokens in a row, what is too long is cut or read in windows. Rows are padded "
             "to the longest of their batch only. Each row is answered as if it were alone."]
    labels = getattr(endpoint, "labels", None)
    if labels:
        lines += ["", f"Labels, in the order of the probabilities: {', '.join(f'`{label}`' for label in labels)}."]
    return "\n".join(lines)


def _order(signature: str) -> tuple[bool, bool, str]:
    return signature != DEFAULT_SIGNATURE, signature == IDS_SIGNATURE, signature


def _table(name: str, function: tf.types.experimental.ConcreteFunction) -> str:
    title = f"`{name}`" + (": for hosts that tokenise themselves; gives what the model itself gives"
                           if name == IDS_SIGNATURE else "")
    rows = [f"| {kind} | `{key}` | {spec.dtype.name} | {_shape(spec.shape)} |"
            for kind, specs in (("input", function.structured_input_signature[1]),
                                ("output", function.structured_outputs))
            for key, spec in sorted(specs.items(), reverse=kind == "input")]
    return "\n".join([title, "", "| | name | type | shape |", "|---|---|---|---|", *rows])


def _shape(shape: tf.TensorShape) -> str:
    axes = ["batch", *("any" if axis is None else str(axis) for axis in shape[1:])]
    return f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"


def _meanings(endpoint: Endpoint, signatures: Mapping[str, Any]) -> str:
    meaning = _meaning(type(endpoint))
    if "next_sentence" in signatures:
        labels = ", ".join(f"`{label}`" for label in NextSentence.labels)
        meaning += f"\n\nFrom `next_sentence`: {_meaning(NextSentence)} Labels: {labels}."
    return meaning


def _meaning(endpoint_class: type[Endpoint]) -> str:
    """The section Returns of the endpoint's documentation."""
    document = inspect.getdoc(endpoint_class.__call__)
    return textwrap.dedent(document.split("Returns:\n")[1].split("\n\n")[0])


def _rest(name: str, inputs: Mapping[str, Any], answers: Mapping[str, np.ndarray]) -> str:
    rows = json.dumps({"instances": [inputs]}, ensure_ascii=False)
    columns = json.dumps({"inputs": {key: [value] for key, value in inputs.items()}}, ensure_ascii=False)
    row = {key: _plain(value[0]) for key, value in answers.items()}
    predictions = row if len(row) > 1 else next(iter(row.values()))
    return (f"```bash\ncurl http://localhost:8501/v1/models/{name}:predict -d '{rows}'\n```\n\n"
            f"```json\n{_json({'predictions': [predictions]})}\n```\n\n"
            f"or by columns, `-d '{columns}'`; then the answer is `{{\"outputs\": ...}}`. Another signature: "
            f"`\"signature_name\": \"{IDS_SIGNATURE}\"` beside the inputs. Bytes that are not UTF-8 go as "
            "`{\"b64\": \"...\"}`.")


def _grpc(name: str, inputs: Mapping[str, Any], answers: Mapping[str, np.ndarray]) -> str:
    key = next(iter(sorted(answers)))
    shown = np.array2string(answers[key], threshold=_MOST_SHOWN, edgeitems=2, precision=6)
    set_inputs = "\n".join(f"request.inputs[{key!r}].CopyFrom(tf.make_tensor_proto([{value!r}]))"
                           for key, value in inputs.items())
    return f"""```python
import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc  # pip install tensorflow-serving-api

request = predict_pb2.PredictRequest()
request.model_spec.name = {name!r}
{set_inputs}
channel = grpc.insecure_channel("localhost:8500")
answer = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=10.0)
print(tf.make_ndarray(answer.outputs[{key!r}]))
```

```
{shown}
```"""


def _plain(value: Any) -> Any:
    """NumPy -> what JSON knows; floats as short as their type allows, long lists cut."""
    if isinstance(value, np.ndarray):
        cut = [_plain(element) for element in value[:_MOST_SHOWN]]
        return cut if len(value) <= _MOST_SHOWN else [*cut[:_MOST_SHOWN // 2], "..."]
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return float(str(value)) if isinstance(value, np.floating) else value.item()


def _json(value: dict) -> str:
    """JSON with a line for each output."""
    text = json.dumps(value, ensure_ascii=False)
    (predictions,) = value["predictions"]
    if not isinstance(predictions, dict):
        return text
    lines = ",\n".join(f"   {json.dumps(key)}: {json.dumps(each, ensure_ascii=False)}"
                       for key, each in sorted(predictions.items()))
    return f'{{"predictions": [{{\n{lines}}}]}}'

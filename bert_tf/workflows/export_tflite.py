"""Turns a model directory into one file for phones: the work of `scripts/export.py --format=tflite`."""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence

from bert_tf.config import require
from bert_tf.endpoints.heads import endpoint_for
from bert_tf.endpoints.question_answering import QuestionAnswerer
from bert_tf.endpoints.tagging import TokenTagger
from bert_tf.export.phone_functions import PhoneFunction
from bert_tf.export.phone_heads import phone_function
from bert_tf.export.phone_model import PhoneModel
from bert_tf.export.tflite import COUNTING_SIGNATURE, convert
from bert_tf.export.tflite_check import (
    LIMITS,
    Agreement,
    built_in_rows,
    compare,
    ids_for,
    inputs_for,
    require_agreement,
)
from bert_tf.export.tflite_metadata import about, with_metadata
from bert_tf.files import whole_file
from bert_tf.model_directory import load_model
from bert_tf.reports.json_file import versions, write_json
from bert_tf.reports.tables import print_table
from bert_tf.text.litert_tokenizer import LiteRTTokenizer
from bert_tf.workflows.export import check_labels, takes_pairs
from bert_tf.workflows.prediction_input import read_rows

DEFAULT_LENGTH = 128
"""Tokens; a phone pads every text to the full length, so what the model can take at most would be a waste."""

_MAX_WINDOWS = 4
_MOST_CALIBRATION_TEXTS = 200


def export_tflite(model: str, output: str, *, takes_text: bool = True, quantize: str = "none",
                  calibration: str | None = None, check_texts: str | None = None, max_length: int | None = None,
                  lengths: Sequence[int] = (), max_windows: int | None = None, pairs: bool | None = None,
                  report: Callable[[str], None] = print) -> pathlib.Path:
    """Writes a .tflite file, and beside it `<name>.check.json`: what the comparison with the model has found.

    Args:
        model: whatever `bert_tf.load_model` takes.
        output: the file, `....tflite`, or the folder that `model.tflite` goes into.
        takes_text: strings go in, else packed ids.
        quantize: one of `bert_tf.export.tflite.QUANTIZATIONS`.
        calibration: for int8: a file with texts such as the model will meet, one request a line; where several texts
            go in, they are separated by tabs. The first 200 are used.
        check_texts: a file of the same form, to compare answers on; by default built-in texts in several languages.
        max_length: tokens of a row; all rows are padded to it. By default 128, for questions 384, or what the model can
            take.
        lengths: instead of `max_length` several ones, each a signature of its own, `length_<tokens>`; with strings
            going in there is one more, `num_tokens`, which tells how long a text is.
        max_windows: for long texts where they are read in windows (tagging, questions); by default 4.
        pairs: a classifier takes pairs; by default what it was trained on, if its `config.json` says so.
        report: gets each line.

    Returns:
        The file.

    Raises:
        ValueError: the file exists, the model cannot be exported like this or has no use for an argument, int8 without
            calibration, or the converted file answers unlike the model. No file is left then.
    """
    path = pathlib.Path(output)
    path = path if path.suffix == ".tflite" else path / "model.tflite"
    require(not path.exists(), "a file that does not exist yet", output=str(path))
    require(not path.parent.is_file(), "a folder, or a file called ....tflite, to write to", output=output)
    require(quantize != "int8" or calibration is not None,
            "a file of texts to calibrate int8 with: --calibration", calibration=None)
    require(max_length is None or not lengths, "either `max_length` or `lengths`", max_length=max_length,
            lengths=list(lengths))
    functions = _functions(model, takes_text, max_length, lengths, max_windows, pairs)
    function = next(iter(functions.values()))
    calibration_rows = _rows(calibration, function) if calibration is not None else []
    rows = built_in_rows(function) if check_texts is None else _rows(check_texts, function)

    def samples(signature):
        for row in calibration_rows[:_MOST_CALIBRATION_TEXTS]:
            inputs = inputs_for(functions[signature], row)
            yield inputs if takes_text else ids_for(functions[signature], inputs)

    vocabulary = function.endpoint.tokenizer.vocabulary.pieces
    values = about(functions, quantize=quantize)
    content = with_metadata(convert(functions, quantize=quantize, samples=samples if calibration_rows else None),
                            values, vocabulary)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as unfinished:
        unfinished.write_bytes(content)
        phone = PhoneModel(unfinished)
        found = [compare(phone, name, each, rows, values | {"vocabulary": vocabulary})
                 for name, each in functions.items()]
        _print(found, len(content), quantize)
        for each in found:
            require_agreement(each, quantize)
    write_json({"file": path.name, "bytes": len(content), "quantization": quantize, "input": values["input"],
                "limits": dict(zip(("largest_difference", "agreement"), LIMITS[quantize], strict=True)),
                "signatures": [dataclasses.asdict(each) for each in found], "versions": versions()},
               path.with_suffix(".check.json"))
    report(f"endpoint   {values['endpoint']}: {', '.join(str(each.endpoint.max_length) for each in functions.values())}"
           " tokens")
    report(f"signature  {', '.join(functions)}: {', '.join(function.specs)} -> {', '.join(_outputs(phone, functions))}")
    if COUNTING_SIGNATURE in phone.signatures:
        report(f"signature  {COUNTING_SIGNATURE}: {', '.join(function.specs)} -> the tokens of the text; call the "
               "first length that holds them")
    report(f"written    {path}, {len(content):,} bytes; how to use it: docs/phones.md")
    return path


def _functions(model: str, takes_text: bool, max_length: int | None, lengths: Sequence[int],
               max_windows: int | None, pairs: bool | None) -> dict[str, PhoneFunction]:
    """The phone functions by the names of their signatures."""
    loaded = load_model(model)
    default = endpoint_for(loaded)
    check_labels(loaded)
    pairs = takes_pairs(default, pairs)
    require(max_windows is None or isinstance(default, TokenTagger | QuestionAnswerer),
            "a model for tagging or questions, if `max_windows` is given", endpoint=type(default).__name__,
            max_windows=max_windows)
    max_windows = _MAX_WINDOWS if max_windows is None else max_windows
    if max_length is None and not lengths:
        max_length = default.max_length if isinstance(default, QuestionAnswerer) else min(
            DEFAULT_LENGTH, default.max_length)
    named = {f"length_{length}": length for length in lengths} or {"serving_default": max_length}
    tokenizer = LiteRTTokenizer.from_config(loaded.tokenizer.get_config()) if takes_text else None
    return {name: phone_function(endpoint_for(loaded, length), takes_text=takes_text, tokenizer=tokenizer, pairs=pairs,
                                 max_windows=max_windows) for name, length in named.items()}


def _rows(path: str, function: PhoneFunction) -> list[tuple[str, ...]]:
    """The requests in a file.

    Raises:
        ValueError: there are none, or a line has too few texts; names the line.
    """
    rows = []
    for number, (_, text) in enumerate(read_rows((), path), start=1):
        row = tuple(text.split("\t")) if len(function.text_inputs) > 1 else (text,)
        require(len(row) >= len(function.text_inputs), f"{', '.join(function.text_inputs)}, separated by tabs, in "
                f"{path}, line {number}", texts=len(row))
        rows.append(row)
    require(bool(rows), f"texts in {path}, one request a line", lines=0)
    return rows


def _outputs(phone: PhoneModel, functions: dict[str, PhoneFunction]) -> list[str]:
    return sorted(phone.outputs(next(iter(functions))))


def _print(found: Sequence[Agreement], size: int, quantize: str) -> None:
    print_table(("signature", "quantised", "MB", "texts", "difference", "agreement", "ms"),
                [(each.signature, quantize, round(size / 1e6, 2), each.num_texts,
                  float(f"{each.largest_difference:.2g}"), f"{each.agreement:.0%}", round(each.milliseconds, 1))
                 for each in found],
                title="The file beside the model it was made from: largest difference, same answers, median time")

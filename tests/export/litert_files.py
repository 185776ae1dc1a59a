"""LiteRT files of the tiny models in `heads.py`, with all that `scripts/export.py` puts into them."""

from bert_tf.endpoints.heads import endpoint_for
from bert_tf.export.phone_heads import phone_function
from bert_tf.export.tflite import convert
from bert_tf.export.tflite_metadata import about, with_metadata
from tests.export import heads


def written(head, path, lengths=(), takes_text=True):
    """A file with a signature for each of `lengths`, and the endpoint of the longest."""
    model = heads.model(head)
    endpoints = {f"length_{length}": endpoint_for(model, length) for length in lengths} or {
        "serving_default": endpoint_for(model)}
    functions = {name: phone_function(each, takes_text=takes_text, pairs=False) for name, each in endpoints.items()}
    path.write_bytes(with_metadata(convert(functions), about(functions, quantize="none"),
                                   model.tokenizer.vocabulary.pieces))
    return endpoints[next(reversed(endpoints))]

"""BERT for TensorFlow and Keras: from raw text to a pre-trained model, and from plain strings to answers.

The public names below are imported when they are first used, so that `import bert_tf` itself costs next to nothing.
"""

import importlib

_HOME_OF = {
    "EncoderConfig": "bert_tf.config",
    "MaskingConfig": "bert_tf.config",
    "WordPieceTokenizer": "bert_tf.text.tokenizer",
    "Preprocessor": "bert_tf.text.preprocessor",
    "BertEncoder": "bert_tf.models.encoder",
    "BertPretrainer": "bert_tf.models.pretrainer",
    "BertClassifier": "bert_tf.models.classifier",
    "BertTokenClassifier": "bert_tf.models.token_classifier",
    "BertSpanPredictor": "bert_tf.models.span_predictor",
    "BertMultipleChoice": "bert_tf.models.multiple_choice",
    "BertSentenceEmbedder": "bert_tf.models.sentence_embedder",
    "BertSentencePairs": "bert_tf.models.sentence_pairs",
    "SentenceEmbedder": "bert_tf.endpoints.embedding",
    "FillMask": "bert_tf.endpoints.fill_mask",
    "Classifier": "bert_tf.endpoints.classification",
    "TokenTagger": "bert_tf.endpoints.tagging",
    "QuestionAnswerer": "bert_tf.endpoints.question_answering",
    "MultipleChoice": "bert_tf.endpoints.multiple_choice",
    "NextSentence": "bert_tf.endpoints.next_sentence",
    "FeatureExtractor": "bert_tf.endpoints.features",
    "LiteRTEndpoint": "bert_tf.export.litert_endpoint",
    "load_model": "bert_tf.model_directory",
    "save_model": "bert_tf.model_directory",
}

__all__ = sorted(_HOME_OF)
__version__ = "0.1.0"


def __getattr__(name: str):
    if name not in _HOME_OF:
        raise AttributeError(f"module 'bert_tf' has no attribute {name!r}; public names: {', '.join(__all__)}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    if _HOME_OF[name].startswith("bert_tf.models."):
        value = _trainable_anywhere(value)
    globals()[name] = value
    return value


def _trainable_anywhere(model_class: type) -> type:
    """On TensorFlow the version of a model class whose `fit` works under every distribution strategy."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return model_class
    from bert_tf.training.distributed import distributed
    # With what models are compiled with, so that Keras finds it when it opens a `.keras` file.
    for name in ("optimizer", "lamb", "schedule"):
        importlib.import_module(f"bert_tf.training.{name}")

    return distributed(model_class)


def __dir__():
    return sorted({*globals(), *__all__})

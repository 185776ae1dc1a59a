"""The phone function that belongs to an endpoint."""

from collections.abc import Callable

from bert_tf.endpoints.classification import Classifier
from bert_tf.endpoints.embedding import SentenceEmbedder
from bert_tf.endpoints.endpoint import Endpoint
from bert_tf.endpoints.fill_mask import FillMask
from bert_tf.endpoints.multiple_choice import MultipleChoice
from bert_tf.endpoints.next_sentence import NextSentence
from bert_tf.endpoints.question_answering import QuestionAnswerer
from bert_tf.endpoints.tagging import TokenTagger
from bert_tf.export.phone_functions import (
    PhoneClassifier,
    PhoneEmbedder,
    PhoneFillMask,
    PhoneFunction,
    PhoneMultipleChoice,
    PhoneNextSentence,
    PhonePairClassifier,
)
from bert_tf.export.phone_windows import PhoneQuestionAnswerer, PhoneTagger, PhoneWindows
from bert_tf.text.litert_tokenizer import LiteRTTokenizer

_FUNCTION_OF: dict[type[Endpoint], type[PhoneFunction]] = {
    Classifier: PhoneClassifier,
    NextSentence: PhoneNextSentence,
    SentenceEmbedder: PhoneEmbedder,
    FillMask: PhoneFillMask,
    MultipleChoice: PhoneMultipleChoice,
    TokenTagger: PhoneTagger,
    QuestionAnswerer: PhoneQuestionAnswerer,
}


def phone_function(endpoint: Endpoint, *, takes_text: bool, tokenizer: LiteRTTokenizer | None = None,
                   pairs: bool = False, max_windows: int = 4) -> PhoneFunction:
    """The phone function of an endpoint.

    Args:
        endpoint: of any head.
        takes_text: strings go in, else packed ids.
        tokenizer: as for `PhoneFunction`.
        pairs: a classifier takes pairs.
        max_windows: for long texts, where they are read in windows.
    """
    function: Callable = _FUNCTION_OF[type(endpoint)]
    if pairs and function is PhoneClassifier:
        function = PhonePairClassifier
    options = {"max_windows": max_windows} if issubclass(function, PhoneWindows) else {}
    return function(endpoint, takes_text=takes_text, tokenizer=tokenizer, **options)

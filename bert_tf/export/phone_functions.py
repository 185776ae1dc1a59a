"""Phone functions: the whole way from one text to its answer, in operations that LiteRT has.

They share model, packing and decoding with the endpoints and differ from them in what LiteRT cannot do: a phone
function takes one text at a time, padded to a fixed length; its answers hold ids instead of strings, and offsets in
bytes instead of characters. `phone_answers.py` says what an app makes of them.
"""

import tensorflow as tf

from bert_tf.endpoints.endpoint import Endpoint
from bert_tf.features import ENCODER_INPUTS
from bert_tf.layers.rows import axes_kept
from bert_tf.text.litert_tokenizer import LiteRTTokenizer
from bert_tf.text.packing import Slices, pack, pack_slices
from bert_tf.text.pieces import places_of

Tensors = dict[str, tf.Tensor]


class PhoneFunction:
    """What a phone computes for one head.

    A subclass has `features`, from texts to what the model reads, and `decode`, from that to the answer.

    Args:
        endpoint: what answers in Python, with the model, the tokeniser and `max_length`.
        takes_text: strings go in, else packed ids.
        tokenizer: what reads strings on the phone; made of the endpoint's where it is not given. Functions of one file
            can share it.
    """

    text_inputs: tuple[str, ...] = ("text",)
    """Names of the strings; each is `(1,)`."""

    def __init__(self, endpoint: Endpoint, *, takes_text: bool, tokenizer: LiteRTTokenizer | None = None):
        self.endpoint = endpoint
        self.takes_text = takes_text
        self.tokenizer = endpoint.tokenizer
        if takes_text:
            self.tokenizer = tokenizer or LiteRTTokenizer.from_config(endpoint.tokenizer.get_config())
        self.packing = endpoint.packing | {"buckets": None}  # padded to `max_length`

    @property
    def specs(self) -> dict[str, tf.TensorSpec]:
        """The inputs by name."""
        if self.takes_text:
            return {name: tf.TensorSpec([1], tf.string, name=name) for name in self.text_inputs}
        return {name: tf.TensorSpec([1, self.endpoint.max_length], tf.int32, name=name) for name in ENCODER_INPUTS}

    def graph(self) -> tf.types.experimental.PolymorphicFunction:
        """From `specs` to the answer."""
        return self._graph(self.answer if self.takes_text else self.decode)

    def counting_graph(self) -> tf.types.experimental.PolymorphicFunction:
        """From strings to `num_tokens`, int32 `(1,)`: the length of a row that holds all of them, special tokens too.

        It tells an app which of several lengths to call.
        """
        return self._graph(lambda texts: {"num_tokens": tf.reshape(tf.cast(self.num_tokens(texts), tf.int32), [1])})

    def _graph(self, function) -> tf.types.experimental.PolymorphicFunction:
        names = tuple(self.specs)

        # The names of the arguments become the names of the inputs.
        @tf.function(input_signature=[*self.specs.values()], autograph=False)
        def graph(*values):
            with axes_kept():
                return function(dict(zip(names, values, strict=True)))

        return graph

    def answer(self, texts: Tensors) -> Tensors:
        """The answer to strings."""
        return self.decode(self.features(texts))

    def features(self, texts: Tensors) -> Tensors:
        """What the model reads: `[CLS] first [SEP] second [SEP]`, int32 `(1, max_length)` each."""
        return pack(*(self.tokenizer.tokenize(texts[name]) for name in self.text_inputs), **self.packing)

    def num_tokens(self, texts: Tensors) -> tf.Tensor:
        """[CLS], and each text with a [SEP] behind it; int64 scalar."""
        return 1 + tf.add_n([tf.size(self.tokenizer.tokenize(texts[name]).values, tf.int64) + 1
                             for name in self.text_inputs])

    def decode(self, features: Tensors) -> Tensors:
        """The answer to what the model reads."""
        raise NotImplementedError


class PhoneClassifier(PhoneFunction):
    """`probabilities` float32 `(1, labels)` and, if one label is right, its `label_id` int32 `(1,)`; or `value`."""

    def decode(self, features):
        """As the class says."""
        answers = self.endpoint._decode(features)
        if self.endpoint.model.problem_type == "regression":
            return answers
        return _with_label({"probabilities": answers["probabilities"]},
                           single=self.endpoint.model.problem_type == "single_label")


class PhonePairClassifier(PhoneClassifier):
    """As `PhoneClassifier`, for pairs."""

    text_inputs = ("text", "second_text")


class PhoneNextSentence(PhoneFunction):
    """`probabilities` float32 `(1, 2)`, `label_id` int32 `(1,)`: 0 = the second text follows the first."""

    text_inputs = ("text", "second_text")

    def decode(self, features):
        """As the class says."""
        # A position for the masked-LM head, if there is one; what it makes of it is left out of the graph.
        features = {**features, "masked_positions": features["token_ids"][:, :1]}
        logits = self.endpoint.model(features, training=False)["next_sentence"]
        return _with_label({"probabilities": tf.nn.softmax(logits)}, single=True)


class PhoneEmbedder(PhoneFunction):
    """`embedding` float32 `(1, hidden)`."""

    def decode(self, features):
        """As the class says."""
        return {"embedding": self.endpoint.model(features, training=False)["embedding"]}


class PhoneFillMask(PhoneFunction):
    """`token_id` int32 and `probability` float32 `(1, blanks, top_k)`, `num_blanks` int32 `(1,)`.

    There is one row of zeros where there is no blank, because LiteRT gives out no empty tensors.
    """

    def decode(self, features):
        """As the class says."""
        vocabulary = self.endpoint.tokenizer.vocabulary
        blanks = places_of(features["token_ids"][0] == vocabulary.mask_id)
        num_blanks = tf.size(blanks)
        positions = tf.cast(filled_up(blanks), tf.int32)[tf.newaxis]
        logits = self.endpoint.model({**features, "masked_positions": positions}, training=False)["masked_lm"]
        probability, token_id = tf.math.top_k(tf.nn.softmax(logits[:, :, :len(vocabulary)]), self.endpoint.top_k)
        return {"token_id": tf.where(num_blanks > 0, token_id, 0),
                "probability": tf.where(num_blanks > 0, probability, 0.0), "num_blanks": num_blanks[tf.newaxis]}


class PhoneMultipleChoice(PhoneFunction):
    """`choice` int32 `(1,)` and `probabilities` float32 `(1, choices)`; as many choices as come in."""

    text_inputs = ("context", "choices")

    @property
    def specs(self):
        """`context` `(1,)` and `choices` `(1, choices)`, or ids `(1, choices, max_length)`."""
        if self.takes_text:
            return {"context": tf.TensorSpec([1], tf.string, name="context"),
                    "choices": tf.TensorSpec([1, None], tf.string, name="choices")}
        return {name: tf.TensorSpec([1, None, self.endpoint.max_length], tf.int32, name=name)
                for name in ENCODER_INPUTS}

    def features(self, texts):
        """A row for each choice; none for what is no choice (`MultipleChoice`), which is all padding."""
        contexts = self.tokenizer.tokenize(texts["context"])
        choices = tf.reshape(texts["choices"], [-1])
        continuations = self.tokenizer.tokenize(choices)
        starts = continuations.row_starts()
        rows = pack_slices(
            Slices(contexts.values, tf.zeros_like(starts), tf.zeros_like(starts) + tf.size(contexts.values, tf.int64)),
            Slices(continuations.values, starts, continuations.row_lengths()), **self.packing)
        is_choice = tf.cast(choices != "", tf.int32)
        is_choice = tf.maximum(is_choice, 1 - tf.reduce_max(is_choice))
        rows["padding_mask"] *= is_choice[:, tf.newaxis]
        return {name: values[tf.newaxis] for name, values in rows.items()}

    def num_tokens(self, texts):
        """[CLS], the context, the longest of the choices and two [SEP]."""
        choices = self.tokenizer.tokenize(tf.reshape(texts["choices"], [-1]))
        return 3 + tf.size(self.tokenizer.tokenize(texts["context"]).values, tf.int64) + tf.reduce_max(
            choices.row_lengths())

    def decode(self, features):
        """As the class says."""
        logits = self.endpoint.model(features, training=False)["logits"]
        is_choice = features["padding_mask"][:, :, 0] > 0
        probabilities = tf.nn.softmax(tf.where(is_choice, logits, logits.dtype.min))
        return {"choice": tf.argmax(probabilities, axis=-1, output_type=tf.int32), "probabilities": probabilities}


def _with_label(answers: Tensors, *, single: bool) -> Tensors:
    if not single:
        return answers
    return answers | {"label_id": tf.argmax(answers["probabilities"], axis=-1, output_type=tf.int32)}


def filled_up(values: tf.Tensor) -> tf.Tensor:
    """`values` `(n,)`, or a zero if there are none."""
    count = tf.maximum(tf.size(values), 1)
    return tf.concat([values, tf.zeros([1], values.dtype)], axis=0)[:count]

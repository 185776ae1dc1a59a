"""Phone functions that read long texts in windows and answer with places in them."""

import tensorflow as tf

from bert_tf.config import require
from bert_tf.endpoints.answers import byte_spans, ranked_answers
from bert_tf.endpoints.endpoint import Endpoint
from bert_tf.endpoints.spans import spans_of_texts, spans_of_windows
from bert_tf.export.phone_functions import PhoneFunction, Tensors, filled_up
from bert_tf.text.litert_tokenizer import LiteRTTokenizer
from bert_tf.text.packing import pack
from bert_tf.text.pieces import places_of
from bert_tf.text.question_windows import question_windows, text_windows


class PhoneWindows(PhoneFunction):
    """What reads long texts in windows, `max_windows` of them at most.

    Args:
        endpoint: as for `PhoneFunction`.
        takes_text: as for `PhoneFunction`; of ids there is one window.
        tokenizer: as for `PhoneFunction`.
        max_windows: windows; where a text would need more, the rest is not read.
    """

    def __init__(self, endpoint: Endpoint, *, takes_text: bool, tokenizer: LiteRTTokenizer | None = None,
                 max_windows: int = 4):
        super().__init__(endpoint, takes_text=takes_text, tokenizer=tokenizer)
        require(max_windows >= 1, "`max_windows` >= 1", max_windows=max_windows)
        self.max_windows = max_windows

    def _read(self, text: tf.Tensor, room: tf.Tensor, stride: int) -> tuple[list[tf.RaggedTensor], Tensors]:
        """Ids, starts and limits of the pieces that fit into the windows; whether all do, and how far they reach.

        Args:
            text: string `(1,)`.
            room: int64 scalar, pieces that a window can hold.
            stride: pieces from the start of a window to the start of the next.
        """
        pieces = self.tokenizer.tokenize_with_offsets(text)
        limit = room + (self.max_windows - 1) * tf.minimum(tf.cast(stride, tf.int64), room)
        num_pieces = tf.size(pieces[0].values, tf.int64)
        kept = [values.values[:limit] for values in pieces]
        row_splits = tf.stack([tf.zeros([], tf.int64), tf.minimum(num_pieces, limit)])
        bytes_read = tf.reduce_max(tf.concat([kept[2], [0]], axis=0), keepdims=True)
        about = {"truncated": (num_pieces > limit)[tf.newaxis], "bytes_read": tf.cast(bytes_read, tf.int32)}
        return [tf.RaggedTensor.from_row_splits(values, row_splits, validate=False) for values in kept], about


class PhoneTagger(PhoneWindows):
    """The entities of a text: `start_byte`, `end_byte`, `type_id` int32, `score` float32 `(1, entities)`.

    `num_entities` int32 `(1,)`; `truncated` bool and `bytes_read` int32 `(1,)`: how much of the text was read. There is
    an entity of zeros where there is none, because LiteRT gives out no empty tensors.

    Of ids: `label_id` int32 and `score` float32 `(1, max_length)`, the label of each token.
    """

    def answer(self, texts):
        """As the class says."""
        room = self.endpoint.max_length - 2
        stride = max(room // 2, 1)
        (pieces, starts, limits), about = self._read(texts["text"], tf.constant(room, tf.int64), stride)
        num_pieces = tf.size(pieces.values, tf.int64)
        is_word = ~tf.gather(self.endpoint._is_suffix, pieces.values) | (tf.range(num_pieces) == 0)
        read = text_windows(pieces, stride=stride, **self.packing)
        probabilities = tf.nn.softmax(self.endpoint.model(read.features, training=False)["logits"])

        first_pieces = places_of(is_word)
        last_pieces = tf.concat([first_pieces[1:], num_pieces[tf.newaxis]], axis=0)[:tf.size(first_pieces)] - 1
        # Every piece has its most context once, so these are in the order of the pieces.
        places = tf.gather(tf.where(read.has_most_context), first_pieces)
        of_words = tf.gather_nd(probabilities, places)  # (words, labels)
        entities = self.endpoint._entity_finder.find(
            tf.argmax(of_words, axis=-1, output_type=tf.int32), tf.reduce_max(of_words, axis=-1),
            tf.stack([tf.zeros([], tf.int64), tf.size(first_pieces, tf.int64)]))
        columns = {
            "start_byte": tf.cast(tf.gather(starts.values, tf.gather(first_pieces, entities.firsts)), tf.int32),
            "end_byte": tf.cast(tf.gather(limits.values, tf.gather(last_pieces, entities.lasts)), tf.int32),
            "type_id": tf.cast(entities.type_ids, tf.int32), "score": entities.scores}
        return {name: filled_up(values)[tf.newaxis] for name, values in columns.items()} | about | {
            "num_entities": tf.size(entities.firsts)[tf.newaxis]}

    def decode(self, features):
        """As the class says of ids."""
        probabilities = tf.nn.softmax(self.endpoint.model(features, training=False)["logits"])
        return {"label_id": tf.argmax(probabilities, axis=-1, output_type=tf.int32),
                "score": tf.reduce_max(probabilities, axis=-1)}


class PhoneQuestionAnswerer(PhoneWindows):
    """The best answers: `start_byte`, `end_byte` int32 and `score` float32 `(1, top_k)`.

    `null_odds` float32, `is_impossible` bool: as in `QuestionAnswerer`; `truncated` bool, `bytes_read` int32, how much
    of the context was read; all `(1,)`.

    Of ids: `first_token` and `last_token`, int32 `(1, top_k)`, positions in the row, instead of the bytes.
    """

    text_inputs = ("question", "context")

    def answer(self, texts):
        """As the class says."""
        endpoint = self.endpoint
        questions = self.tokenizer.tokenize(texts["question"])
        longest = min(endpoint.max_question_length, (endpoint.max_length - 3) // 2)
        room = endpoint.max_length - 3 - tf.minimum(questions.row_lengths()[0], longest)
        (pieces, starts, limits), about = self._read(texts["context"], room, endpoint.stride)
        windows = question_windows(questions, pieces, stride=endpoint.stride,
                                   max_question_length=endpoint.max_question_length, **self.packing)
        best = self._best(windows.features, windows.has_most_context, windows.is_context, windows.windows.row_splits)
        _, start_bytes, end_bytes = byte_spans(best, windows, starts, limits)
        return self._ranked(best, start_byte=start_bytes, end_byte=end_bytes) | about

    def features(self, texts):
        """Question and first window."""
        questions = self.tokenizer.tokenize(texts["question"])
        longest = min(self.endpoint.max_question_length, (self.endpoint.max_length - 3) // 2)
        contexts = self.tokenizer.tokenize(texts["context"])
        questions = tf.RaggedTensor.from_tensor(questions.values[tf.newaxis, :longest])
        room = self.endpoint.max_length - 3 - tf.size(questions.values)
        return pack(questions, tf.RaggedTensor.from_tensor(contexts.values[tf.newaxis, :room]), **self.packing)

    def num_tokens(self, texts):
        """[CLS], the question as far as it is read, the context and two [SEP].

        A question may take half of a row, so there are at least twice as many as it has.
        """
        question, context = (tf.size(self.tokenizer.tokenize(texts[name]).values, tf.int64)
                             for name in self.text_inputs)
        question = tf.minimum(question, self.endpoint.max_question_length)
        return 3 + question + tf.maximum(context, question)

    def decode(self, features):
        """As the class says of ids."""
        segment_ids = features["segment_ids"]
        # The second text without its last token, [SEP], behind which there are zeros or nothing.
        is_context = segment_ids * tf.pad(segment_ids[:, 1:], [[0, 0], [0, 1]]) > 0
        best = self._best(features, is_context, is_context, tf.constant([0, 1], tf.int64))
        return self._ranked(best, first_token=best.firsts, last_token=best.lasts)

    def _best(self, features, is_start, is_end, row_splits):
        endpoint = self.endpoint
        logits = endpoint.model(features, training=False)
        spans = spans_of_windows(logits["start_logits"], logits["end_logits"], is_start, is_end, best=endpoint.top_k,
                                 max_answer_length=endpoint.max_answer_length)
        return spans_of_texts(spans, row_splits, best=endpoint.top_k, null_counts=endpoint.handle_impossible)

    def _ranked(self, best, **places):
        threshold = self.endpoint.null_threshold if self.endpoint.handle_impossible else None
        places = {name: tf.cast(tf.reshape(values, [-1]), tf.int32) for name, values in places.items()}
        return ranked_answers(best, places, null_threshold=threshold)

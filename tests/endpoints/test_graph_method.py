import copy
import gc
import weakref

import tensorflow as tf

from bert_tf.endpoints.classification import Classifier
from bert_tf.endpoints.graph_method import graph_method
from bert_tf.models.classifier import BertClassifier
from tests.endpoints.tiny import CONFIG, randomised


class Adder(tf.Module):
    """Adds a number."""

    def __init__(self, number):
        super().__init__()
        self.number, self.traced = number, 0

    @graph_method(tf.TensorSpec([None], tf.int32, name="values"))
    def add(self, values):
        """Adds."""
        self.traced += 1
        return values + self.number


def test_an_object_that_nothing_else_holds_answers():
    assert Adder(2).add([1, 3]).numpy().tolist() == [3, 5]
    answers = Classifier(randomised(BertClassifier(CONFIG, ["no", "yes"]))).answer(tf.constant(["a cat"]))
    assert answers["label"].numpy().tolist() in ([b"no"], [b"yes"])


def test_each_object_has_a_function_of_its_own_made_once():
    adder = Adder(1)
    assert adder.add is adder.add and adder.add([1]).numpy() == adder.add([1, 1]).numpy()[0] == 2
    assert adder.traced == 1
    other = copy.copy(adder)
    other.number = 5
    assert other.add([1]).numpy() == [6] and adder.add([1]).numpy() == [2]
    assert Adder.add.__doc__ == "Adds."
    assert list(adder.add.get_concrete_function().structured_input_signature[0]) == [
        tf.TensorSpec([None], tf.int32, name="values")]


def test_an_object_goes_when_nothing_holds_it():
    adder = Adder(1)
    adder.add([1])
    alive = weakref.ref(adder)
    del adder
    gc.collect()
    assert alive() is None

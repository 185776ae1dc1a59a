import pytest

from bert_tf.config import FinetuningConfig
from bert_tf.config.finetuning import GLUE_TASKS
from bert_tf.data import glue

GIVEN = dict(init="bert", train="train.tsv")


def test_defaults_are_the_papers():
    config = FinetuningConfig(**GIVEN)
    assert (config.epochs, config.batch_size, config.warmup_rate, config.dropout) == (3, 32, 0.1, 0.1)
    assert config.longest == 128 and FinetuningConfig(**GIVEN, task="question_answering").longest == 384
    assert FinetuningConfig(**GIVEN, max_length=64).longest == 64
    assert config.label_names() is None
    assert FinetuningConfig(**GIVEN, labels="no, yes").label_names() == ["no", "yes"]


@pytest.mark.parametrize(("changes", "message"), [
    ({"task": "clasification"}, "Expected `task` to be one of classification, regression"),
    ({"init": None}, "Expected `init`, a model to start from. Received: init=None."),
    ({"train": None}, "either `train` or `data`"),
    ({"data": "folder"}, "either `train` or `data`"),
    ({"epochs": 0}, "`epochs` >= 1. Received: epochs=0."),
    ({"learning_rate": 0}, "`learning_rate` > 0"),
    ({"warmup_rate": 1.5}, "warmup_rate=1.5"),
    ({"seed": -1}, "`seed` in [0, 2**32). Received: seed=-1"),
    ({"layer_decay": 0}, "layer_decay=0"),
    ({"freeze": "head"}, "`freeze` to be encoder, embeddings or a number of layers. Received: freeze='head'."),
    ({"freeze": "encoder", "lora_rank": 4}, "either `freeze` or `lora_rank`"),
    ({"max_length": 7}, "`max_length` >= 8"),
    ({"precision": "float16"}, "precision='float16'"),
])
def test_refuses(changes, message):
    with pytest.raises(ValueError) as caught:
        FinetuningConfig(**GIVEN | changes)
    assert message in str(caught.value)


def test_knows_the_glue_tasks_of_the_readers():
    assert tuple(glue.GLUE_TASKS) == GLUE_TASKS

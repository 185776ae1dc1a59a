import random

import numpy as np
import pytest

import bert_tf
from bert_tf.data.examples import TextExample
from bert_tf.workflows.evaluate import evaluate
from bert_tf.workflows.finetune import finetune
from bert_tf.workflows.finetune_embedding import EmbeddingTask
from tests.workflows.finetuning import config

TOPICS = ("red cat", "blue dog", "green bird", "good house", "bad tree", "max street", "rome", "paris", "oslo", "7 8 9")


def write_pairs(path, count, seed=0, scores=True):
    """Two texts about the same topic, or with `scores` every other time about two."""
    rng = random.Random(seed)
    rows = ["sentence1\tsentence2" + ("\tscore" if scores else "")]
    for number in range(count):
        first, other = rng.sample(TOPICS, 2)
        same = not scores or number % 2 == 0
        row = [f"the {first} is one", f"where is {first if same else other} ?"]
        rows.append("\t".join(row + (["5.0" if same else "0.0"] if scores else [])))
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.mark.slow
def test_scores(encoder, tmp_path):
    train, dev = write_pairs(tmp_path / "train.tsv", 64), write_pairs(tmp_path / "dev.tsv", 20, seed=1)
    test = write_pairs(tmp_path / "test.tsv", 3, scores=False)
    report = finetune(config(encoder, "embedding", train=train, validation=dev, test=test), tmp_path / "run")
    assert report["main_metric"] == "spearman" and report["metrics"]["spearman"] > 0.6
    rows = [line.split("\t") for line in (tmp_path / "run" / "predictions.tsv").read_text().splitlines()[1:]]
    embedder = bert_tf.SentenceEmbedder.load(tmp_path / "run")
    first, second = (embedder.predict([row[column] for row in rows]) for column in (1, 2))
    first, second = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in (first, second))
    np.testing.assert_allclose((first * second).sum(axis=1), [float(row[4]) for row in rows], atol=1e-5)
    assert evaluate(tmp_path / "run", str(dev))["metrics"] == report["metrics"]
    lines = (tmp_path / "run" / "test_predictions.tsv").read_text().splitlines()
    assert lines[0] == "place\ttext\tsecond_text\tgold\tpredicted" and len(lines) == 4


@pytest.mark.slow
def test_pairs_alone(encoder, tmp_path):
    train, dev = (write_pairs(tmp_path / f"{name}.tsv", count, seed, scores=False)
                  for name, count, seed in (("train", 64, 0), ("dev", 8, 1)))
    report = finetune(config(encoder, "embedding", train=train, validation=dev), tmp_path / "run")
    assert set(report["metrics"]) == {"accuracy", "mrr"} and report["metrics"]["mrr"] > 0.6
    header = (tmp_path / "run" / "predictions.tsv").read_text().splitlines()[0]
    assert header.split("\t") == ["place", "text", "second_text", "gold", "predicted", "rank", "loss"]


def test_refuses_single_texts_and_scores_that_are_none(encoder, tmp_path):
    (tmp_path / "single.tsv").write_text("text\tscore\nthe cat\t1\nthe dog\t2\n")
    with pytest.raises(ValueError, match=r"two texts in every row of .*single\.tsv"):
        finetune(config(encoder, "embedding", train=tmp_path / "single.tsv"), tmp_path / "run")
    (tmp_path / "nan.tsv").write_text("sentence1\tsentence2\tscore\na\tb\t1\na\tb\tNaN\n")
    with pytest.raises(ValueError, match=r"a number as score at .*nan\.tsv:3. Received: score='NaN'"):
        finetune(config(encoder, "embedding", train=tmp_path / "nan.tsv"), tmp_path / "run")


def test_refuses_a_single_score_to_judge_by(encoder):
    task = EmbeddingTask(config(encoder, "embedding", train="x"), (0, 5))
    pairs = [TextExample("a", "b", "2", "a.tsv:1")]
    task.check(pairs)
    with pytest.raises(ValueError, match="another example beside a.tsv:1 to evaluate on: a correlation takes two"):
        task.check(pairs, scored=True)


@pytest.mark.parametrize(("changes", "message"), [
    ({"freeze": "encoder"}, "`freeze` to leave something to train. Received: freeze='encoder'"),
    ({"accumulate": 2}, "no `accumulate` beside a loss that compares all rows of a batch.* Received: accumulate=2"),
])
def test_refuses_what_cannot_train_pairs(encoder, tmp_path, changes, message):
    pairs = write_pairs(tmp_path / "pairs.tsv", 8, scores=False)
    with pytest.raises(ValueError, match=message):
        finetune(config(encoder, "embedding", train=pairs, validation=pairs, **changes), tmp_path / "run")
    assert not (tmp_path / "run" / "run.json").exists()

import json
import random
import types

import pytest

import bert_tf
from bert_tf.data.examples import Answer, Question
from bert_tf.workflows.evaluate import evaluate
from bert_tf.workflows.finetune import finetune
from bert_tf.workflows.finetune_questions import QuestionTask, is_chinese
from tests.workflows.finetuning import config, sentence

SETTINGS = dict(epochs=10, max_length=40, stride=8)


def write_squad(path, count, seed=0, impossible=False):
    """Contexts of the kind `... code is N ...`; with `impossible` every third has no code."""
    rng = random.Random(seed)
    paragraphs = []
    for number in range(count):
        answer = rng.choice("789")
        lacks = impossible and number % 3 == 2
        fact = "." if lacks else f"code is {answer} ."
        context = " ".join([sentence(rng), fact, sentence(rng, length=rng.randrange(3, 30))])
        start = context.find(f"code is {answer}") + len("code is ")
        paragraphs.append({"context": context, "qas": [{
            "id": f"q{number}", "question": "what is the code ?", "is_impossible": lacks,
            "answers": [] if lacks else [{"text": answer, "answer_start": start}]}]})
    path.write_text(json.dumps({"version": "x", "data": [{"title": "t", "paragraphs": paragraphs}]}))
    return path


@pytest.mark.slow
def test_squad_1(encoder, tmp_path):
    train, dev = write_squad(tmp_path / "train.json", 96), write_squad(tmp_path / "dev.json", 16, seed=1)
    settings = config(encoder, "question_answering", train=train, validation=dev, **SETTINGS)
    report = finetune(settings, tmp_path / "run")
    assert set(report["metrics"]) == {"exact_match", "f1"} and report["metrics"]["f1"] >= 80
    predictions = json.loads((tmp_path / "run" / "predictions.json").read_text())
    assert list(predictions) == [f"q{number}" for number in range(16)]
    assert not (tmp_path / "run" / "null_odds.json").exists()
    answerer = bert_tf.QuestionAnswerer.load(tmp_path / "run", max_length=40, stride=8)
    questions = json.loads(dev.read_text())["data"][0]["paragraphs"]
    answers = answerer.predict(["what is the code ?"] * 16, [question["context"] for question in questions])
    assert [answer["answer"] for answer in answers] == list(predictions.values())
    assert evaluate(tmp_path / "run", str(dev))["metrics"] == report["metrics"]


@pytest.mark.slow
def test_squad_2_with_a_threshold_that_the_model_keeps(encoder, tmp_path):
    train, dev = (write_squad(tmp_path / f"{name}.json", count, seed, impossible=True)
                  for name, count, seed in (("train", 96, 0), ("dev", 18, 1)))
    report = finetune(config(encoder, "question_answering", train=train, validation=dev, **SETTINGS), tmp_path / "run")
    metrics = report["metrics"]
    assert metrics["f1"] == metrics["best_f1"] >= 70 and metrics["NoAns_total"] == 6
    values = json.loads((tmp_path / "run" / "config.json").read_text())
    assert values["null_threshold"] == metrics["best_f1_thresh"]
    predictions = json.loads((tmp_path / "run" / "predictions.json").read_text())
    odds = json.loads((tmp_path / "run" / "null_odds.json").read_text())
    assert {id_ for id_, text in predictions.items() if not text} == {
        id_ for id_ in odds if odds[id_] > values["null_threshold"]}
    answerer = bert_tf.QuestionAnswerer.load(tmp_path / "run", max_length=40, stride=8)
    questions = json.loads(dev.read_text())["data"][0]["paragraphs"]
    answers = answerer.predict(["what is the code ?"] * 18, [question["context"] for question in questions])
    assert [answer["answer"] for answer in answers] == list(predictions.values())
    assert evaluate(tmp_path / "run", str(dev))["metrics"] == metrics


def score(encoder, monkeypatch, examples, odds):
    """The evaluation of a model of an earlier threshold that answers `x` to everything."""
    class Answerer:
        def __init__(self, *_, **__):
            pass

        def predict(self, questions, *_, **__):
            return [{"answer": "x", "score": 0.5, "null_odds": odds[number]} for number in range(len(questions))]

    monkeypatch.setattr("bert_tf.workflows.finetune_questions.QuestionAnswerer", Answerer)
    model = types.SimpleNamespace(kept_config={"null_threshold": -5.0}, config=types.SimpleNamespace(
        max_sequence_length=64))
    task = QuestionTask(config(encoder, "question_answering", train="train.json"), tune=True)
    return task.scorer(model)(examples)


def test_it_may_be_best_to_answer_nothing(encoder, monkeypatch):
    examples = [Question(str(number), "who?", "x y", is_impossible=True) for number in range(3)]
    examples.append(Question("3", "who?", "x y", (Answer("y", 2),)))
    evaluation = score(encoder, monkeypatch, examples, [-3.0, -2.0, -1.0, 0.5])
    assert evaluation.metrics["f1"] == evaluation.metrics["best_f1"] == 75
    assert evaluation.model_values["null_threshold"] < -3 and set(evaluation.predictions[0].values()) == {""}


def test_the_threshold_of_an_earlier_training_is_forgotten(encoder, monkeypatch):
    examples = [Question(str(number), "who?", "x y", (Answer("x", 0),)) for number in range(2)]
    evaluation = score(encoder, monkeypatch, examples, [-3.0, 2.0])
    assert evaluation.metrics == {"exact_match": 100, "f1": 100}
    assert evaluation.model_values == {"null_threshold": None} and evaluation.predictions[1] is None


@pytest.mark.parametrize(("question", "expected"), [
    ("答案是什么？", True), ("BERT是什么？", False), ("谁写了BERT这个模型？", True), ("What is 猫?", False),
    ("?", False)])
def test_ideographs_ask_for_chinese_scores(question, expected):
    assert is_chinese([Question("1", question, "")]) == expected


def test_refuses_what_is_no_squad_file(encoder, tmp_path):
    (tmp_path / "train.json").write_text('{"data": [{"paragraphs": [{"context": "a"}]}]}')
    with pytest.raises(ValueError, match=r"`qas` in .*train\.json: data\[0\]\.paragraphs\[0\]"):
        finetune(config(encoder, "question_answering", train=tmp_path / "train.json"), tmp_path / "run")


def test_refuses_a_question_to_judge_by_whose_answer_is_not_known(encoder, tmp_path):
    train, dev = write_squad(tmp_path / "train.json", 4), write_squad(tmp_path / "dev.json", 4, impossible=True)
    values = json.loads(dev.read_text())
    values["data"][0]["paragraphs"][3]["qas"][0]["answers"] = []
    dev.write_text(json.dumps(values))
    for attempt in ({"train": train, "validation": dev}, {"train": train, "validation": f"{train},{dev}"}):
        with pytest.raises(ValueError, match=r"`answers`, or `is_impossible`, to compare with at .*dev\.json:q3"):
            finetune(config(encoder, "question_answering", **SETTINGS, **attempt), tmp_path / "run")
    assert not (tmp_path / "run" / "run.json").exists()

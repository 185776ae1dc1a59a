import json
import random

import numpy as np
import pytest

import bert_tf
from bert_tf.workflows.evaluate import evaluate
from bert_tf.workflows.finetune import finetune
from tests.workflows.finetuning import config, sentence, write_reviews


@pytest.fixture(scope="module", name="run")
def classification_run(encoder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reviews")
    train, dev = write_reviews(folder / "train.tsv"), write_reviews(folder / "dev.tsv", 20, seed=1)
    # Labels as in published test files, where they mean nothing.
    (folder / "test.tsv").write_text("text\tlabel\nthe good cat\t-1\nthe bad cat\t-1\n")
    report = finetune(config(encoder, "classification", train=train, validation=dev, test=folder / "test.tsv"),
                      folder / "run")
    return folder, report


def test_learns_and_leaves_everything_in_one_folder(run):
    folder, report = run
    assert {path.name for path in (folder / "run").iterdir()} == {
        "config.json", "vocab.txt", "tokenizer_config.json", "model.safetensors", "report.json", "run.json",
        "log.jsonl", "predictions.tsv", "hardest.tsv", "confusion_matrix.png", "test_predictions.tsv"}
    assert json.loads((folder / "run" / "report.json").read_text()) == json.loads(json.dumps(report))
    assert set(report["metrics"]) == {"accuracy", "f1", "matthews"} and report["metrics"]["accuracy"] >= 0.9
    assert np.sum(report["confusion_matrix"]) == 20 and set(report["labels"]) == {"negative", "positive"}
    assert len(report["evaluations"]) == 6 and report["steps"] == 48
    assert report["examples"]["train"]["examples"] == 64 and report["examples_per_second"] > 0
    assert report["trained_parameters"] == report["parameters"] == bert_tf.load_model(folder / "run").count_params()
    values = json.loads((folder / "run" / "config.json").read_text())
    assert (values["finetuning_task"], values["text_pairs"]) == ("classification", False)


def test_the_model_answers_as_in_its_last_evaluation(run):
    folder, report = run
    classifier = bert_tf.Classifier.load(folder / "run", max_length=32)
    rows = [line.split("\t") for line in (folder / "run" / "predictions.tsv").read_text().splitlines()]
    assert rows[0] == ["place", "text", "gold", "predicted", "probability", "loss"] and len(rows) == 21
    for row, answer in zip(rows[1:], classifier.predict([row[1] for row in rows[1:]]), strict=True):
        assert answer["label"] == row[3]
        assert answer["probabilities"][row[3]] == pytest.approx(float(row[4]), abs=1e-5)
        assert -np.log(answer["probabilities"][row[2]]) == pytest.approx(float(row[5]), abs=1e-4)
    hardest = [line.split("\t") for line in (folder / "run" / "hardest.tsv").read_text().splitlines()[1:]]
    assert [float(row[5]) for row in hardest] == sorted((float(row[5]) for row in rows[1:]), reverse=True)
    assert report["hardest"][0]["text"] == hardest[0][1]


def test_evaluate_gives_the_same_scores(run, tmp_path):
    folder, report = run
    again = evaluate(folder / "run", str(folder / "dev.tsv"), tmp_path / "scores")
    assert again["metrics"] == report["metrics"] and again["task"] == "classification"
    assert (tmp_path / "scores" / "predictions.tsv").read_bytes() == (folder / "run" / "predictions.tsv").read_bytes()
    with pytest.raises(ValueError, match="an `output_dir` without another report"):
        evaluate(folder / "run", str(folder / "dev.tsv"), tmp_path / "scores")


def test_evaluate_only_answers_what_has_no_labels(run, tmp_path):
    folder, _ = run
    (tmp_path / "texts.tsv").write_text("text\nthe good cat\nthe bad cat\n")
    report = evaluate(folder / "run", str(tmp_path / "texts.tsv"), tmp_path / "answers", labelled=False)
    assert report["metrics"] == {} and not (tmp_path / "answers" / "hardest.tsv").exists()
    lines = (tmp_path / "answers" / "predictions.tsv").read_text().splitlines()
    assert [line.split("\t")[3] for line in lines[1:]] == ["positive", "negative"]


def test_the_labels_of_a_test_file_play_no_part(run, tmp_path):
    folder, report = run
    assert evaluate(folder / "run", str(folder / "test.tsv"), tmp_path / "answers", labelled=False)["metrics"] == {}
    assert "other_metrics" not in report and len(report["examples"]["test"]) == 1
    for path in (folder / "run" / "test_predictions.tsv", tmp_path / "answers" / "predictions.tsv"):
        rows = [line.split("\t") for line in path.read_text().splitlines()]
        assert rows[0][2:4] == ["gold", "predicted"]
        assert [row[2:4] for row in rows[1:]] == [["", "positive"], ["", "negative"]]


def test_refuses_a_label_of_another_world(run, encoder, tmp_path):
    folder, _ = run
    (tmp_path / "dev.tsv").write_text("text\tlabel\nthe cat\tpositive\nthe dog\tneutral\n")
    for attempt in (lambda: evaluate(folder / "run", str(tmp_path / "dev.tsv")),
                    lambda: finetune(config(encoder, "classification", train=folder / "train.tsv",
                                            validation=tmp_path / "dev.tsv"), tmp_path / "run")):
        with pytest.raises(ValueError, match=r"negative, positive at .*dev\.tsv:3. Received: label='neutral'"):
            attempt()
    assert not (tmp_path / "run" / "run.json").exists()


def test_refuses_scores_as_labels_and_a_single_label(encoder, tmp_path):
    lines = "".join(f"the cat\t{number / 7}\n" for number in range(400))
    (tmp_path / "scores.tsv").write_text(f"text\tlabel\n{lines}")
    with pytest.raises(ValueError, match="--task=regression"):
        finetune(config(encoder, "classification", train=tmp_path / "scores.tsv", validation=tmp_path / "scores.tsv"),
                 tmp_path / "run")
    (tmp_path / "one.tsv").write_text("text\tlabel\n" + "the cat\tyes\n" * 9)
    with pytest.raises(ValueError, match="at least two different labels"):
        finetune(config(encoder, "classification", train=tmp_path / "one.tsv"), tmp_path / "run")


def test_refuses_a_regression_that_a_single_number_would_judge(encoder, tmp_path):
    (tmp_path / "train.tsv").write_text("text\tscore\nthe cat\t1\nthe dog\t2\n")
    (tmp_path / "dev.tsv").write_text("text\tscore\nthe cat\t1\n")
    with pytest.raises(ValueError, match=r"another example beside .*dev\.tsv:2 to evaluate on: a correlation takes two"
                                         r"\. Received: examples=1"):
        finetune(config(encoder, "regression", train=tmp_path / "train.tsv", validation=tmp_path / "dev.tsv"),
                 tmp_path / "run")
    assert not (tmp_path / "run" / "run.json").exists()


@pytest.mark.slow
def test_regression(encoder, tmp_path):
    rng = random.Random(0)
    rows = [(sentence(rng, *["good"] * good, *["bad"] * (3 - good)), str(good)) for good in [0, 1, 2, 3] * 16]
    (tmp_path / "train.csv").write_text("text,score\n" + "".join(f"{text},{score}\n" for text, score in rows))
    report = finetune(config(encoder, "regression", train=tmp_path / "train.csv", validation=tmp_path / "train.csv"),
                      tmp_path / "run")
    assert set(report["metrics"]) == {"pearson", "spearman", "mean_squared_error"}
    assert report["metrics"]["spearman"] > 0.8
    answers = bert_tf.Classifier.load(tmp_path / "run").predict([rows[3][0], rows[0][0]])
    assert answers[0]["value"] > answers[1]["value"] + 1
    assert evaluate(tmp_path / "run", str(tmp_path / "train.csv"))["metrics"] == report["metrics"]


@pytest.mark.slow
def test_a_glue_task_from_its_folder(encoder, tmp_path):
    data = tmp_path / "RTE"
    data.mkdir()
    rng = random.Random(0)
    lines = [f"{number}\t{sentence(rng, 'good' if number % 2 else 'bad')}\tthe cat is good" for number in range(40)]
    labels = ["entailment" if number % 2 else "not_entailment" for number in range(40)]
    header = "index\tsentence1\tsentence2"
    labelled = "\n".join(f"{line}\t{label}" for line, label in zip(lines, labels, strict=True))
    for name in ("train", "dev"):
        (data / f"{name}.tsv").write_text(f"{header}\tlabel\n{labelled}\n")
    (data / "test.tsv").write_text("\n".join([header, *lines[:6]]) + "\n")
    settings = config(encoder, "rte", data=data)
    report = finetune(settings, tmp_path / "run")
    assert set(report["metrics"]) == {"accuracy"} and report["metrics"]["accuracy"] >= 0.9
    assert report["text_pairs"]
    submission = (tmp_path / "run" / "RTE.tsv").read_text().splitlines()
    assert submission[0] == "index\tprediction" and len(submission) == 7
    assert {line.split("\t")[1] for line in submission[1:]} == {"entailment", "not_entailment"}
    assert bert_tf.load_model(tmp_path / "run").labels == ("entailment", "not_entailment")
    again = evaluate(tmp_path / "run", str(data / "test.tsv"), tmp_path / "answers", labelled=False)
    assert again["task"] == "rte"
    assert (tmp_path / "answers" / "RTE.tsv").read_text() == (tmp_path / "run" / "RTE.tsv").read_text()


def save_classifier(encoder, folder, labels, chosen, **options):
    """A model that answers `chosen`, whatever it is asked."""
    model = bert_tf.load_model(encoder, bert_tf.BertClassifier, labels=labels, **options)
    model.get_layer("classifier").bias.assign([99.0 * (label == chosen) for label in labels])
    bert_tf.save_model(model, folder)
    return folder


def test_a_submission_has_the_names_that_the_model_means(encoder, tmp_path):
    model = save_classifier(encoder, tmp_path / "model", ["entailment", "neutral", "contradiction"], "neutral")
    (tmp_path / "test_matched.tsv").write_text("index\tsentence1\tsentence2\n0\tthe cat\tthe dog\n1\ta cat\ta dog\n")
    evaluate(model, str(tmp_path / "test_matched.tsv"), tmp_path / "answers", task="mnli", labelled=False)
    assert (tmp_path / "answers" / "MNLI-m.tsv").read_text() == "index\tprediction\n0\tneutral\n1\tneutral\n"


def test_f1_is_that_of_the_label_that_glue_means(encoder, tmp_path):
    rows = "".join(f"{label}\t1\t2\tthe cat\tthe dog\n" for label in (1, 1, 0))
    (tmp_path / "dev.tsv").write_text(f"Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n{rows}")
    model = save_classifier(encoder, tmp_path / "model", ["1", "0"], "1")
    report = evaluate(model, str(tmp_path / "dev.tsv"), task="mrpc")
    assert report["metrics"] == {"f1": pytest.approx(0.8), "accuracy": pytest.approx(2 / 3)}
    assert report["confusion_matrix"] == [[0, 1], [0, 2]]
    other = save_classifier(encoder, tmp_path / "other", ["no", "yes"], "no")
    with pytest.raises(ValueError, match=r"a model with the labels of mrpc: 0, 1. Received: labels=\('no', 'yes'\)"):
        evaluate(other, str(tmp_path / "dev.tsv"), task="mrpc")


def test_refuses_to_evaluate_several_values_of_a_text(run, encoder, tmp_path):
    model = save_classifier(encoder, tmp_path / "model", ["a", "b"], "a", problem_type="regression")
    with pytest.raises(ValueError, match=r"a regression of one value. Received: labels=\('a', 'b'\)"):
        evaluate(model, str(run[0] / "dev.tsv"))


def test_refuses_to_evaluate_several_labels_of_a_text(run, encoder, tmp_path):
    model = save_classifier(encoder, tmp_path / "model", ["a", "b"], "a", problem_type="multi_label")
    with pytest.raises(ValueError, match="of multi-label ones there is no evaluation. Received: problem_type='multi"):
        evaluate(model, str(run[0] / "dev.tsv"))

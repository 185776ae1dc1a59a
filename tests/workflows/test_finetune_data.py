import json

import pytest

from bert_tf.config import FinetuningConfig
from bert_tf.data.examples import Question, TextExample
from bert_tf.workflows.finetune_data import read_examples, read_sets, source_name, split


def texts(count, label=lambda number: str(number % 2)):
    return [TextExample(f"text {number}", label=label(number)) for number in range(count)]


def test_holds_a_tenth_out_the_same_again():
    examples = texts(50)
    left, held_out = split(examples, seed=1)
    assert len(held_out) == 5 and sorted(left + held_out, key=examples.index) == examples
    assert split(examples, seed=1) == (left, held_out) and split(examples, seed=2) != (left, held_out)


def test_a_label_of_one_example_stays_in_training():
    examples = texts(40, label=lambda number: "rare" if number == 7 else "often")
    for seed in range(30):
        left, held_out = split(examples, seed, by_label=True)
        assert "rare" in {example.label for example in left}
        assert len(left) + len(held_out) == 40


def test_questions_about_a_context_stay_together():
    questions = [Question(str(number), "who?", f"context {number // 4}") for number in range(40)]
    left, held_out = split(questions, seed=0)
    assert len(held_out) == 4 and len({question.context for question in held_out}) == 1
    assert not {question.context for question in left} & {question.context for question in held_out}


def test_refuses_what_cannot_be_split():
    with pytest.raises(ValueError, match="at least two examples"):
        split(texts(1), seed=0)
    with pytest.raises(ValueError, match="enough examples to hold some out"):
        split(texts(3, label=str), seed=0, by_label=True)


@pytest.fixture(name="folder")
def data_folder(tmp_path):
    for name, rows in (("train", 8), ("dev", 3)):
        (tmp_path / f"{name}.tsv").write_text("text\tlabel\n" + "".join(f"a {row}\t{row % 2}\n" for row in range(rows)))
    (tmp_path / "test.tsv").write_text("text\na\nb\n")
    return tmp_path


def test_a_folder_names_its_files(folder):
    sets = read_sets(FinetuningConfig(init="bert", data=str(folder)))
    assert len(sets.train) == 8 and [len(examples) for examples in sets.validation.values()] == [3]
    assert [example.text for example in sets.test[str(folder / "test.tsv")]] == ["a", "b"]
    assert sets.report["train"]["examples"] == 8 and sets.report["validation"][0]["examples"] == 3


@pytest.mark.parametrize("task", ["classification", "regression", "embedding"])
def test_what_is_not_labelled_has_no_labels(tmp_path, task):
    (tmp_path / "test.tsv").write_text("sentence1\tsentence2\tlabel\na\tb\tunknown\n")
    config = FinetuningConfig(task, init="bert", train="train.tsv")
    assert read_examples(config, str(tmp_path / "test.tsv"), "test", labelled=False) == [
        TextExample("a", "b", None, f"{tmp_path}/test.tsv:2")]


@pytest.mark.parametrize("column", ["word", "--1", "-"])
def test_columns_of_conll_files_have_numbers(tmp_path, column):
    (tmp_path / "train.conll").write_text("a O\nb B-x\n")
    config = FinetuningConfig("tagging", init="bert", train="train.conll", label_column=column)
    with pytest.raises(ValueError, match=f"`label_column` of a CoNLL file to be a number.* Received: value='{column}'"):
        read_examples(config, str(tmp_path / "train.conll"), "train")


def test_answers_of_questions_that_are_only_asked_play_no_part(tmp_path):
    values = {"id": "q", "question": "who?", "answers": [{"text": "a", "answer_start": 0}], "is_impossible": True}
    (tmp_path / "test.json").write_text(json.dumps({"data": [{"paragraphs": [{"context": "a", "qas": [values]}]}]}))
    config = FinetuningConfig("question_answering", init="bert", train="train.json")
    assert read_examples(config, str(tmp_path / "test.json"), "test", labelled=False) == [
        Question("q", "who?", "a", place=f"{tmp_path}/test.json:q")]


def test_splits_and_says_so(folder, caplog):
    sets = read_sets(FinetuningConfig(init="bert", train=str(folder / "train.tsv")))
    assert list(sets.validation) == ["held out from train"] and len(sets.train) == 7
    assert sets.report["train"]["examples"] == 7
    assert "1 of the 8 training examples are held out instead" in caplog.text


def test_counts_what_is_skipped(folder):
    (folder / "train.tsv").write_bytes(b"text\tlabel\na\t1\nb\n\t1\nc\t0\n\xff d\t0\n")
    report = read_sets(FinetuningConfig(init="bert", data=str(folder))).report["train"]
    assert sum(report["skipped"].values()) == 2 and report["lines_not_utf8"] == 1 and report["examples"] == 3


@pytest.mark.parametrize(("changes", "message"), [
    ({"data": "missing"}, "`data` to be a folder. Received: data='missing'"),
    ({"train": "missing.tsv"}, "pattern='missing.tsv'"),
    ({"train": "tfds:glue/sst2", "task": "sst2"}, "files in GLUE's layout; for a TensorFlow data set"),
    ({"train": "x.conll", "task": "tagging", "label_column": "tag"}, "`label_column` of a CoNLL file to be a number"),
])
def test_refuses_sources(changes, message):
    with pytest.raises(ValueError) as caught:
        read_sets(FinetuningConfig(init="bert", **changes))
    assert message in str(caught.value)


@pytest.mark.parametrize("names", [("pairs", "single", None), ("single", "pairs", None), ("pairs", "pairs", "single")])
def test_refuses_pairs_beside_single_texts(tmp_path, names):
    for name, columns in (("pairs", "sentence1\tsentence2"), ("single", "text")):
        text = columns.replace("sentence", "a ")
        (tmp_path / f"{name}.tsv").write_text(f"{columns}\tlabel\n{text}\t0\n{text}\t1\n")
    files = [str(tmp_path / f"{name}.tsv") if name else None for name in names]
    (tmp_path / "dev.tsv").write_bytes((tmp_path / f"{names[1]}.tsv").read_bytes())
    config = FinetuningConfig(init="bert", train=files[0], validation=str(tmp_path / "dev.tsv"), test=files[2])
    with pytest.raises(ValueError, match=r"(pairs of|single) texts at .*\.tsv:2, as at .*\.tsv:2. Received: "):
        read_sets(config)


def test_refuses_two_files_of_one_name(folder):
    (folder / "dev.csv").write_text("text,label\na,1\n")
    with pytest.raises(ValueError, match=r"validation and test files of different names"):
        read_sets(FinetuningConfig(init="bert", data=str(folder)))


@pytest.mark.parametrize("names", [("imdb.dev.tsv", "imdb.test.tsv"), ("eng.testa", "eng.testb")])
def test_files_may_be_called_alike_up_to_a_dot(folder, names):
    for name in names:
        (folder / name).write_bytes((folder / "dev.tsv").read_bytes())
    validation, test = (str(folder / name) for name in names)
    sets = read_sets(FinetuningConfig(init="bert", train=str(folder / "train.tsv"), validation=validation, test=test,
                                      layout="tsv"))
    assert list(sets.validation) == [validation] and list(sets.test) == [test]


def test_what_files_about_a_source_are_called():
    assert [source_name(source) for source in ("glue/dev.tsv", "a b/imdb.dev.csv.gz", "tfds:glue/sst2#test")] == [
        "dev", "imdb.dev", "sst2_test"]

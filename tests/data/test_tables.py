import gzip
import json

import pytest

from bert_tf.data.columns import TableFormat
from bert_tf.data.examples import ExampleCounts, TextExample
from bert_tf.data.tables import read_table
from tests.checks import data_file


def write(path, content):
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return str(path)


def fields(examples):
    return [(example.text, example.second_text, example.label) for example in examples]


@pytest.mark.parametrize("name, content, expected", [
    ("a.tsv", "sentence\tlabel\nit's \"odd\tpos\n", [("it's \"odd", None, "pos")]),
    ("a.csv", 'label,text\npos,"Good, ""really"".\nYes."\nneg,bad\n',
     [('Good, "really".\nYes.', None, "pos"), ("bad", None, "neg")]),
    ("a.csv.gz", "\ufefftext,label\r\ngood,1\r\n", [("good", None, "1")]),
    ("a.jsonl", '{"text": "so \\ud83d", "label": 1}\n{"label": true, "text": "né"}\n',
     [("so \ufffd", None, "1"), ("né", None, "true")]),
    ("a.tsv", "index\tQuestion\tSentence\tLabel\n0\tWho?\tAnn.\tentailment\n", [("Who?", "Ann.", "entailment")]),
    ("a.tsv", "index\tsentence1\tsentence2\tgold_label\tlabel\n0\ta\tb\tx\ty\n", [("a", "b", "x")]),
    ("a.tsv", "the film is good\tpos\nthe film is bad\tneg\nit rains\tneg\n",
     [("the film is good", None, "pos"), ("the film is bad", None, "neg"), ("it rains", None, "neg")]),
    ("a.csv", "label,body\nquestion,is it?\n", [("is it?", None, "question")]),
    ("a.csv", "pos,the film\nneg,a film\nneg,rain\n", [("the film", None, "pos"), ("a film", None, "neg"),
                                                      ("rain", None, "neg")]),
])
def test_finds_columns(tmp_path, name, content, expected):
    assert fields(read_table(write(tmp_path / name, content))) == expected


@pytest.mark.parametrize("table_format, expected", [
    (TableFormat(text=3, label="1"), ("d", None, "b")),
    (TableFormat(text="0", second_text=2, label=1), ("a", "c", "b")),
    (TableFormat(text=0, label=1, has_header=True), ("e", None, "f")),
    (TableFormat(text="c", label="d"), ("g", None, "h")),
])
def test_takes_columns_by_name_and_number(tmp_path, table_format, expected):
    path = write(tmp_path / "a.tsv", "a\tb\tc\td\ne\tf\tg\th\n")
    assert fields(read_table(path, table_format))[0] == expected


def test_places_are_lines_of_the_file(tmp_path):
    path = write(tmp_path / "a.csv", 'text,label\n"two\nlines",a\n\nlast,b\n')
    assert [example.place for example in read_table(path)] == [f"{path}:2", f"{path}:5"]


def test_one_text_where_a_pair_is_found(tmp_path):
    path = write(tmp_path / "a.tsv", "question\tsentence\tlabel\nWho?\tAnn.\t1\n")
    assert fields(read_table(path, TableFormat(second_text=""))) == [("Ann.", None, "1")]
    assert fields(read_table(path, TableFormat(text="question"))) == [("Who?", None, "1")]


def test_bad_rows_are_skipped_and_counted(tmp_path):
    good = "good\t1\n" * 8
    content = b"text\tlabel\n" + good.encode() + b"one\ttoo\tmany\nragged\n \t1\nno label\t\nbad \xff bytes\t0\n"
    path = write(tmp_path / "a.tsv", content)
    counts = ExampleCounts()
    examples = read_table(path, counts=counts)
    assert len(examples) == counts.examples == 9
    assert examples[-1] == TextExample("bad  bytes", None, "0", f"{path}:14")
    assert counts.skipped == {"another number of fields than the first line": 2, "empty text": 1, "empty label": 1}
    assert counts.places["another number of fields than the first line"] == [f"{path}:10", f"{path}:11"]
    assert (counts.lines_not_utf8, counts.first_line_not_utf8) == (1, f"{path}:14")
    assert json.loads(json.dumps(counts.to_dict()))["examples"] == 9


def test_a_first_line_that_may_be_names_is_asked_about(tmp_path):
    rows = "good,happy\nbad,sad\nfine,happy\nawful,sad\n" * 3
    path = write(tmp_path / "a.csv", "Tweet Text,Mood\n" + rows)
    with pytest.raises(ValueError, match=r"`header`, true or false, for .*a\.csv.*first_line=\['Tweet Text', 'Mood'\]"):
        read_table(path)
    assert len(read_table(path, TableFormat(text="Tweet Text", label="Mood"))) == 12
    assert len(read_table(path, TableFormat(has_header=False))) == 13
    for others in (rows, "best,4.5\n" + rows.replace("happy", "3"), "calm,angry\n" + rows + "odd,mixed\n"):
        assert len(read_table(write(tmp_path / "b.csv", others))) == others.count("\n")


def test_the_first_object_may_lack_its_label(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": "a"}\n{"text": "b", "label": 1}\n{"label": 0, "text": "c", "x": 1}\n')
    counts = ExampleCounts()
    assert fields(read_table(path, counts=counts)) == [("b", None, "1"), ("c", None, "0")]
    assert counts.places == {"empty label": [f"{path}:1"]}


def test_rows_without_labels_are_read_on_demand(tmp_path):
    path = write(tmp_path / "a.tsv", "index\tsentence\n0\tgood\n")
    assert fields(read_table(path, labelled=False)) == [("good", None, None)]
    path = write(tmp_path / "b.txt", "good\nbad\n")
    assert fields(read_table(path, labelled=False)) == [("good", None, None), ("bad", None, None)]
    path = write(tmp_path / "c.jsonl", '{"text": "good"}\n{"text": "bad"}\nno json\n')
    assert fields(read_table(path, labelled=False)) == [("good", None, None), ("bad", None, None)]


def test_a_text_of_a_million_characters(tmp_path):
    for name, content in (("a.csv", 'text,label\n"{}",1\n'), ("a.tsv", "text\tlabel\n{}\t1\n"),
                          ("a.jsonl", '{{"text": "{}", "label": 1}}\n')):
        example, = read_table(write(tmp_path / name, content.format("x " * 500_000)))
        assert len(example.text) == 1_000_000


@pytest.mark.parametrize("name, content, table_format, message", [
    ("a.tsv", "text\tlabel\na\t1\n", TableFormat(label="class"),
     r"a column of .*a\.tsv. Received: column='class', columns=\['text', 'label'\]"),
    ("a.tsv", "a\t1\n", TableFormat(text="5", label=1), "a column of .* Received: column='5', columns='2, without"),
    ("a.tsv", "body\tlabel\tx\na\t1\t2\n", TableFormat(), r"column of the text in .*columns=\['body', 'label', 'x'\]"),
    ("a.tsv", "text\tnote\na\t1\n", TableFormat(has_header=True), "column of the label in .*number from 0"),
    ("a.tsv", "a\tb\tc\n", TableFormat(), "column of the text in .*columns='3 without names'"),
    ("a.tsv", "no\ttweet\tmood\n", TableFormat(), r"without names', first_line=\['no', 'tweet', 'mood'\]"),
    ("a.csv", 'text,label\n"a"b,1\n', TableFormat(), r"quotation marks .* doubled, at .*a\.csv:2"),
    ("a.csv", 'text,label\na,1\n"b,1\nc,1\n', TableFormat(), r"at .*a\.csv:3. Received: unexpected end of data"),
    ("a.tsv", "", TableFormat(), r"rows in .*a\.tsv. Received: rows=0"),
    ("a.tsv", "text\tlabel\n", TableFormat(), "at least one example .*examples=0"),
    ("a.tsv", "text\tlabel\na\t1\nb\nc\n", TableFormat(),
     r"most rows of .*examples=1, skipped='2 x another number .* first at .*a\.tsv:3"),
    ("a.jsonl", "text,label\na,1\n", TableFormat(), "2 x not a JSON object on one line, first at .*:1"),
    ("a.parquet", "x", TableFormat(), r"ends in .csv, .tsv or .jsonl, or a `layout`"),
])
def test_says_what_is_wrong(tmp_path, name, content, table_format, message):
    with pytest.raises(ValueError, match=message):
        read_table(write(tmp_path / name, content), table_format)


def test_refuses_pairs_in_one_file_and_single_texts_in_another(tmp_path):
    write(tmp_path / "1.tsv", "sentence1\tsentence2\tlabel\na\tb\t1\n")
    write(tmp_path / "2.tsv", "text\tlabel\na\t1\n")
    with pytest.raises(ValueError, match=r"pairs of texts at .*2\.tsv:2, as at .*1\.tsv:2. Received: second_text=None"):
        read_table(f"{tmp_path}/*.tsv")


def test_refuses_an_unknown_layout():
    with pytest.raises(ValueError, match="csv, tsv, jsonl. Received: layout='xls'"):
        TableFormat("xls")


def test_leaves_the_csv_module_as_it_was(tmp_path):
    import csv

    limit = csv.field_size_limit()
    read_table(write(tmp_path / "a.csv", "text,label\na,1\n"))
    assert csv.field_size_limit() == limit


def test_reads_the_korean_pairs():
    examples = read_table(str(data_file("klue-nli-ko", "dev.tsv")))
    assert len(examples) == 300 and {example.label for example in examples} == {
        "contradiction", "entailment", "neutral"}
    assert all(example.second_text for example in examples)

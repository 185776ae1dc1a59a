import pytest

from bert_tf.data.choices import read_choices
from bert_tf.data.examples import ChoiceExample, ExampleCounts


def write(path, content):
    path.write_text(content, encoding="utf-8")
    return str(path)


def test_reads_swag(tmp_path):
    path = write(tmp_path / "a.csv", ",video-id,startphrase,sent1,sent2,ending0,ending1,label\n"
                                     '0,v,"She, opens. He","She, opens.",He,runs.,sleeps.,1\n')
    assert read_choices(path) == [ChoiceExample("She, opens.", ("He runs.", "He sleeps."), 1, f"{path}:2")]


def test_reads_the_full_release(tmp_path):
    rows = "".join(f"s{n},g{n},a{n},b{n}\n" for n in range(4))
    examples = read_choices(write(tmp_path / "a.csv", "startphrase,gold-ending,distractor-0,distractor-1\n" + rows))
    assert [example.label for example in examples] == [0, 1, 2, 0]
    assert [example.choices for example in examples[:3]] == [("g0", "a0", "b0"), ("a1", "g1", "b1"), ("a2", "b2", "g2")]


def test_reads_json_lines(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"context": "c", "choices": ["x", "y"], "label": 1}\n'
                                       '{"question": "q", "endings": ["x", "y", "z"], "label": 0}\n')
    assert [(example.context, len(example.choices), example.label) for example in read_choices(path)] == [
        ("c", 2, 1), ("q", 3, 0)]


@pytest.mark.parametrize("name, content", [
    ("a.csv", "sent1,sent2,ending0,ending1,label\nc,x,y,z,-1\n"),
    ("a.csv", "sent1,sent2,ending0,ending1\nc,x,y,z\n"),
    ("a.csv", "sent1,gold-ending,distractor-0,startphrase\n,x y,x z,c\n"),
    ("a.jsonl", '{"context": "c", "choices": ["x y", "x z"], "label": -1}\n'),
    ("a.jsonl", '{"context": "c", "choices": ["x y", "x z"], "label": 1}\n'),
])
def test_without_labels_there_are_none_whatever_the_file_says(tmp_path, name, content):
    (example,) = read_choices(write(tmp_path / name, content), labelled=False)
    assert (example.context, example.choices, example.label) == ("c", ("x y", "x z"), None)


def test_bad_rows_are_skipped_and_counted(tmp_path):
    good = '{"context": "c", "choices": ["x", "y"], "label": 1}\n' * 5
    bad = ('{"context": " ", "choices": ["x", "y"], "label": 1}\n{"context": "c", "choices": ["x"], "label": 0}\n'
           '{"context": "c", "choices": ["x", "y"]}\n')
    counts = ExampleCounts()
    path = write(tmp_path / "a.jsonl", good + bad)
    assert len(read_choices(path, counts=counts)) == 5
    assert counts.skipped == {"empty text": 1, "less than two choices": 1, "empty label": 1}
    assert len(read_choices(path, labelled=False)) == 6


def test_a_choice_without_an_ending_is_no_text_however_it_begins(tmp_path):
    counts = ExampleCounts()
    path = write(tmp_path / "a.csv", "sent1,sent2,ending0,ending1,label\na,b,c, ,0\na,b,c,d,0\n")
    assert [example.choices for example in read_choices(path, counts=counts)] == [("b c", "b d")]
    assert counts.skipped == {"empty text": 1}


@pytest.mark.parametrize("name, content, message", [
    ("a.csv", "sent1,sent2,ending0,ending1,label\na,b,c,d,2\n", r"from 0 to 1 at .*a\.csv:2. Received: label=2"),
    ("a.csv", "sent1,sent2,ending0,ending1,label\na,b,c,d,x\n", r"number of the right choice at .*:2.*label='x'"),
    ("a.csv", "text,label\na,1\n", r"the columns of SWAG in .*columns=\['text', 'label'\]"),
    ("a.jsonl", '{"context": "a", "choices": "b"}\n', r"`choices` or `endings` at .*:1"),
    ("a.jsonl", '{"context": "a", "choices": ["b", "c"], "label": "b"}\n', r"as `label` at .*:1. Received: label='b'"),
])
def test_says_what_is_wrong(tmp_path, name, content, message):
    with pytest.raises(ValueError, match=message):
        read_choices(write(tmp_path / name, content))

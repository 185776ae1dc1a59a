import pytest

from bert_tf.data.conll import read_conll
from bert_tf.data.examples import ExampleCounts, TaggedSentence
from tests.checks import data_file


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def test_reads_tabs_and_spaces_and_ends_sentences_at_blank_lines(tmp_path):
    content = "-DOCSTART- -X- O O\n\nEU NNP B-ORG\nrejects VBZ O\n\t\nRio\tB-LOC\nnow\tO\n\n\n"
    path = write(tmp_path / "a.conll", content)
    assert read_conll(path) == [TaggedSentence(("EU", "rejects"), ("B-ORG", "O"), f"{path}:3"),
                                TaggedSentence(("Rio", "now"), ("B-LOC", "O"), f"{path}:6")]


def test_takes_other_columns(tmp_path):
    path = write(tmp_path / "a.txt", "1\tEU\tB-ORG\tx\n2\tran\tO\ty\n")
    sentence, = read_conll(path, word_column=1, tag_column=2)
    assert (sentence.words, sentence.tags) == (("EU", "ran"), ("B-ORG", "O"))
    sentence, = read_conll(path, word_column=1, labelled=False)
    assert (sentence.words, sentence.tags) == (("EU", "ran"), None)


@pytest.mark.parametrize("tags, scheme", [
    ("I-P I-P O I-P B-P", None), ("B-P E-P O S-P S-P", None), ("B-P L-P O U-P U-P", None), ("B-P I-P O B-P B-P", None),
    ("I-P I-P O B-P B-P", "bio"),
])
def test_every_scheme_becomes_bio(tmp_path, tags, scheme):
    path = write(tmp_path / "a.conll", "".join(f"w{number} {tag}\n" for number, tag in enumerate(tags.split())))
    sentence, = read_conll(path, scheme=scheme)
    assert " ".join(sentence.tags) == "B-P I-P O B-P B-P"


def test_comments_and_number_signs(tmp_path):
    for labelled in (True, False):
        sentence, = read_conll(write(tmp_path / "a.conll", "# id 7 domain=en\n# O\nRio B-LOC\n"), labelled=labelled)
        assert sentence.words == ("#", "Rio")
    sentence, = read_conll(write(tmp_path / "b.conll", "# id 7 domain=en\nRio\n#\n"), labelled=False)
    assert sentence.words == ("Rio", "#")


def test_odd_characters(tmp_path):
    counts = ExampleCounts()
    path = write(tmp_path / "a.conll", "a\u00a0b\tO\n❤️\tB-x\n".encode() + b"\xffn\xc3\xa9\tO\r\n")
    sentence, = read_conll(path, counts=counts)
    assert sentence.words == ("a\u00a0b", "❤️", "né")
    assert (counts.examples, counts.first_line_not_utf8) == (1, f"{path}:3")


@pytest.mark.parametrize("content, options, message", [
    ("Rio\tB-LOC\nnow\t\n", {}, r"a tag behind the word at .*a\.conll:2. Received: fields=\['now'\]"),
    ("Rio\tB-LOC\n\tO\n", {}, r"a column 0 at .*a\.conll:2. Received: fields=\['', 'O'\]"),
    ("Rio NN B-LOC\nnow\n", {"tag_column": 2}, r"a column 2 at .*a\.conll:2"),
    ("Rio NN\n", {}, r"a tag such as O, B-person or I-person at .*:1. Received: tag='NN'"),
    ("\n\n", {}, "at least one example"),
])
def test_says_what_is_wrong(tmp_path, content, options, message):
    with pytest.raises(ValueError, match=message):
        read_conll(write(tmp_path / "a.conll", content), **options)


@pytest.mark.parametrize("file, sentences, words, entities", [("train", 3394, 62730, 1975), ("dev", 1009, 15733, 836)])
def test_reads_the_real_files(file, sentences, words, entities):
    read = read_conll(str(data_file("ner", "wnut17", f"{file}.conll")))
    assert len(read) == sentences
    assert sum(len(sentence.words) for sentence in read) == words
    assert sum(tag.startswith("B-") for sentence in read for tag in sentence.tags) == entities

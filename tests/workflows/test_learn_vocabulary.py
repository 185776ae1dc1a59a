import pytest

from bert_tf.text.vocabulary import Vocabulary
from bert_tf.workflows.learn_vocabulary import print_vocabulary_summary, write_vocabulary

TEXT = b"The theory of the thing is that the others thought it through.\n"


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_bytes(TEXT * 20 + b"Bad \xff byte. Bad byte.\n")
    return str(path)


def test_writes_and_describes(corpus, tmp_path, capsys):
    output = tmp_path / "new" / "vocab.txt"
    summary = write_vocabulary(corpus, 500, output)
    vocabulary = Vocabulary.load(output)
    assert vocabulary.pieces[:5] == ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    assert summary["size"] == len(vocabulary) < 500 == summary["size_wanted"]
    assert summary["words"] == 20 * 13 + 6
    assert 1 <= summary["pieces_per_word"] < 1.5 and summary["unknown_share"] == 0
    assert "thought" in summary["longest_pieces"]
    assert (summary["lines_not_utf8"], summary["first_line_not_utf8"]) == (1, f"{corpus}:21")
    print_vocabulary_summary(summary, "vocab.txt")
    printed = capsys.readouterr().out
    assert f"{len(vocabulary)} instead of 500 pieces" in printed
    assert "1 lines are not valid UTF-8" in printed
    assert printed.endswith("Pre-train with it: python scripts/pretrain.py --vocabulary=vocab.txt --input=...\n")


@pytest.mark.parametrize("options, flags", [
    ({"lowercase": False}, "--nolowercase"),
    ({"lowercase": False, "strip_accents": True}, "--nolowercase --strip_accents"),
    ({"strip_accents": False, "split_cjk": False}, "--nostrip_accents --nosplit_cjk"),
])
def test_names_the_options_for_training(corpus, tmp_path, capsys, options, flags):
    print_vocabulary_summary(write_vocabulary(corpus, 70, tmp_path / "vocab.txt", **options), "v.txt")
    assert f"python scripts/pretrain.py --vocabulary=v.txt {flags} --input=...\n" in capsys.readouterr().out


def test_overwrites_only_when_told(corpus, tmp_path):
    output = tmp_path / "vocab.txt"
    output.write_text("old")
    with pytest.raises(ValueError, match="that does not exist, or --overwrite. Received: output=.*vocab.txt"):
        write_vocabulary(corpus, 60, output)
    assert output.read_text() == "old"
    with pytest.raises(ValueError, match="Expected `size` >="):
        write_vocabulary(corpus, 20, output, overwrite=True)
    assert output.read_text() == "old"
    write_vocabulary(corpus, 60, output, overwrite=True)
    assert 40 < len(Vocabulary.load(output)) <= 60


def test_refuses_missing_input_before_writing(tmp_path):
    with pytest.raises(ValueError, match="matches files. Received: pattern='.*gone.txt'"):
        write_vocabulary(str(tmp_path / "gone.txt"), 60, tmp_path / "vocab.txt")
    assert list(tmp_path.iterdir()) == []


def test_the_printed_command_can_be_pasted(corpus, tmp_path, capsys):
    print_vocabulary_summary(write_vocabulary(corpus, 70, tmp_path / "vocab.txt"), "my vocab.txt")
    assert "python scripts/pretrain.py --vocabulary='my vocab.txt' --input=...\n" in capsys.readouterr().out

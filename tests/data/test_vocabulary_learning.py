import os
import subprocess
import sys

import pytest
from tokenizers import BertWordPieceTokenizer

from bert_tf.data.readers import ReadCounts
from bert_tf.data.vocabulary_learning import learn_vocabulary
from tests.checks import data_file

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TEXT = "The theory of the thing is that the others thought it through. " * 3


@pytest.fixture
def corpus(tmp_path):
    def write(content):
        path = tmp_path / "corpus.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return [path]
    return write


def test_learns_literal_pieces(corpus):
    pieces = learn_vocabulary(corpus("ab ab\n\nab abc abc b.\n"), 40)
    assert pieces == [*SPECIAL, "a", "b", "c", "##b", "##c", "ab", "abc"]


def test_learns_exactly_the_size_wanted(corpus):
    pieces = learn_vocabulary(corpus(TEXT + "Some more words for it, more than some would fit. " * 2), 72)
    assert len(pieces) == len(set(pieces)) == 72
    assert pieces[:5] == SPECIAL and "the" in pieces


def test_learns_fewer_pieces_from_little_text(corpus):
    assert 20 < len(learn_vocabulary(corpus(TEXT), 500)) < 100


@pytest.mark.parametrize("options, present, absent", [
    ({}, ["cafe"], ["Café", "café", "Cafe"]),
    ({"lowercase": False}, ["Café"], ["café", "cafe"]),
    ({"strip_accents": False}, ["café"], ["Café", "cafe"]),
    ({"lowercase": False, "strip_accents": True}, ["Cafe"], ["Café", "cafe"]),
])
def test_treats_casing_and_accents_as_the_tokenizer(corpus, options, present, absent):
    pieces = learn_vocabulary(corpus("Café Café Café\n" * 10), 100, **options)
    assert set(present) <= set(pieces) and not set(absent) & set(pieces)


@pytest.mark.parametrize("split_cjk, learned", [(True, set()), (False, {"中国"})])
def test_splits_cjk_as_the_tokenizer(corpus, split_cjk, learned):
    pieces = learn_vocabulary(corpus("中国 中国 中国。\n" * 3), 40, split_cjk=split_cjk)
    assert {piece for piece in pieces if len(piece.removeprefix("##")) > 1} - set(SPECIAL) == learned
    assert {"中", "国", "。"} <= set(pieces)


def test_learns_nothing_from_words_the_tokenizer_gives_up_on(corpus):
    pieces = learn_vocabulary(corpus(f"{'x' * 101} {'x' * 101} {'yz' * 50} {'yz' * 50}\n" * 2), 60)
    assert not any("xx" in piece for piece in pieces)
    assert "yz" * 50 in pieces


def test_is_the_same_in_every_run(tmp_path):
    path = tmp_path / "corpus.txt"
    letters = [chr(0x0430 + number) for number in range(32)]
    ties = "".join(f"{a}{b}{letters[(i * j) % 32]} " for i, a in enumerate(letters) for j, b in enumerate(letters))
    path.write_text(ties * 2 + TEXT)
    program = ("import sys; from bert_tf.data.vocabulary_learning import learn_vocabulary;"
               "sys.stdout.reconfigure(encoding='utf-8'); print(learn_vocabulary([sys.argv[1]], 300))")
    results = {subprocess.run([sys.executable, "-c", program, str(path)], check=True, capture_output=True,
                              env=os.environ | {"PYTHONHASHSEED": seed, "RAYON_NUM_THREADS": threads}).stdout
               for seed, threads in (("0", "1"), ("1", "2"), ("2", "3"))}
    assert len(results) == 1


def test_rare_characters_are_left_out_of_a_small_vocabulary(corpus):
    rare = "".join(map(chr, range(0x4E00, 0x4E00 + 40))) * 2
    pieces = learn_vocabulary(corpus(TEXT * 100 + rare), 62)
    assert "the" in pieces
    assert [piece for piece in pieces if "\u4e00" <= piece <= "\u9fff"] == ["\u4e00"]


@pytest.mark.parametrize("content, size, message", [
    ("\n \n", 100, "Expected text to learn a vocabulary from. Received: characters=0."),
    (b"\xff\xfe\x80", 100, "Expected UTF-8 in "),
    (TEXT, 54, "`size` >= 55, since characters take up to half of it and 13 of them make up 98% of this text. Rec"),
])
def test_refuses(corpus, content, size, message):
    with pytest.raises(ValueError, match=message):
        learn_vocabulary(corpus(content), size)


def test_bad_bytes_are_counted_once_and_control_characters_ignored(corpus):
    counts = ReadCounts()
    pieces = learn_vocabulary(corpus(b"a\0b ab a\x80b\n" * 3), 30, counts=counts)
    assert pieces == [*SPECIAL, "a", "b", "##b", "ab"] or pieces == [*SPECIAL, "a", "##b", "ab"]
    assert counts.lines_not_utf8 == 3


def test_real_text_is_covered(tmp_path):
    lines = data_file("pretrain", "en", "wikipedia.txt").read_text().split("\n")[:5000]
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(lines))
    pieces = learn_vocabulary([path], 4000)
    assert len(pieces) == 4000
    tokenizer = BertWordPieceTokenizer({piece: number for number, piece in enumerate(pieces)})
    tokens = [token for line in lines[:500] for token in tokenizer.encode(line, add_special_tokens=False).tokens]
    assert tokens.count("[UNK]") < 0.002 * len(tokens)
    assert sum(token.startswith("##") for token in tokens) < 0.35 * len(tokens)

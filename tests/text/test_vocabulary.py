import logging

import numpy as np
import pytest

from bert_tf.text.vocabulary import SpecialTokens, Vocabulary

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def test_knows_ids_special_tokens_and_suffixes():
    vocabulary = Vocabulary(["a", *SPECIAL, "##b", "##", "#"])
    assert len(vocabulary) == 9
    assert vocabulary.pieces[6] == "##b"
    assert vocabulary.id_of("##b") == 6
    assert "##b" in vocabulary
    assert "b" not in vocabulary
    assert vocabulary.special_ids == (1, 2, 3, 4, 5)
    assert (vocabulary.pad_id, vocabulary.unknown_id, vocabulary.cls_id) == (1, 2, 3)
    assert (vocabulary.sep_id, vocabulary.mask_id) == (4, 5)
    np.testing.assert_array_equal(np.flatnonzero(vocabulary.is_suffix), [6])
    assert vocabulary.is_suffix.dtype == np.bool_


def test_takes_other_special_tokens():
    tokens = SpecialTokens(pad="<pad>", unknown="<unk>", cls="<s>", sep="</s>", mask="<mask>")
    vocabulary = Vocabulary(["<s>", "<pad>", "</s>", "<unk>", "<mask>"], special_tokens=tokens)
    assert vocabulary.special_ids == (1, 3, 0, 2, 4)


def test_refuses_a_vocabulary_without_a_special_token(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(SPECIAL[:-1]))
    with pytest.raises(ValueError, match=r"special token \[MASK\] in .*vocab.txt"):
        Vocabulary.load(path)


def test_refuses_an_unknown_piece():
    with pytest.raises(ValueError, match="piece='xyz'"):
        Vocabulary(SPECIAL).id_of("xyz")


def test_first_of_two_equal_pieces_counts_and_a_warning_names_both_lines(caplog):
    with caplog.at_level(logging.WARNING, logger="absl"):
        vocabulary = Vocabulary([*SPECIAL, "cat", "dog", "cat"], source="words.txt")
    assert vocabulary.id_of("cat") == 5
    assert vocabulary.pieces[7] == "cat"
    assert vocabulary.duplicates == {7: 5}
    assert [record.getMessage() for record in caplog.records] == [
        "words.txt: line 8 repeats 'cat' of line 6; id 7 will not be used."]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("at_end", [True, False])
def test_loads_a_piece_a_line_and_nothing_shifts_ids(tmp_path, newline, at_end):
    pieces = [*SPECIAL, "", "a ", "\u2028", "\x85", "", "\u3000", "b"]
    path = tmp_path / "vocab.txt"
    path.write_bytes((newline.join(pieces) + newline * at_end).encode())
    vocabulary = Vocabulary.load(path)
    assert vocabulary.pieces == tuple(pieces)
    assert vocabulary.id_of("b") == 11


def test_ignores_a_byte_order_mark(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(SPECIAL), encoding="utf-8-sig")
    assert Vocabulary.load(path).pieces == tuple(SPECIAL)


def test_names_file_and_line_that_cannot_be_read(tmp_path):
    with pytest.raises(ValueError, match=r"missing.txt \(No such file or directory\)"):
        Vocabulary.load(tmp_path / "missing.txt")
    path = tmp_path / "vocab.txt"
    path.write_bytes(b"[PAD]\nok\n\xff\xfe\n")
    with pytest.raises(ValueError, match="vocab.txt, line 3"):
        Vocabulary.load(path)


def test_saves_what_it_loads(tmp_path):
    path = tmp_path / "vocab.txt"
    pieces = [*SPECIAL, "", "é", "##国", "\u2028", "a\rb"]
    Vocabulary(["old", *SPECIAL]).save(path)
    Vocabulary(pieces).save(path)
    assert Vocabulary.load(path).pieces == tuple(pieces)
    assert [file.name for file in tmp_path.iterdir()] == ["vocab.txt"]


@pytest.mark.parametrize("piece", ["a\nb", "a\r"])
def test_refuses_to_save_line_breaks_and_keeps_the_old_file(tmp_path, piece):
    path = tmp_path / "vocab.txt"
    Vocabulary(SPECIAL).save(path)
    with pytest.raises(ValueError, match="id=5"):
        Vocabulary([*SPECIAL, piece]).save(path)
    assert Vocabulary.load(path).pieces == tuple(SPECIAL)

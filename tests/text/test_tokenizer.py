import functools

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.text.tokenizer import WordPieceTokenizer
from bert_tf.text.vocabulary import SpecialTokens, Vocabulary

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = [*SPECIAL, "the", "cat", "##s", "sat", ".", ",", "[", "]", "mask", "a", "b", "##a", "##b", "é", "##é", "𐐀",
          "##𐐀", "国", "##国", "ᄒ", "##ᅡ", "##ᆫ", "A", "MASK", "##A", "σ", "##σ"]
TEXTS = ["The cats sat.", "", "   ", "a\u200bb \x00 ca\x00t", "Át\u0301 [MASK]", "国a国", "한 xyz"]


def tokenizer(*arguments, **options):
    return WordPieceTokenizer(PIECES, *arguments, **options)


def words(result):
    """Ids as pieces, row by row."""
    return [[PIECES[number] for number in row] for row in result.to_list()]


class Module(tf.Module):
    """What is exported with a tokeniser inside: two functions that both use it."""

    def __init__(self, pieces):
        super().__init__()
        self.tokenizer = pieces
        spec = [tf.TensorSpec([None], tf.string, name="texts")]
        self.ids = tf.function(lambda texts: pieces.tokenize(texts), input_signature=spec)
        self.offsets = tf.function(lambda texts: pieces.tokenize_with_offsets(texts), input_signature=spec)


@functools.cache
def plain():
    return tokenizer()


def test_splits_into_pieces():
    result = plain().tokenize(["The cats sat.", "", "xyz, Ásax"])
    assert isinstance(result, tf.RaggedTensor)
    assert result.dtype == tf.int32
    assert words(result) == [["the", "cat", "##s", "sat", "."], [], ["[UNK]", ",", "[UNK]"]]


def test_offsets_are_bytes_of_the_original():
    # U+200B (3 bytes) and U+0301 (2) are dropped; Á has 2 bytes; the syllable has 3 and becomes three pieces.
    texts = ["The\u200b cats", "\u200bC\u200bÁt,\u0301", "한 É"]
    ids, starts, limits = plain().tokenize_with_offsets(texts)
    assert words(ids) == [["the", "cat", "##s"], ["cat", ","], ["ᄒ", "##ᅡ", "##ᆫ", "[UNK]"]]
    assert starts.to_list() == [[0, 7, 10], [3, 10], [0, 0, 0, 4]]
    assert limits.to_list() == [[3, 10, 11], [10, 11], [3, 3, 3, 6]]
    assert starts.dtype == limits.dtype == tf.int64


@pytest.mark.parametrize(("lowercase", "options"), [
    (True, {}), (False, dict(split_cjk=False, keep_special_tokens=True))])
def test_is_the_same_everywhere(tmp_path, lowercase, options):
    pieces = tokenizer(lowercase, **options)
    expected = [part.to_list() for part in pieces.tokenize_with_offsets(TEXTS)]
    assert pieces.tokenize(TEXTS).to_list() == expected[0]

    dataset = tf.data.Dataset.from_tensor_slices(TEXTS)
    one_by_one = list(dataset.map(pieces.tokenize_with_offsets))
    assert [[row[part].numpy().tolist() for row in one_by_one] for part in range(3)] == expected
    batches = list(dataset.batch(3).map(pieces.tokenize))
    assert [row for batch in batches for row in batch.to_list()] == expected[0]

    tf.saved_model.save(Module(pieces), tmp_path / "model")
    loaded = tf.saved_model.load(tmp_path / "model")
    assert loaded.ids(tf.constant(TEXTS)).to_list() == expected[0]
    assert [part.to_list() for part in loaded.offsets(tf.constant(TEXTS))] == expected


def test_is_saved_once_however_many_functions_use_it(tmp_path):
    pieces = WordPieceTokenizer([*PIECES, *(f"word{number}" for number in range(20_000))])
    tf.saved_model.save(Module(pieces), tmp_path)
    model_bytes = len(pieces._splitter._model) + len(pieces._normalizer._model)
    assert (tmp_path / "saved_model.pb").stat().st_size < 1.5 * model_bytes


def test_takes_strings_of_any_rank():
    pieces = plain()
    one = pieces.tokenize("The cats")
    assert isinstance(one, tf.Tensor)
    np.testing.assert_array_equal(one, [5, 6, 7])
    np.testing.assert_array_equal(pieces.tokenize(tf.constant("The cats")), [5, 6, 7])
    np.testing.assert_array_equal(pieces.tokenize(np.array(["cats"], dtype=object))[0], [6, 7])
    nested = [["a", "b cat"], [], ["the"]]
    for strings in (nested, tf.ragged.constant(nested)):
        assert words_of_rows(pieces.tokenize(strings)) == [[["a"], ["b", "cat"]], [], [["the"]]]
    assert words_of_rows(pieces.tokenize(tf.constant([["a", "b"], ["cat", ""]]))) == [[["a"], ["b"]], [["cat"], []]]
    deep = tf.ragged.constant([[["a"], []], [["b", "cat"]]])
    assert pieces.tokenize(deep).to_list() == [[[[14]], []], [[[15], [6]]]]
    ids, starts, limits = pieces.tokenize_with_offsets(nested)
    assert (ids.to_list()[0][1], starts.to_list()[0][1], limits.to_list()[0][1]) == ([15, 6], [0, 2], [1, 5])
    assert pieces.tokenize([]).to_list() == []
    assert pieces.tokenize(tf.constant([], tf.string)).shape == (0, None)


def words_of_rows(result):
    return [[[PIECES[number] for number in text] for text in row] for row in result.to_list()]


def test_refuses_what_is_not_strings():
    with pytest.raises(ValueError, match="Expected strings. Received: dtype='int32'"):
        plain().tokenize(tf.constant([1, 2]))
    with pytest.raises(ValueError, match="known rank"):
        tf.function(plain().tokenize, input_signature=[tf.TensorSpec(None, tf.string)]).get_concrete_function()


def test_bad_input_harms_neither_itself_nor_its_neighbours():
    long = 1_000_000
    texts = ["cats", b"ca\xffts", b"\xe4\xb8", b"\xf0\x9f\x98 cats", "ca\x00ts", "\x00", "", "\ufffd", " " * long,
             "a" * long, "é" * (long // 2), "国" * (long // 3), "cat " * (long // 4), "cats"]
    ids, starts, limits = tokenizer(strip_accents=False).tokenize_with_offsets(texts)
    cats = ["cat", "##s"]
    rows = words(ids)
    assert rows[:9] == [cats, cats, [], cats, cats, [], [], [], []]
    assert rows[9:11] == [["[UNK]"], ["[UNK]"]]
    assert rows[11] == ["国"] * (long // 3)
    assert rows[12] == ["cat"] * (long // 4)
    assert rows[13] == cats
    assert (starts.to_list()[1], limits.to_list()[1]) == ([0, 4], [4, 5])
    assert (starts.to_list()[3], limits.to_list()[3]) == ([4, 7], [7, 8])
    assert limits.to_list()[9] == [long]


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("split_cjk", [True, False])
@pytest.mark.parametrize("character", ["a", "é", "𐐀", "A"])
def test_word_limit_counts_characters(lowercase, split_cjk, character):
    pieces = tokenizer(lowercase, strip_accents=False, split_cjk=split_cjk)
    size = len(character.encode())
    piece = "a" if character == "A" and lowercase else "[UNK]" if character == "𐐀" and lowercase else character
    just = [piece, *["##" + piece] * 99] if piece != "[UNK]" else ["[UNK]"]
    ids, starts, limits = pieces.tokenize_with_offsets(
        [character * 100, character * 101, f"cat {character * 101}.{character * 101} {character * 100} cats", "cats"])
    assert words(ids) == [just, ["[UNK]"], ["cat", "[UNK]", ".", "[UNK]", *just, "cat", "##s"], ["cat", "##s"]]
    assert (starts.to_list()[1], limits.to_list()[1]) == ([0], [101 * size])
    assert starts.to_list()[2][:4] == [0, 4, 4 + 101 * size, 5 + 101 * size]
    assert limits.to_list()[2][:4] == [3, 4 + 101 * size, 5 + 101 * size, 5 + 202 * size]
    assert limits.to_list()[2][-2:] == [302 * size + 10, 302 * size + 11]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 200])
def test_word_limit_can_be_set(limit):
    pieces = WordPieceTokenizer([*SPECIAL, "a", "##a", "##aaa", "a" * 250], max_word_characters=limit)
    assert pieces.tokenize(["a" * (limit + 1), "a" * 150]).to_list()[0] == [1]
    result = pieces.tokenize(["a" * limit])
    assert pieces.detokenize(result).numpy().tolist() == [b"a" * limit]


def test_final_sigma_is_a_sigma_like_any_other():
    # Google's script lower-cases whole words, ΑΣ to ας; Hugging Face and this tokeniser each character by itself.
    assert words(plain().tokenize(["ΣΣ"])) == [["σ", "##σ"]]


def test_accents_and_case_are_two_things():
    texts = ["É", "Aa"]
    assert words(tokenizer(True, strip_accents=False).tokenize(texts)) == [["é"], ["a", "##a"]]
    assert words(tokenizer(True, strip_accents=True).tokenize(texts)) == [["[UNK]"], ["a", "##a"]]
    assert words(tokenizer(False, strip_accents=True).tokenize(["Á", *texts])) == [["A"], ["[UNK]"], ["A", "##a"]]
    assert words(tokenizer(False).tokenize(["é", *texts])) == [["é"], ["[UNK]"], ["A", "##a"]]


def test_cjk_can_be_letters():
    assert words(tokenizer().tokenize(["a国b,国"])) == [["a", "国", "b", ",", "国"]]
    ids, starts, limits = tokenizer(split_cjk=False).tokenize_with_offsets(["a国b ,国", ",", ""])
    assert words(ids) == [["a", "##国", "##b", ",", "国"], [","], []]
    assert starts.to_list() == [[0, 1, 4, 6, 7], [0], []]
    assert limits.to_list() == [[1, 4, 5, 7, 10], [1], []]


def test_special_tokens_are_plain_text_unless_kept():
    texts = ["a[MASK]b", "[mask] [MASK]", "[[MASK]]", "cat", "[MASK] [MASK][PAD]", "[ MASK]"]
    assert words(plain().tokenize(texts[:2])) == [["a", "[", "mask", "]", "b"], ["[", "mask", "]"] * 2]
    kept = tokenizer(keep_special_tokens=True)
    ids, starts, limits = kept.tokenize_with_offsets(texts)
    assert words(ids) == [["a", "[MASK]", "b"], ["[", "mask", "]", "[MASK]"], ["[", "[MASK]", "]"], ["cat"],
                          ["[MASK]", "[MASK]", "[PAD]"], ["[", "mask", "]"]]
    assert starts.to_list()[:3] == [[0, 1, 7], [0, 1, 5, 7], [0, 1, 7]]
    assert limits.to_list()[:3] == [[1, 7, 8], [1, 5, 6, 13], [1, 7, 8]]
    assert kept.tokenize(texts).to_list() == ids.to_list()


def test_detokenizes():
    pieces = plain()
    assert pieces.detokenize(pieces.tokenize(["The cats sat.", "", "xyz a"])).numpy().tolist() == [
        b"the cat" + b"s sat .", b"", b"[UNK] a"]
    # Nothing is dropped: special tokens are pieces, and a row may begin inside a word.
    dense = tf.constant([[2, 5, 3, 0], [7, 7, 6, 7]])
    assert pieces.detokenize(dense).numpy().tolist() == [b"[CLS] the [SEP] [PAD]", b"##ss cats"]
    assert pieces.detokenize([6, 7]).numpy() == b"cats"
    assert pieces.detokenize([[6, 7], []]).numpy().tolist() == [b"cats", b""]
    assert tf.function(pieces.detokenize)(tf.constant([[6, 7]], tf.int64)).numpy().tolist() == [b"cats"]
    with pytest.raises(tf.errors.InvalidArgumentError, match=str(len(PIECES))):
        pieces.detokenize([[len(PIECES)]])


def test_pieces_with_control_characters_do_not_get_in_the_way():
    pieces = WordPieceTokenizer([*SPECIAL, "a", "a", "\x016", "##\x01", "\x01"])
    assert pieces.tokenize(["a \x016 \x01"]).to_list() == [[5, 1]]


def test_repeated_and_empty_pieces_are_never_given_out_but_still_read():
    pieces = WordPieceTokenizer([*SPECIAL, "", "cat", "cat", "", "##s", "##s", "\x01", "##"])
    assert pieces.tokenize(["cats cat \x01"]).to_list() == [[6, 9, 6]]
    assert pieces.detokenize([[7, 10]]).numpy().tolist() == [b"cats"]


def test_takes_a_path_a_list_and_a_vocabulary(tmp_path):
    Vocabulary(PIECES).save(tmp_path / "vocab.txt")
    for vocabulary in (tmp_path / "vocab.txt", str(tmp_path / "vocab.txt"), Vocabulary(PIECES), tuple(PIECES)):
        pieces = WordPieceTokenizer(vocabulary)
        assert pieces.vocabulary.pieces == tuple(PIECES)
        assert words(pieces.tokenize(["cats"])) == [["cat", "##s"]]


def test_config_builds_an_equal_tokenizer():
    tokens = SpecialTokens(pad="<pad>", unknown="<unk>", cls="<s>", sep="</s>", mask="<mask>")
    vocabulary = Vocabulary(["<s>", "<pad>", "</s>", "<unk>", "<mask>", "É", "##a"], special_tokens=tokens)
    pieces = WordPieceTokenizer(vocabulary, False, strip_accents=False, split_cjk=False, keep_special_tokens=True,
                                max_word_characters=2)
    again = WordPieceTokenizer.from_config(pieces.get_config())
    assert again.get_config() == pieces.get_config()
    assert again.tokenize(["Éa<mask>Éaa b"]).to_list() == [[5, 6, 4, 3, 3]]


def test_vocabulary_of_special_tokens_only():
    assert WordPieceTokenizer(SPECIAL).tokenize(["a b", "[PAD]"]).to_list() == [[1, 1], [1, 1, 1]]


def test_refuses_options_without_sense():
    with pytest.raises(ValueError, match="max_word_characters=0"):
        tokenizer(max_word_characters=0)
    with pytest.raises(ValueError, match=r"special token \[MASK\]"):
        WordPieceTokenizer(SPECIAL[:4])
    tokens = dict(pad="PAD", unknown="[UNK]", cls="[CLS]", sep="[SEP]", mask="[MASK]")
    vocabulary = Vocabulary(["PAD", *SPECIAL], special_tokens=SpecialTokens(**tokens))
    with pytest.raises(ValueError, match="punctuation.*token='PAD'"):
        WordPieceTokenizer(vocabulary, keep_special_tokens=True)
    vocabulary = Vocabulary(["[P[D]", *SPECIAL], special_tokens=SpecialTokens(**(tokens | {"pad": "[P[D]"})))
    with pytest.raises(ValueError, match="begin inside another"):
        WordPieceTokenizer(vocabulary, keep_special_tokens=True)

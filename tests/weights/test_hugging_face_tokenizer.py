import json
import logging

import pytest
import tokenizers

from bert_tf.text.tokenizer import WordPieceTokenizer
from bert_tf.weights.hugging_face_tokenizer import read_tokenizer, write_tokenizer
from tests.weights.fresh_process import needs, printed

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "cafe", "café", "Cafe", "a", "##s", "国", "a国"]


def test_folder_without_vocabulary_has_no_tokeniser(tmp_path):
    assert read_tokenizer(tmp_path) is None


@pytest.mark.parametrize(("options", "pieces"), [
    ({}, ["cafe", "##s", "a", "国"]),
    ({"do_lower_case": False}, ["Cafe", "##s", "a", "国"]),
    ({"strip_accents": False}, ["cafe", "##s", "a", "国"]),
    ({"tokenize_chinese_chars": False}, ["cafe", "##s", "a国"]),
])
def test_reads_options(options, pieces, tmp_path):
    _write(tmp_path, vocab=PIECES, config=options)

    tokenizer = read_tokenizer(tmp_path)

    assert _pieces(tokenizer, "Cafes a国") == pieces


def test_special_tokens_inside_a_text_are_kept(tmp_path):
    _write(tmp_path, vocab=PIECES)

    assert _pieces(read_tokenizer(tmp_path), "a[MASK]") == ["a", "[MASK]"]


def test_reads_names_of_special_tokens(tmp_path):
    pieces = ["<pad>", "<unk>", "<s>", "</s>", "<mask>", "a"]
    names = {"pad_token": "<pad>", "unk_token": {"content": "<unk>", "lstrip": False}, "cls_token": "<s>",
             "sep_token": "</s>", "mask_token": "<mask>"}
    _write(tmp_path, vocab=pieces, config=names)

    vocabulary = read_tokenizer(tmp_path).vocabulary

    assert vocabulary.special_ids == (0, 1, 2, 3, 4)


def test_reads_tokenizer_json_alone(tmp_path):
    theirs = _fast(PIECES, lowercase=False)
    theirs.save(str(tmp_path / "tokenizer.json"))

    tokenizer = read_tokenizer(tmp_path)

    assert tokenizer.vocabulary.pieces == tuple(PIECES) and not tokenizer.lowercase
    text = "Cafes, a国 [MASK]"
    assert tokenizer.tokenize([text]).to_list()[0] == theirs.encode(text, add_special_tokens=False).ids


def test_vocab_txt_and_tokenizer_config_win(tmp_path):
    _fast(PIECES, lowercase=False).save(str(tmp_path / "tokenizer.json"))
    _write(tmp_path, vocab=[*PIECES, "more"], config={"do_lower_case": True})

    tokenizer = read_tokenizer(tmp_path)

    assert tokenizer.vocabulary.pieces[-1] == "more" and tokenizer.lowercase


def test_added_tokens_get_their_ids_with_a_warning(tmp_path, caplog):
    theirs = _fast(PIECES)
    theirs.add_tokens(["<e1>"])
    theirs.save(str(tmp_path / "tokenizer.json"))

    with caplog.at_level(logging.WARNING):
        tokenizer = read_tokenizer(tmp_path)

    assert tokenizer.vocabulary.pieces[-1] == "<e1>"
    assert "<e1>" in caplog.text


@pytest.mark.parametrize("file", ["tokenizer.json", "added_tokens.json"])
def test_added_tokens_behind_vocab_txt(file, tmp_path, caplog):
    _write(tmp_path, vocab=PIECES)
    if file == "tokenizer.json":
        theirs = _fast(PIECES)
        theirs.add_tokens(["<e1>", "<e2>"])
        theirs.save(str(tmp_path / file))
    else:
        (tmp_path / file).write_text('{"<e1>": 12, "<e2>": 13, "[MASK]": 4}')

    with caplog.at_level(logging.WARNING):
        tokenizer = read_tokenizer(tmp_path, vocabulary_size=14)

    assert tokenizer.vocabulary.pieces == (*PIECES, "<e1>", "<e2>")
    assert "vocab.txt: the added tokens <e1>, <e2> get their ids" in caplog.text
    # Without a row in the token embedding they mean nothing.
    assert read_tokenizer(tmp_path, vocabulary_size=13).vocabulary.pieces == (*PIECES, "<e1>")
    (tmp_path / "saved").mkdir()
    write_tokenizer(tokenizer, tmp_path / "saved", max_length=24)
    assert read_tokenizer(tmp_path / "saved").vocabulary.pieces == tokenizer.vocabulary.pieces


def test_special_token_that_was_added_behind_vocab_txt(tmp_path):
    _write(tmp_path, vocab=[piece for piece in PIECES if piece != "[MASK]"], config={"mask_token": "<mask>"})
    (tmp_path / "added_tokens.json").write_text('{"<mask>": 11}')

    assert read_tokenizer(tmp_path).vocabulary.mask_id == 11


def test_id_of_a_repeated_piece_leaves_a_gap(tmp_path):
    values = json.loads(_fast(PIECES).to_str())
    values["model"]["vocab"]["after"] = 13  # 12 is free
    (tmp_path / "tokenizer.json").write_text(json.dumps(values))

    pieces = read_tokenizer(tmp_path).vocabulary.pieces

    assert pieces[12:] == ("[no piece 12]", "after")


@pytest.mark.parametrize(("change", "message"), [
    ({"model": {"type": "BPE", "vocab": {"a": 0}}}, "a WordPiece model in .*tokenizer.json. Received: type='BPE'"),
    ({"normalizer": {"type": "NFC"}}, "a BertNormalizer in .*tokenizer.json. Received: normalizer='NFC'"),
])
def test_refuses_other_tokenisers(change, message, tmp_path):
    (tmp_path / "tokenizer.json").write_text(json.dumps(json.loads(_fast(PIECES).to_str()) | change))

    with pytest.raises(ValueError, match=message):
        read_tokenizer(tmp_path)


def test_refuses_options_of_another_type(tmp_path):
    _write(tmp_path, vocab=PIECES, config={"do_lower_case": "yes"})

    with pytest.raises(ValueError, match="`do_lower_case` in .*tokenizer_config.json .* do_lower_case='yes'"):
        read_tokenizer(tmp_path)


@pytest.mark.parametrize(("file", "content", "message"), [
    ("tokenizer_config.json", {"tokenizer_class": "BertJapaneseTokenizer", "word_tokenizer_type": "mecab"},
     "`word_tokenizer_type` in .*tokenizer_config.json to be basic. Received: word_tokenizer_type='mecab'"),
    ("tokenizer_config.json", {"word_tokenizer_type": "basic", "subword_tokenizer_type": "character"},
     "`subword_tokenizer_type` in .* subword_tokenizer_type='character'"),
    ("tokenizer_config.json", {"mask_token": {"lstrip": False}}, "tokens with their texts .* Received: KeyError"),
    ("tokenizer_config.json", {"strip_accents": "yes"}, "`strip_accents` in .* strip_accents='yes'"),
    ("tokenizer_config.json", {"max_input_chars_per_word": "9"}, "whole number. .* max_input_chars_per_word='9'"),
    ("added_tokens.json", {"<e1>": "12"}, "tokens with their texts and ids .*added_tokens.json of "),
    ("tokenizer.json", {"normalizer": {"type": "BertNormalizer"}, "added_tokens": [{"content": "x"}]},
     "tokens with their texts and ids .*tokenizer.json.* Received: KeyError"),
])
def test_names_what_is_odd(file, content, message, tmp_path):
    _write(tmp_path, vocab=PIECES)
    (tmp_path / file).write_text(json.dumps(content))

    with pytest.raises(ValueError, match=message):
        read_tokenizer(tmp_path, vocabulary_size=20)


def test_vocabulary_must_not_be_larger_than_the_model(tmp_path):
    _write(tmp_path, vocab=PIECES)

    assert len(read_tokenizer(tmp_path, vocabulary_size=20).vocabulary) == 12
    with pytest.raises(ValueError, match="vocab.txt to have at most .*pieces=12, vocab_size=11"):
        read_tokenizer(tmp_path, vocabulary_size=11)


@pytest.mark.parametrize("options", [{}, {"lowercase": False}, {"strip_accents": False}, {"split_cjk": False},
                                     {"lowercase": False, "strip_accents": True}, {"max_word_characters": 200}])
def test_round_trip(options, tmp_path):
    tokenizer = WordPieceTokenizer(PIECES, keep_special_tokens=True, **options)

    write_tokenizer(tokenizer, tmp_path, max_length=24)

    assert read_tokenizer(tmp_path).get_config() == tokenizer.get_config()
    assert json.loads((tmp_path / "tokenizer_config.json").read_text())["model_max_length"] == 24


@pytest.mark.parametrize("options", [{}, {"lowercase": False}, {"strip_accents": False}, {"split_cjk": False},
                                     {"lowercase": False, "strip_accents": True}])
def test_auto_tokenizer_gives_the_same_ids(options, tmp_path):
    needs("transformers")
    tokenizer = WordPieceTokenizer(PIECES, **options)
    write_tokenizer(tokenizer, tmp_path, max_length=24)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')

    text = "Cafés café Cafes a国 国"
    theirs = printed("import json, sys, transformers; print(json.dumps(transformers.AutoTokenizer.from_pretrained("
                     "sys.argv[1])(sys.argv[2])['input_ids']))", tmp_path, text)

    assert theirs[1:-1] == tokenizer.tokenize([text]).to_list()[0]


def _write(folder, vocab, config=None):
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in vocab), encoding="utf-8")
    if config is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(config))


def _pieces(tokenizer, text):
    return [tokenizer.vocabulary.pieces[index] for index in tokenizer.tokenize([text]).to_list()[0]]


def _fast(pieces, lowercase=True):
    tokenizer = tokenizers.BertWordPieceTokenizer({piece: index for index, piece in enumerate(pieces)},
                                                  lowercase=lowercase)
    tokenizer.add_special_tokens(pieces[:5])
    return tokenizer

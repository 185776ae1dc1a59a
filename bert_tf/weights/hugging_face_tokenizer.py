"""Hugging Face's tokeniser files <-> `WordPieceTokenizer`.

Read: `vocab.txt`, or the vocabulary in `tokenizer.json` where there is no `vocab.txt`; the options of
`tokenizer_config.json`, then of the normaliser in `tokenizer.json`, then Transformers' defaults; tokens that were added
to the vocabulary, from `tokenizer.json` and `added_tokens.json`.
Written: `vocab.txt` and `tokenizer_config.json`, from which `AutoTokenizer` builds the same tokeniser.
"""

import json
import operator
import pathlib
from collections.abc import Mapping
from typing import Any

from absl import logging

from bert_tf.config import read_json, require
from bert_tf.text.tokenizer import WordPieceTokenizer
from bert_tf.text.vocabulary import SpecialTokens, Vocabulary, read_pieces

VOCABULARY_FILE = "vocab.txt"
CONFIG_FILE = "tokenizer_config.json"
FAST_FILE = "tokenizer.json"
ADDED_FILE = "added_tokens.json"

_WORD_LIMIT = "max_input_chars_per_word"
"""`tokenizer.json` has it in its model; in `tokenizer_config.json` it is written by us, read by us."""

_OTHER_KINDS = {"word_tokenizer_type": "basic", "subword_tokenizer_type": "wordpiece"}
"""Keys of Japanese models' `tokenizer_config.json` -> what they say where the tokeniser is BERT's."""

_SPECIAL_KEYS = {"pad_token": "pad", "unk_token": "unknown", "cls_token": "cls", "sep_token": "sep",
                 "mask_token": "mask"}


def read_tokenizer(folder: pathlib.Path, vocabulary_size: int | None = None) -> WordPieceTokenizer | None:
    """The tokeniser of a model folder; None if the folder has neither `vocab.txt` nor `tokenizer.json`.

    Args:
        folder: a Hugging Face model folder.
        vocabulary_size: rows of the model's token embedding, which the vocabulary must not exceed.

    Raises:
        ValueError: names the file and what is wrong in it.
    """
    vocabulary_path, fast_path = folder / VOCABULARY_FILE, folder / FAST_FILE
    settings = read_json(folder / CONFIG_FILE) if (folder / CONFIG_FILE).is_file() else {}
    fast = read_json(fast_path) if fast_path.is_file() else {}
    for key, kind in _OTHER_KINDS.items():
        require(settings.get(key) in (None, kind), f"`{key}` in {folder / CONFIG_FILE} to be {kind}",
                **{key: settings.get(key)})
    try:
        special_tokens = SpecialTokens(**{ours: _text_of(settings[theirs]) for theirs, ours in _SPECIAL_KEYS.items()
                                          if settings.get(theirs) is not None})
        added = _added_tokens(fast, folder)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"Expected tokens with their texts and ids in {CONFIG_FILE}, {FAST_FILE} and {ADDED_FILE} of "
                         f"{folder}. Received: {error!r}.") from None
    if vocabulary_path.is_file():
        path, by_id = vocabulary_path, dict(enumerate(read_pieces(vocabulary_path)))
        if vocabulary_size is not None:
            added = {index: token for index, token in added.items() if index < vocabulary_size}
    elif fast:
        path, by_id = fast_path, _pieces_of(fast, fast_path)
    else:
        return None
    vocabulary = Vocabulary(_in_order(by_id, added, path), source=str(path), special_tokens=special_tokens)
    require(vocabulary_size is None or len(vocabulary) <= vocabulary_size,
            f"the vocabulary in {path} to have at most `vocab_size` pieces", pieces=len(vocabulary),
            vocab_size=vocabulary_size)
    return WordPieceTokenizer(vocabulary, **_options(settings, fast, folder))


def write_tokenizer(tokenizer: WordPieceTokenizer, folder: pathlib.Path, max_length: int) -> None:
    """Writes `vocab.txt` and `tokenizer_config.json`.

    Args:
        tokenizer: what to write.
        folder: exists already.
        max_length: tokens that the model can take.
    """
    special_tokens = tokenizer.vocabulary.special_tokens
    values = {
        "do_lower_case": tokenizer.lowercase,
        "strip_accents": tokenizer.strip_accents,
        "tokenize_chinese_chars": tokenizer.split_cjk,
        "model_max_length": max_length,
        "tokenizer_class": "BertTokenizer",
        _WORD_LIMIT: tokenizer.max_word_characters,
    } | {theirs: getattr(special_tokens, ours) for theirs, ours in _SPECIAL_KEYS.items()}
    tokenizer.vocabulary.save(folder / VOCABULARY_FILE)
    text = json.dumps(values, indent=2, ensure_ascii=False, sort_keys=True)
    (folder / CONFIG_FILE).write_text(text + "\n", encoding="utf-8")


def _options(settings: Mapping[str, Any], fast: Mapping[str, Any], folder: pathlib.Path) -> dict[str, Any]:
    """Arguments of `WordPieceTokenizer`; Transformers' defaults where nothing is said."""
    normalizer = fast.get("normalizer") or {}
    if fast:
        require(normalizer.get("type") == "BertNormalizer", f"a BertNormalizer in {folder / FAST_FILE}",
                normalizer=normalizer.get("type"))
    options = {"lowercase": settings.get("do_lower_case", normalizer.get("lowercase", True)),
               "strip_accents": settings.get("strip_accents", normalizer.get("strip_accents")),
               "split_cjk": settings.get("tokenize_chinese_chars", normalizer.get("handle_chinese_chars", True)),
               # Transformers always finds the special tokens inside a text.
               "keep_special_tokens": True}
    limit = settings.get(_WORD_LIMIT, (fast.get("model") or {}).get(_WORD_LIMIT))
    if limit is not None:
        require(isinstance(limit, int), f"`{_WORD_LIMIT}` in {folder} to be a whole number", **{_WORD_LIMIT: limit})
        options["max_word_characters"] = limit
    require(options["strip_accents"] in (None, True, False), f"`strip_accents` in {folder / CONFIG_FILE} to be true, "
            "false or null", strip_accents=options["strip_accents"])
    for theirs, ours in (("do_lower_case", "lowercase"), ("tokenize_chinese_chars", "split_cjk")):
        require(isinstance(options[ours], bool), f"`{theirs}` in {folder / CONFIG_FILE} to be true or false",
                **{theirs: options[ours]})
    return options


def _pieces_of(fast: Mapping[str, Any], path: pathlib.Path) -> dict[int, str]:
    """The pieces of the model in `tokenizer.json` by their ids."""
    model = fast.get("model") or {}
    # Old files leave the type out.
    require(model.get("type", "WordPiece") == "WordPiece" and isinstance(model.get("vocab"), dict),
            f"a WordPiece model in {path}", type=model.get("type"))
    require(model.get("continuing_subword_prefix", "##") == "##", f"the prefix ## for later pieces in {path}",
            continuing_subword_prefix=model.get("continuing_subword_prefix"))
    return {index: piece for piece, index in model["vocab"].items()}


def _added_tokens(fast: Mapping[str, Any], folder: pathlib.Path) -> dict[int, str]:
    """The tokens by their ids that `tokenizer.json` and `added_tokens.json` add to the model's own."""
    added = [(token["id"], token["content"]) for token in fast.get("added_tokens") or ()]
    if (folder / ADDED_FILE).is_file():
        added += [(index, token) for token, index in read_json(folder / ADDED_FILE).items()]
    return {operator.index(index): str(token) for index, token in added}


def _in_order(by_id: dict[int, str], added: Mapping[int, str], path: pathlib.Path) -> list[str]:
    """The pieces in the order of their ids; added tokens follow the model's own."""
    added = {index: token for index, token in added.items() if index not in by_id}
    if added:
        logging.warning("%s: the added tokens %s get their ids, but are not cut out of the text as a whole.", path,
                        ", ".join(added.values()))
    by_id = by_id | added
    largest_id = max(by_id, default=-1)
    require(min(by_id, default=0) >= 0 and largest_id < 2 * len(by_id), f"the ids in {path} to be 0, 1, 2 ...",
            pieces=len(by_id), largest_id=largest_id)
    # A piece that the original vocab.txt had twice leaves a gap here.
    return [by_id.get(index, f"[no piece {index}]") for index in range(largest_id + 1)]


def _text_of(token: Any) -> str:
    """The text of a special token, which older files wrap in a description."""
    return str(token["content"]) if isinstance(token, dict) else str(token)

"""The tokeniser against a restatement of Google's rules, on all characters, and Hugging Face's, on real text."""

import functools
import random

import pytest
from tokenizers import BertWordPieceTokenizer

from bert_tf.text.tokenizer import WordPieceTokenizer
from bert_tf.text.vocabulary import SUFFIX_MARK
from tests.checks import data_file
from tests.text import google_rules
from tests.text.code_points import assigned_characters, is_old

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
CASES = [dict(lowercase=True, strip_accents=True), dict(lowercase=True, strip_accents=False),
         dict(lowercase=False, strip_accents=True), dict(lowercase=False, strip_accents=False),
         dict(lowercase=False, strip_accents=False, split_cjk=False)]
FILES = [
    ("bert-base-uncased", True, "en/wikipedia.txt"), ("bert-base-uncased", True, "en/novels.txt"),
    ("bert-base-uncased", True, "en/sample_text.txt"),
    ("bert-base-cased", False, "en/wikipedia.txt"), ("bert-base-cased", False, "en/novels.txt"),
    ("bert-base-cased", False, "en/sample_text.txt"),
    ("bert-base-multilingual-cased", False, "ja/aozora.txt"),
    ("bert-base-multilingual-cased", False, "ja/wikipedia-lead-sentences.txt"),
    ("bert-base-multilingual-cased", False, "ko/wikipedia.txt"),
    ("bert-base-chinese", True, "zh-hans/wikipedia.txt"), ("bert-base-chinese", False, "zh-hans/wikipedia.txt"),
    ("bert-base-chinese", True, "zh-hant/wikipedia.txt"), ("bert-base-chinese", False, "zh-hant/wikipedia.txt"),
]


@functools.cache
def character_pieces():
    """A vocabulary in which every normal form of every character can be written, so that none hides behind [UNK]."""
    characters = set()
    for options in CASES[:4]:
        for character in assigned_characters():
            characters.update(*google_rules.words_of(character, **options))
    characters = sorted(characters | {"a", "b"})
    return [*SPECIAL, *characters, *(SUFFIX_MARK + character for character in characters)]


@pytest.mark.parametrize("options", [
    CASES[0], *(pytest.param(case, marks=pytest.mark.slow) for case in CASES[1:])], ids=str)
def test_every_assigned_character_is_as_googles_rules_say(options):
    pieces = character_pieces()
    known = set(pieces)
    generator = random.Random(0)
    characters = assigned_characters()
    assert len(characters) > 144_000
    texts = [f"a{character}b" for character in characters]
    # Words of one script and words of any, with spaces here and there.
    for size in (1, 20):
        for _ in range(3000):
            start = generator.randrange(len(characters) - size)
            near = characters[start:start + 60] if size == 1 else generator.sample(characters, size)
            texts.append("".join(generator.choices([*near, " ", "a", "B"], k=12)))

    result = WordPieceTokenizer(pieces, options["lowercase"], strip_accents=options["strip_accents"],
                                split_cjk=options.get("split_cjk", True)).tokenize(texts).to_list()
    result = [[pieces[number] for number in row] for row in result]
    assert not any("[UNK]" in row for row in result)
    wrong = [(text, row) for text, row in zip(texts, result, strict=True)
             if row != google_rules.pieces_of(text, known, **options)]
    assert wrong == []


@pytest.mark.parametrize("options", CASES, ids=str)
def test_what_lies_between_the_offsets_normalizes_to_the_piece(options):
    pieces = character_pieces()
    generator = random.Random(1)
    texts = ["".join(generator.choices([*generator.sample(assigned_characters(), 20), " ", "A", "é"], k=30))
             for _ in range(3000)]
    tokenizer = WordPieceTokenizer(pieces, options["lowercase"], strip_accents=options["strip_accents"],
                                   split_cjk=options.get("split_cjk", True))
    count = 0
    for text, *row in zip(texts, *(part.to_list() for part in tokenizer.tokenize_with_offsets(texts)), strict=True):
        spans = list(zip(*row, strict=True))
        for number, start, limit in spans:
            between = text.encode()[start:limit].decode()
            assert len(between) == 1  # as every piece of this vocabulary is a single character
            form = "".join(google_rules.words_of(between, **options))
            # One character may have become several pieces.
            together = [pieces[other].removeprefix(SUFFIX_MARK) for other, *span in spans if span == [start, limit]]
            assert form == "".join(together)
            assert pieces[number].removeprefix(SUFFIX_MARK) in form
            count += 1
    assert count > 50_000


@pytest.mark.parametrize("options", [CASES[0], CASES[4]], ids=str)
def test_characters_of_old_are_as_hugging_face_says(options):
    # Its character data are of Unicode 8 or so, and its range of ideographs begins at 2B920 instead of 2B820.
    pieces = character_pieces()
    texts = [f"a{character}b" for character in assigned_characters() if is_old(character)]
    reference = BertWordPieceTokenizer(
        {piece: number for number, piece in enumerate(pieces)}, lowercase=options["lowercase"],
        strip_accents=options["strip_accents"], handle_chinese_chars=options.get("split_cjk", True))
    result = WordPieceTokenizer(pieces, options["lowercase"], strip_accents=options["strip_accents"],
                                split_cjk=options.get("split_cjk", True)).tokenize(texts).to_list()
    encodings = reference.encode_batch(texts, add_special_tokens=False)
    wrong = [(text, row, encoding.ids) for text, row, encoding in zip(texts, result, encodings, strict=True)
             if row != encoding.ids]
    assert wrong == []


def byte_offsets(text, encoding):
    """Hugging Face's offsets, in characters, as bytes."""
    bytes_before = [0]
    for character in text:
        bytes_before.append(bytes_before[-1] + len(character.encode()))
    starts, limits = zip(*encoding.offsets, strict=True) if encoding.offsets else ((), ())
    return [bytes_before[start] for start in starts], [bytes_before[limit] for limit in limits]


def lines_that_differ(name, lowercase, lines, options, reference_options, special_tokens=()):
    """Lines whose ids or offsets are not those of Hugging Face's fast tokeniser."""
    path = str(data_file("vocab", f"{name}-vocab.txt"))
    reference = BertWordPieceTokenizer(path, lowercase=lowercase, **reference_options)
    reference.add_special_tokens(list(special_tokens))
    tokenizer = WordPieceTokenizer(path, lowercase, **options)
    different = []
    for first in range(0, len(lines), 5000):
        batch = lines[first:first + 5000]
        ids = tokenizer.tokenize(batch).to_list()
        with_offsets = zip(*(part.to_list() for part in tokenizer.tokenize_with_offsets(batch)), strict=True)
        encodings = reference.encode_batch(batch, add_special_tokens=False)
        different += [line for line, row, parts, encoding in zip(batch, ids, with_offsets, encodings, strict=True)
                      if row != encoding.ids or parts != (row, *byte_offsets(line, encoding))]
    return different


def read_lines(name, limit=None):
    return data_file("pretrain", name).read_text(encoding="utf-8").split("\n")[:limit]


@pytest.mark.parametrize(("vocabulary", "lowercase", "name"), FILES)
def test_real_text_is_as_hugging_face_says(vocabulary, lowercase, name):
    assert lines_that_differ(vocabulary, lowercase, read_lines(name, 2000), {}, {}) == []


@pytest.mark.slow
@pytest.mark.parametrize(("vocabulary", "lowercase", "name"), FILES)
def test_all_real_text_is_as_hugging_face_says(vocabulary, lowercase, name):
    assert lines_that_differ(vocabulary, lowercase, read_lines(name), {}, {}) == []


@pytest.mark.parametrize(("vocabulary", "lowercase", "name"), [FILES[6], FILES[9], FILES[0]])
def test_real_text_with_other_options_is_as_hugging_face_says(vocabulary, lowercase, name):
    lines = read_lines(name, 1000)
    reference_options = dict(handle_chinese_chars=False)
    assert lines_that_differ(vocabulary, lowercase, lines, dict(split_cjk=False), reference_options) == []
    accents = dict(strip_accents=not lowercase)
    assert lines_that_differ(vocabulary, lowercase, lines, accents, accents) == []


@pytest.mark.parametrize(("vocabulary", "lowercase", "name"), [FILES[6], FILES[9], FILES[0]])
def test_special_tokens_in_real_text_are_as_hugging_face_says(vocabulary, lowercase, name):
    generator = random.Random(0)
    inserted = [*SPECIAL, "[mask]", "[MASK", "MASK]", "[PAD][SEP]", " [CLS] ", "[[MASK]]", "[ MASK]", "[MASK]\u0301"]
    lines = []
    for line in read_lines(name, 1000):
        for _ in range(generator.randint(0, 4)):
            place = generator.randint(0, len(line))
            line = line[:place] + generator.choice(inserted) + line[place:]
        lines.append(line)
    assert lines_that_differ(vocabulary, lowercase, lines, dict(keep_special_tokens=True), {}, SPECIAL) == []


@pytest.mark.parametrize("lowercase", [True, False])
def test_words_around_the_limit_are_as_hugging_face_says(lowercase):
    generator = random.Random(0)
    letters = ["a", "é", "ß", "ส", "ั", "か", "𐐀", "e\u0301", "\u200b", "E"]
    lines = []
    for _ in range(2000):
        words = ["".join(generator.choices(generator.sample(letters, 2), k=generator.randint(90, 110)))
                 for _ in range(generator.randint(1, 3))]
        lines.append(generator.choice([" ", ".", "国", ""]).join(words))
    assert lines_that_differ("bert-base-multilingual-cased", lowercase, lines, {}, {}) == []

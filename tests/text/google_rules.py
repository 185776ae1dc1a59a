"""A plain restatement of the rules of google-research/bert's tokenization.py, one character at a time.

Three choices follow Hugging Face instead, as the tokeniser does: each character is lower-cased by itself, characters
for private use are dropped, and a word may have 100 characters.
"""

import unicodedata

_CJK = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
        (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F))


def clean(text):
    """Drops what is invisible and makes white space plain spaces."""
    result = []
    for character in text:
        if character in "\t\n\r" or unicodedata.category(character) == "Zs":
            result.append(" ")
        elif character not in "\0\ufffd" and unicodedata.category(character) not in ("Cc", "Cf", "Co"):
            result.append(character)
    return "".join(result)


def is_cjk(character):
    return any(first <= ord(character) <= last for first, last in _CJK)


def is_punctuation(character):
    if ord(character) < 128:
        return not character.isalnum() and character > " "
    return unicodedata.category(character).startswith("P")


def words_of(text, *, lowercase, strip_accents, split_cjk=True):
    text = clean(text)
    if split_cjk:
        text = "".join(f" {character} " if is_cjk(character) else character for character in text)
    words = []
    for word in text.split():
        if lowercase:
            word = "".join(character.lower() for character in word)
        if strip_accents:
            word = "".join(character for character in unicodedata.normalize("NFD", word)
                           if unicodedata.category(character) != "Mn")
        current = ""
        for character in word:
            if is_punctuation(character):
                words += [current, character]
                current = ""
            else:
                current += character
        words.append(current)
    return [word for word in words if word]


def pieces_of_word(word, vocabulary, *, unknown="[UNK]", max_word_characters=100):
    """Longest matches first; `vocabulary` is anything that answers `in`."""
    if len(word) > max_word_characters:
        return [unknown]
    pieces = []
    start = 0
    while start < len(word):
        for limit in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:limit]
            if piece in vocabulary:
                break
        else:
            return [unknown]
        pieces.append(piece)
        start = limit
    return pieces


def pieces_of(text, vocabulary, *, lowercase, strip_accents, split_cjk=True, max_word_characters=100):
    words = words_of(text, lowercase=lowercase, strip_accents=strip_accents, split_cjk=split_cjk)
    return [piece for word in words
            for piece in pieces_of_word(word, vocabulary, max_word_characters=max_word_characters)]

import unicodedata
import zlib

import numpy as np
import pytest
import tensorflow_text
from tokenizers.normalizers import BertNormalizer

from bert_tf.text import normalization
from bert_tf.text.kernels import build_normalizer
from bert_tf.text.normalization import build_table, load_table, normal_form
from tests.text.code_points import assigned_characters, is_old

TABLES = [dict(lowercase=lowercase, strip_accents=strip_accents)
          for lowercase in (False, True) for strip_accents in (False, True)]


def normalize(strings, **options):
    return [form.decode() for form in build_normalizer(**options).normalize(strings).numpy()]


@pytest.mark.parametrize("options", TABLES)
def test_tables_are_what_this_python_would_build(options):
    if unicodedata.unidata_version == normalization.UNICODE_VERSION:
        assert bytes(load_table(**options)) == build_table(**options)
    # On other Pythons the bytes may differ, but no entry of a character that was assigned already.
    characters = assigned_characters()
    forms = normalize([f"a{character}b" for character in characters], **options)
    expected = [f"a{normal_form(character, **options)}b" for character in characters]
    assert [entry for entry in zip(characters, forms, expected, strict=True) if entry[1] != entry[2]] == []


@pytest.mark.parametrize("options", TABLES)
def test_forms_are_those_of_hugging_face(options):
    # Hugging Face's own character data are older, hence only characters that have not changed since.
    characters = [character for character in assigned_characters() if is_old(character)]
    assert len(characters) > 90_000
    reference = BertNormalizer(clean_text=True, handle_chinese_chars=False, **options)
    forms = normalize(characters, **options)
    different = [(character, form) for character, form in zip(characters, forms, strict=True)
                 if form != reference.normalize_str(character)]
    assert different == []


def test_rules_by_example():
    text = "Ünïcode\tß\u200bÇ\x07\u00a0\ue000ﬁ\u2028Ａ"
    assert normalize([text], lowercase=True, strip_accents=True) == ["unicode ßc ﬁ ａ"]
    assert normalize([text], lowercase=True, strip_accents=False) == ["ünïcode ßç ﬁ ａ"]
    assert normalize([text], lowercase=False, strip_accents=True) == ["Unicode ßC ﬁ Ａ"]
    assert normalize([text], lowercase=False, strip_accents=False) == ["Ünïcode ßÇ ﬁ Ａ"]


def test_lower_cases_each_character_by_itself():
    # Google's script, which lower-cases whole words, would end in ς.
    assert normalize(["ΟΔΟΣ ὈΔΥΣΣΕΎΣ"], lowercase=True, strip_accents=True) == ["οδοσ οδυσσευσ"]


@pytest.mark.parametrize("options", TABLES)
def test_drops_bytes_that_are_not_utf8(options):
    generator = np.random.default_rng(0)
    # Mostly lead and continuation bytes, so that many characters are cut short at every place.
    frequent = b"abcxyz\xe4\xb8\xad\xf0\x90\x80\xc3\xa9\xed\xa0\xf4"
    alphabet = np.array([*range(0x80, 0x100), *frequent * 8], np.uint8)
    strings = [generator.choice(alphabet, 12).tobytes() for _ in range(20_000)]
    strings += [b"\xff", b"\xe4", b"a\xe4\xb8", b"a\xf0\x9f\x98", b"\xed\xa0\x80b", b"\xc0\x80", b"\xf5\x80\x80\x80"]
    valid = [string.decode("utf-8", "ignore") for string in strings]
    assert normalize(strings, **options) == normalize(valid, **options)


def test_cased_table_is_not_tf_texts():
    # A guard for the kernel's argument: with its built-in table a soft hyphen would become a space.
    assert tensorflow_text.FastBertNormalizer(False).normalize(["a\u00adb"]).numpy()[0] == b"a b"
    assert normalize(["a\u00adb"], lowercase=False, strip_accents=False) == ["ab"]


def test_names_a_table_that_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(normalization, "_TABLES", tmp_path)
    with pytest.raises(ValueError, match="cased_stripped.zlib"):
        load_table(lowercase=False, strip_accents=True)


def test_writes_tables_with_the_recorded_unicode_version_only(monkeypatch, tmp_path):
    monkeypatch.setattr(normalization, "_TABLES", tmp_path / "tables")
    monkeypatch.setattr(normalization, "build_table", lambda **options: repr(options).encode())
    monkeypatch.setattr(unicodedata, "unidata_version", "15.0.0")
    with pytest.raises(ValueError, match="unidata_version='15.0.0'"):
        normalization.write_tables()
    monkeypatch.setattr(unicodedata, "unidata_version", normalization.UNICODE_VERSION)
    normalization.write_tables()
    written = zlib.decompress((tmp_path / "tables" / "lower_accented.zlib").read_bytes())
    assert written == b"{'lowercase': True, 'strip_accents': False}"

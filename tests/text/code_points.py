"""The code points that Unicode 14 assigns, whatever Unicode version the running Python has."""

import functools
import pathlib
import unicodedata

_UNASSIGNED = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "unassigned_in_unicode_14.txt"
_SURROGATES = range(0xD800, 0xE000)


@functools.cache
def assigned_characters():
    """All assigned characters; of the 137,468 for private use, only the first and last of each area."""
    left_out = {*_SURROGATES, *range(0xE010, 0xF8F0), *range(0xF0010, 0xFFFF0), *range(0x100010, 0x10FFF0)}
    for line in _UNASSIGNED.read_text().splitlines()[1:]:
        first, last = (int(number, 16) for number in line.split())
        left_out.update(range(first, last + 1))
    return [chr(code_point) for code_point in range(0x110000) if code_point not in left_out]


def is_old(character):
    """Whether Unicode 3.2 knew the character as what it is today; libraries with old tables are right about these."""
    category = unicodedata.category(character)
    return category == unicodedata.ucd_3_2_0.category(character) and category != "Cn"

"""The prose of a doc string: paragraphs without code, tables, argument lists, headings and markup.

Doc strings mix plain text with Markdown, reStructuredText and the section styles of Google and NumPy. What is kept here
is strict rather than complete: when in doubt, a sentence is left out.

    | Sum of `values`.                                  [["Sum of values."],
    |                                                    ["It is exact.", "The order does not matter."]]
    | It is **exact**. The order
    | does not matter. x[i] = i.       ->
    |
    | Args:
    |     values: The numbers to add.
    |
    | >>> total([1, 2])
    | 3
"""

import inspect
import re
from collections.abc import Iterable, Iterator

import sentencex

_DROPPED_SECTIONS = frozenset((
    "arg", "args", "argument", "arguments", "attribute", "attributes", "call args", "call arguments", "call signature",
    "citation", "constants", "fields", "input", "input shape", "input shapes", "inputs", "keyword args",
    "keyword arguments", "kwargs", "members", "methods", "options", "other parameters", "output", "output shape",
    "output shapes", "outputs", "parameters", "params", "properties", "raises", "receives", "reference", "references",
    "return", "returns", "see also", "shape", "shapes", "todo", "warns", "yield", "yields"))

_BULLET = re.compile(r"(?:[-*+•]|\(?(?:\d{1,2}|[a-z])[.)])\s+(?=\S)")
_UNDERLINE = re.compile(r"([=\-~^*#\"'`+.])\1{2,}$")
_TABLE_ROW = re.compile(r"[|+]|.*\S\s+\|\s+\S|.*\S {3,}\S.*\S {3,}\S")
# A line after which everything indented deeper is dropped too: `Args:`, `:param x:`, `.. code::`, `name: what it is`.
_GOOGLE_SECTION = re.compile(r"(\w[\w ]*):$")
_FIELD = re.compile(r":\w[^:`]*:(\s|$)|@\w+\s|\.\. (?!(note|tip|hint|warning|important|caution|seealso)::)")
_DEFINITION = re.compile(r"([`*\"']+[^`*\"']+[`*\"']+|[a-z_][\w.]*)( *\([^)]*\))? *(:|--|-|=)(\s|$)")

_TYPOGRAPHY = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "--",
                             "\u00a0": " "})
_MARKUP = tuple((re.compile(pattern), replacement) for pattern, replacement in (
    (r"\.\. \w+::\s*", ""),  # .. note::
    (r"\[([^\]]+)\]\([^)\s]*\)", r"\1"),  # [text](address)
    (r"(?::[\w:-]+:)?`[~!.]*([^`<]+?)\s*<[^`>]*>`_*", r"\1"),  # :role:`text <target>`
    (r"(?::[\w:-]+:)?``?[~!.]*([^`]+)`?`_*", r"\1"),  # :role:`~name`, ``code``, `code`, `reference`_
    (r"(?<![\w*])\*{1,2}([^\s*](?:[^*]*[^\s*])?)\*{1,2}(?![\w*])", r"\1"),  # *emphasis*
    (r"\s*\[[\w#*]+\]_", ""),  # [1]_
    (r"</?[a-z]\w*(?:\s[^<>]*)?>", ""),  # <b>
))

_SENTENCE = re.compile(r"[\"'(]{0,2}[A-Z0-9].*\S[.!?][\"')]{0,2}$")
_WORD = re.compile(r"[\"'(]*([A-Za-z]+([-'/][A-Za-z]+)*|\d+([.,]\d+)*%?)[\"')]*[.,;:!?]*[\"')]*$|--?$")
_NOT_PROSE = re.compile(r"[=<>{}\[\]|\\^$@#*`~]|https?:|www\.|::|\w\(\w|\.\.\.|(^|\s)[:.]\w")


def prose_paragraphs(text: str) -> Iterator[list[str]]:
    """Yields the paragraphs of a doc string that are prose, each a list of sentences."""
    lines = inspect.cleandoc(text).expandtabs().split("\n")
    lines = _without_numpy_sections(_without_doctests(_without_fences(lines)))
    for block in _blocks(_without_indented_parts(lines)):
        sentences = _sentences(_without_markup(block))
        kept = [sentence for sentence in sentences if is_prose(sentence)]
        if kept and 2 * len(kept) >= len(sentences):  # Otherwise they are fragments of something else.
            yield kept


def is_prose(sentence: str) -> bool:
    """Whether a string reads like one whole English sentence of at least three words."""
    words = sentence.split()
    if not 3 <= len(words) <= 150 or not sentence.isascii():
        return False
    if not _SENTENCE.match(sentence) or _NOT_PROSE.search(sentence):
        return False
    return sum(bool(_WORD.match(word)) for word in words) >= 0.75 * len(words)


def _sentences(text: str) -> list[str]:
    """Splits where a space follows; sentencex would also split `tf.data.Dataset` before its last part."""
    sentences = [""]
    for part in sentencex.segment("en", text):
        if sentences[-1] and not sentences[-1][-1].isspace():
            sentences[-1] += part
        else:
            sentences.append(part)
    return [sentence.strip() for sentence in sentences[1:]]


def _without_fences(lines: Iterable[str]) -> Iterator[str]:
    """Blanks Markdown code blocks."""
    fence = None
    for line in lines:
        mark = line.strip()[:3]
        if fence is None and mark in ("```", "~~~") and line.count("```") < 2:
            fence = mark
        elif fence is not None:
            if mark == fence:
                fence = None
        else:
            yield line
            continue
        yield ""


def _without_doctests(lines: Iterable[str]) -> Iterator[str]:
    """Blanks interpreter sessions, which end at a blank line."""
    in_session = False
    for line in lines:
        in_session = bool(line.strip()) and (in_session or line.lstrip().startswith((">>>", "In [")))
        yield "" if in_session else line


def _without_numpy_sections(lines: Iterable[str]) -> Iterator[str]:
    """Blanks underlined headings, and the sections below them that are no prose."""
    lines = [*lines, ""]
    dropped = False
    for line, next_line in zip(lines, lines[1:], strict=False):
        heading = bool(line.strip()) and bool(_UNDERLINE.match(next_line.strip()))
        if heading:
            dropped = line.strip().lower() in _DROPPED_SECTIONS
        yield "" if dropped or heading or _UNDERLINE.match(line.strip()) else line


def _without_indented_parts(lines: Iterable[str]) -> Iterator[str]:
    """Blanks argument lists, fields, definitions and literal blocks: a line and all that is indented deeper."""
    opener = None  # Indentation of the line that the dropped ones belong to.
    starts = True  # Whether a paragraph may start here.
    for line in lines:
        text = line.strip()
        indent = len(line) - len(line.lstrip())
        if opener is not None and text and indent <= opener:
            opener = None
        if opener is None and text:
            if _opens_dropped_part(text, starts):
                opener = indent
            elif text.endswith("::") and not text.startswith(".. "):
                opener = indent
                yield line.rstrip(": ") + ":"
                continue
        starts = opener is not None or not text
        yield line if opener is None else ""


def _opens_dropped_part(text: str, starts: bool) -> bool:
    section = _GOOGLE_SECTION.match(text)
    if section and section[1].lower() in _DROPPED_SECTIONS:
        return True
    bullet = _BULLET.match(text)
    defines = (starts or bullet) and _DEFINITION.match(text[bullet.end():] if bullet else text)
    return bool(defines or _FIELD.match(text))


def _blocks(lines: Iterable[str]) -> Iterator[str]:
    """Joins lines up to a blank line, a bullet, a table row or deeper indentation."""
    block: list[str] = []
    indent_before = 0
    for line in [*lines, ""]:
        text = line.strip()
        indent = len(line) - len(line.lstrip())
        bullet = _BULLET.match(text)
        if block and (not text or bullet or indent > indent_before or _TABLE_ROW.match(text)):
            yield " ".join(block)
            block = []
        if text and not _TABLE_ROW.match(text):
            block.append(text[bullet.end():] if bullet else text)
            indent_before = indent + (bullet.end() if bullet else 0)


def _without_markup(block: str) -> str:
    block = block.translate(_TYPOGRAPHY)
    for pattern, replacement in _MARKUP:
        block = pattern.sub(replacement, block)
    return " ".join(block.split())

import pytest

from bert_tf.data.prose import is_prose, prose_paragraphs


def paragraphs(text):
    return list(prose_paragraphs(text))


def test_keeps_prose_and_drops_the_rest():
    assert paragraphs("""Sum of `values`.

    It is **exact**. The order
    does not matter. x[i] = i.

    Args:
        values: The numbers to add.

            They may be negative numbers.
        start: Where to start from.

    >>> total([1, 2])
    This is what it prints.

    Raises ValueError for an empty list.
    """) == [["Sum of values."], ["It is exact.", "The order does not matter."],
             ["Raises ValueError for an empty list."]]


def test_drops_numpy_sections():
    assert paragraphs("""Mean of an array.

    Parameters
    ----------
    values : array_like
        The array to take the mean of.

    Returns
    -------
    The mean of all the values.

    Notes
    -----
    The sum is taken first.

    Examples
    --------
    A list is enough as well.

    >>> mean([1])
    """) == [["Mean of an array."], ["The sum is taken first."], ["A list is enough as well."]]


def test_drops_restructured_text():
    assert paragraphs("""Opens the :class:`~io.File` called ``name`` [1]_.

    :param name: The name of the file.
    :returns: The file that was opened.

    .. versionadded:: 3.5
       This is about a version.

    .. note:: It must exist on the disk.

    Use it like this::

        This is really some code here.

    Then `close <https://x.y>`_ the file.

    +-----+-----+
    | This is a table row. |
    """) == [["Opens the io.File called name."], ["It must exist on the disk."], ["Then close the file."]]


def test_drops_markdown():
    assert paragraphs("""# The heading of this page.

    See the [long guide](https://x.y/z) about it.

    ```python
    This is not prose at all.
    ```

    * `name`: The name of the thing.
    * Bullets that are whole sentences
      may go on.
    1. So may numbered ones.
    """) == [["See the long guide about it."], ["Bullets that are whole sentences may go on."],
             ["So may numbered ones."]]


def test_does_not_split_dotted_names():
    assert paragraphs("Creates a tf.data.Dataset from a list. It is lazy always.") == [
        ["Creates a tf.data.Dataset from a list.", "It is lazy always."]]


def test_typography_becomes_ascii():
    assert paragraphs("It\u2019s a \u201cquoted\u201d word \u2014 really.") == [["It's a \"quoted\" word -- really."]]


def test_a_line_within_a_paragraph_is_no_definition():
    assert paragraphs("Takes the default\nvalue: none of them is used.\n\nvalue: A definition instead.") == [
        ["Takes the default value: none of them is used."]]


def test_drops_paragraphs_that_are_mostly_something_else():
    assert paragraphs("This one is fine. Here x = 1 is not. Nor is y = 2 here.") == []


@pytest.mark.parametrize("sentence", [
    "This is prose.", "Is it (really) so?", "\"Quoted\" words are fine!", "Use tf.data.Dataset for all large files.",
    "Calls __init__() of the base class.", "It calls the method (see __init__()).", "1.5 times as many of them."])
def test_prose(sentence):
    assert is_prose(sentence)


@pytest.mark.parametrize("sentence", [
    "Two words.", "no capital letter here.", "A heading without end", "Introduces the following list:",
    "See https://www.python.org for more.", "If x = 3 it fails.", "Use f(x) for all of it.", "And so on ...",
    "Größe is not ASCII text.", "Types a.b c.d e.f g.h.", "A [link] to somewhere else.", "word " * 200 + "end."])
def test_no_prose(sentence):
    assert not is_prose(sentence)

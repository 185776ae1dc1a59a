import pytest

from bert_tf.models.labels import label_names


def test_names_or_their_number():
    assert label_names(["no", "yes"], None) == ("no", "yes")
    assert label_names(None, 3) == ("LABEL_0", "LABEL_1", "LABEL_2")
    assert label_names(["no", "yes"], 2) == ("no", "yes")


@pytest.mark.parametrize(("labels", "number", "message"), [
    (None, None, "`labels` or `num_labels` >= 1"),
    (None, 0, "num_labels=0"),
    ([], None, "at least one"),
    (["a", "a"], None, r"different names, at least one. Received: labels=\('a', 'a'\)"),
    (["a", "b"], 3, "to be the number of `labels`. Received: num_labels=3"),
])
def test_refuses(labels, number, message):
    with pytest.raises(ValueError, match=message):
        label_names(labels, number)

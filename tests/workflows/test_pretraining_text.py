import pytest
import tensorflow as tf

from bert_tf.config import PretrainingConfig
from bert_tf.workflows.pretraining_sources import open_source
from bert_tf.workflows.pretraining_text import prepare_tokenizer


@pytest.mark.parametrize("layout, documents", [("lines", 10), ("files", 5)])
def test_lines_that_are_not_utf8_are_counted_in_every_layout(tmp_path, caplog, layout, documents):
    for number in range(5):
        (tmp_path / f"{number}.txt").write_bytes(b"Day %d. It rains.\nThen \xff it ends.\n" % number)
    config = PretrainingConfig(input=f"{tmp_path}/*.txt", input_layout=layout)
    for keep in (False, True):
        source = open_source(config, tmp_path / "run", tf.distribute.get_strategy(), keep=keep)
        corpus = source.describe()["corpus"]
        assert (corpus["documents"], corpus["lines_not_utf8"]) == (documents, 5)
        assert corpus["first_line_not_utf8"] == f"{tmp_path}/0.txt:2"
        assert f"5 lines are not valid UTF-8, the first at {tmp_path}/0.txt:2" in caplog.text
        # What is kept is not read from them again.
        for path in tmp_path.glob("*.txt"):
            path.unlink()
        caplog.clear()


def test_a_vocabulary_is_learned_and_used_with_the_same_options(tmp_path):
    (tmp_path / "text.txt").write_text("Été 中国\n" * 9)
    options = dict(lowercase=False, strip_accents=False, split_cjk=False)
    config = PretrainingConfig(vocabulary_size=40, **options)
    tokenizer = prepare_tokenizer(config, [str(tmp_path / "text.txt")], tmp_path, keep=False)
    assert {"Été", "中国"} <= set(tokenizer.vocabulary.pieces)
    assert {name: getattr(tokenizer, name) for name in options} == options

import pytest

from bert_tf.config import PretrainingConfig, RecordsConfig
from bert_tf.workflows.named_tokenizer import named_tokenizer

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused1]", "<S>", "the", "##s"]


@pytest.fixture
def vocabulary(tmp_path):
    def write(*pieces):
        (tmp_path / "vocab.txt").write_text("".join(f"{piece}\n" for piece in [*PIECES, *pieces]))
        return str(tmp_path / "vocab.txt")
    return write


def test_lower_casing_and_a_cased_vocabulary_give_a_warning(vocabulary, caplog):
    path = vocabulary("The", "##ING")
    for config in (PretrainingConfig(vocabulary=path), RecordsConfig(vocabulary=path, input="a.txt")):
        caplog.clear()
        named_tokenizer(config)
        assert [record.getMessage() for record in caplog.records] == [
            f"2 of 11 pieces of {path} have upper-case letters, such as The, but text is lower-cased: pass "
            "--nolowercase if the vocabulary is cased."]


def test_other_vocabularies_give_none(vocabulary, caplog):
    named_tokenizer(PretrainingConfig(vocabulary=vocabulary()))
    named_tokenizer(PretrainingConfig(vocabulary=vocabulary("The"), lowercase=False))
    assert not caplog.records


def test_words_are_made_as_the_configuration_says(vocabulary):
    config = PretrainingConfig(vocabulary=vocabulary("é", "中国"), strip_accents=False, split_cjk=False)
    assert named_tokenizer(config).tokenize(["É 中国"]).to_list() == [[9, 10]]

import pytest

from bert_tf.benchmarks import inputs
from bert_tf.config import BenchmarkConfig
from tests.benchmarks.data import tiny_config


@pytest.fixture(autouse=True)
def no_other_data(monkeypatch, tmp_path):
    monkeypatch.setenv(inputs.DATA_VARIABLE, str(tmp_path / "nowhere"))


def test_finds_its_files_in_a_folder(tmp_path, monkeypatch):
    config = tiny_config(tmp_path)
    assert inputs.text_files(config) == [tmp_path / "data" / inputs.TEXT]
    assert inputs.sst2_file(config) == tmp_path / "data" / inputs.SST2
    assert inputs.vocabulary_file(config) == tmp_path / "data" / inputs.VOCABULARY
    monkeypatch.setenv(inputs.DATA_VARIABLE, str(tmp_path / "data"))
    assert inputs.text_files(BenchmarkConfig()) == inputs.text_files(config)


def test_takes_files_by_name(tmp_path):
    tiny_config(tmp_path)
    text, table = (str(tmp_path / "data" / place) for place in (inputs.TEXT, inputs.SST2))
    config = BenchmarkConfig(data=f"{text}, {table}", vocabulary=str(tmp_path / "data" / inputs.VOCABULARY))
    assert list(map(str, inputs.text_files(config))) == [text]
    assert str(inputs.sst2_file(config)) == table
    assert len(inputs.sst2_examples(config)) == 40


def test_says_what_is_missing(tmp_path):
    with pytest.raises(ValueError, match="`--data`: sentence files, or a folder of data. Received: data=None"):
        inputs.text_files(BenchmarkConfig())
    with pytest.raises(ValueError, match="`--data`: a .tsv file of SST-2, or a folder"):
        inputs.sst2_file(BenchmarkConfig(data="text.txt"))
    with pytest.raises(ValueError, match="`--vocabulary`, a vocab.txt, or a folder of data in `--data`"):
        inputs.vocabulary_file(BenchmarkConfig(data="text.txt"))
    with pytest.raises(ValueError, match=r"sentence files at pretrain/en/wikipedia.txt in the folder of data"):
        inputs.text_files(BenchmarkConfig(data=str(tmp_path)))


@pytest.mark.parametrize("with_sst2", [True, False])
def test_requests_are_sentences_that_follow_each_other_in_sst2_or_in_the_text(tmp_path, with_sst2):
    config = tiny_config(tmp_path)
    if with_sst2:
        lines = [example.text for example in inputs.sst2_examples(config)]
    else:
        (tmp_path / "data" / inputs.SST2).unlink()
        lines = [line for line in inputs.first_lines(config, 10**9) if line]
    texts = inputs.requests(config, 50)
    assert texts == inputs.requests(config, 50)
    joined = " ".join(lines)
    assert all(text in joined for text in texts) and len({text.count(" ") for text in texts}) > 10
    assert max(map(len, texts)) <= 501

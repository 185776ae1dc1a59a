import pytest

from bert_tf.benchmarks.works.examples import Examples
from tests.data.record_corpus import PIECES


class Builder:
    def __init__(self, *samples):
        self._samples = samples

    def build(self):
        return 3, 40

    def samples(self, number):
        return list(self._samples)


@pytest.fixture
def job(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(PIECES) + "\n")
    (tmp_path / "text.txt").write_text("w0 w1 w2\nw3\n\nw4 w5\n")
    return {"text": str(tmp_path / "text.txt"), "vocabulary": str(tmp_path / "vocab.txt"), "lowercase": True}


def test_segments_are_stretches_of_the_text(job):
    outputs = Examples(job, Builder(([5, 6], [7, 8], 0.149), ([9], [10], 0.155))).outputs()
    assert {name: float(value) for name, value in outputs.items()} == {
        "segments found in the text": 1.0, "masked tokens": pytest.approx(0.152)}
    with pytest.raises(ValueError, match="segments of examples to be stretches of the text. Received: share=0.5"):
        Examples(job, Builder(([5, 6], [7, 9], 0.15))).outputs()


def test_counts_examples_and_tokens(job):
    figures = Examples(job, Builder()).run()
    assert figures["tokens"] == pytest.approx(figures["examples"] * 40 / 3)

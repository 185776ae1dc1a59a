import pytest

from bert_tf.export.warmup import warmup_lengths, warmup_row
from tests.export.heads import HEADS, endpoint


@pytest.mark.parametrize("head", HEADS)
def test_a_request_has_exactly_the_tokens_of_its_length(head):
    made = endpoint(head)
    specs = {spec.name: spec for spec in made.answer.input_signature}
    lengths = warmup_lengths(made.max_length)
    assert lengths == [8, 10, 12, 14, 16, 20, 24, 28, 32, 40]
    for length in lengths:
        row = warmup_row(specs, made, length)
        assert {name: value.shape for name, value in row.items()} == {
            name: (1,) * spec.shape.rank for name, spec in specs.items()}
        texts = [value.item() for value in row.values()]
        pieces = made.tokenizer.tokenize(texts).to_list()
        assert 1 + len(texts) + sum(map(len, pieces)) == length
        if head in ("fill_mask", "pretraining"):
            assert made.tokenizer.vocabulary.mask_id in pieces[0]


def test_lengths_end_with_the_longest():
    assert warmup_lengths(6) == [6]
    assert warmup_lengths(10) == [8, 10]
    assert warmup_lengths(64) == [8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64]
    assert warmup_lengths(512)[-9:] == [128, 160, 192, 224, 256, 320, 384, 448, 512]

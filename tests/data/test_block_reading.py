import gzip

import numpy as np
import pytest

from bert_tf.data import blocks
from bert_tf.data.block_reading import joined, read_blocks
from bert_tf.data.corpus import HASH_BUCKETS, survey
from tests.data.record_corpus import write_corpus

ODD = b"\xef\xbb\xbfa b\r\nc\rd\r\n \t\r\n\r\n\r\ne\0f\nbad \xff bytes\n\r"


def one_side(files, threshold, held_out):
    """Blocks as `(lines, numbers of their documents without gaps)`."""
    return [tuple(tensor.numpy().tolist() for tensor in joined(documents))
            for is_held_out, documents in read_blocks(files, threshold) if is_held_out == held_out]


@pytest.mark.parametrize("held_out", [True, False])
def test_lines_are_those_of_a_text_file(tmp_path, held_out):
    path = tmp_path / "a.txt"
    path.write_bytes(ODD)
    lines = [b"\xef\xbb\xbfa b", b"cd", b"e\0f", b"bad \xff bytes"]
    assert one_side([path], HASH_BUCKETS if held_out else 0, held_out) == [(lines, [0, 0, 1, 1])]
    assert one_side([path], 0 if held_out else HASH_BUCKETS, held_out) == []


@pytest.mark.parametrize("held_out", [True, False])
@pytest.mark.parametrize("size", [1, 5, 16, 100])
def test_blocks_are_those_of_the_pipeline(tmp_path, monkeypatch, held_out, size):
    monkeypatch.setattr(blocks, "LINES_PER_BLOCK", size)
    monkeypatch.setattr(blocks, "LONGEST_DOCUMENT", 24)
    files = write_corpus(tmp_path, documents=40)
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress(b"\n\n\n" + b"w1 w2\n" * 80) + gzip.compress(b"\nw3\n" * 3))
    (tmp_path / "d.txt").write_bytes(ODD + b"\n" * 40)
    (tmp_path / "e.txt").write_bytes(b"")
    files = [*files, *(tmp_path / name for name in ("c.txt.gz", "d.txt", "e.txt"))]
    threshold = survey(files, 0.5).held_out_threshold
    expected = [(lines.tolist(), np.unique(document, return_inverse=True)[1].tolist()) for lines, document in
                blocks.documents_of(files, threshold, held_out=held_out).as_numpy_iterator() if len(lines)]
    found = one_side(files, threshold, held_out)
    assert found == expected and len(found) > 1


def test_damaged_files_are_named(tmp_path):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"a\nb\n")[:-4])
    with pytest.raises(ValueError, match=r"Expected whole gzip data in .*a\.txt\.gz"):
        list(read_blocks([path], 0))

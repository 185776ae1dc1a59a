"""What has to be found out about record files without an index: compression, number of records, damage."""

import gzip
import re
import zlib
from pathlib import Path

import tensorflow as tf

from bert_tf.config import require
from bert_tf.data.corpus import HASH_BUCKETS
from bert_tf.data.streams import ending_at_once

_GZIP = b"\x1f\x8b\x08"


def is_held_out(record: tf.Tensor, threshold: int) -> tf.Tensor:
    """Whether records are held out, which their own bytes decide; string `(...)` in, bool out."""
    return tf.strings.to_hash_bucket_fast(record, HASH_BUCKETS) < threshold


def count_sides(path: Path, threshold: int) -> tuple[bytes, str, tuple[int, int]]:
    """Reads a file once.

    Args:
        path: a TFRecord file.
        threshold: see `is_held_out`.

    Returns:
        The first record, the compression ("GZIP" or ""), and how many records are to be trained on and held out.

    Raises:
        ValueError: the file is empty, cut off or damaged.
    """
    with path.open("rb") as file:
        compression = "GZIP" if file.read(3) == _GZIP else ""
    records = tf.data.TFRecordDataset(str(path), compression_type=compression, buffer_size=1 << 20)
    count = held_out = 0
    first = b""
    try:
        for batch in ending_at_once(records.batch(4096).prefetch(1)):
            first = first or batch[0].numpy()
            count += int(tf.size(batch))
            held_out += int(tf.math.count_nonzero(is_held_out(batch, threshold)))
        if compression:
            _read_to_the_end(path)
    except (tf.errors.DataLossError, EOFError, OSError, zlib.error) as error:
        reason = re.sub(r"\{\{.*?\}\} | \[Op:.*", "", getattr(error, "message", str(error)))
        raise ValueError(f"Expected whole TFRecords in {path}. Received: {reason} after {count} records or more."
                         ) from None
    require(count > 0, f"records in {path}", records=0)
    return first, compression, (count - held_out, held_out)


def _read_to_the_end(path: Path) -> None:
    """TensorFlow takes compressed data that is cut off between two records for whole; gzip's own end tells."""
    with gzip.open(path) as file:
        while file.read(1 << 20):
            pass

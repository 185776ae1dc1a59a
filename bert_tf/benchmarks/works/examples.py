"""Raw text to masked pre-training examples."""

import time
from pathlib import Path

import numpy as np
import tokenizers

from bert_tf.config import require

_CHECKED = 200
"""Examples."""


class Examples:
    """One pass over the text.

    Args:
        job: `text`, `vocabulary`, `lowercase`.
        builder: has `build()`, which gives the numbers of examples and of tokens that are not padding, and
            `samples(number)`, examples as `(unmasked first segment, unmasked second segment, share of masked tokens)`.
    """

    def __init__(self, job: dict, builder):
        self._job, self._builder = job, builder

    def outputs(self) -> dict[str, np.ndarray]:
        """The share of segments that are stretches of the text, and the share of masked tokens."""
        tokenizer = tokenizers.BertWordPieceTokenizer(self._job["vocabulary"], lowercase=self._job["lowercase"])
        lines = Path(self._job["text"]).read_text(encoding="utf-8").split("\n")
        encoded = tokenizer.encode_batch(lines, add_special_tokens=False)
        text = " ".join(" ".join(map(str, line.ids)) for line in encoded if line.ids)
        samples = self._builder.samples(_CHECKED)
        found = [f" {' '.join(map(str, ids))} " in f" {text} " for *segments, _ in samples for ids in segments]
        require(np.mean(found) > 0.98, "segments of examples to be stretches of the text", share=float(np.mean(found)))
        return {"segments found in the text": np.array(np.mean(found)),
                "masked tokens": np.array(np.mean([share for *_, share in samples]))}

    def warm_up(self) -> None:
        """Once through."""
        self._builder.build()

    def run(self) -> dict[str, float]:
        """Speeds."""
        start = time.perf_counter()
        examples, tokens = self._builder.build()
        seconds = time.perf_counter() - start
        return {"examples": examples / seconds, "tokens": tokens / seconds}

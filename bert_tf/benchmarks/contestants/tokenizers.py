"""Hugging Face tokenizers."""

import tokenizers


class Tokenizer:
    """`encode_batch`, which also gives offsets and masks, or `encode_batch_fast`, which gives no offsets."""

    def __init__(self, job: dict, fast: bool = False):
        self._tokenizer = tokenizers.BertWordPieceTokenizer(job["vocabulary"], lowercase=job["lowercase"])._tokenizer
        # As ours: what looks like a special token in a text is text.
        self._tokenizer.encode_special_tokens = True
        self._encode = self._tokenizer.encode_batch_fast if fast else self._tokenizer.encode_batch

    def prepared(self, lines: list[str]) -> list[str]:
        """Plain strings."""
        return lines

    def run(self, lines: list[str]) -> list:
        """Encodings."""
        return self._encode(lines, add_special_tokens=False)

    def ids(self, lines: list[str]) -> list[list[int]]:
        """Of each line."""
        return [encoding.ids for encoding in self.run(lines)]

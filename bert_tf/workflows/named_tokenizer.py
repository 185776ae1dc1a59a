"""The tokeniser with the vocabulary that the user named, for pre-training and for record files."""

from pathlib import Path

from absl import logging

from bert_tf.config import PretrainingConfig, RecordsConfig, require
from bert_tf.text.tokenizer import WordPieceTokenizer
from bert_tf.text.vocabulary import SUFFIX_MARK


def word_splitting(config: PretrainingConfig | RecordsConfig) -> dict[str, bool | None]:
    """How text becomes words: arguments of a `WordPieceTokenizer` and of `learn_vocabulary`."""
    return {"lowercase": config.lowercase, "strip_accents": config.strip_accents, "split_cjk": config.split_cjk}


def named_tokenizer(config: PretrainingConfig | RecordsConfig) -> WordPieceTokenizer:
    """The tokeniser of `config.vocabulary`; warns if lower-cased text cannot reach words with upper-case letters."""
    path = Path(config.vocabulary)
    require(path.is_file(), "`vocabulary` to be a file with a piece per line", vocabulary=config.vocabulary)
    tokenizer = WordPieceTokenizer(path, **word_splitting(config))
    pieces = tokenizer.vocabulary.pieces
    # Letters only: [CLS], [unused1] and the like are no words.
    upper_case = [piece for piece in pieces if piece != piece.lower() and piece.removeprefix(SUFFIX_MARK).isalpha()]
    if config.lowercase and upper_case:
        logging.warning("%d of %d pieces of %s have upper-case letters, such as %s, but text is lower-cased: pass "
                        "--nolowercase if the vocabulary is cased.", len(upper_case), len(pieces), path, upper_case[0])
    return tokenizer

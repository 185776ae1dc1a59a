"""Learns a WordPiece vocabulary from text, one piece a line, the special tokens first.

    python scripts/learn_vocabulary.py --input='wiki/*.txt' --size=30522 --output=vocab.txt

Read are UTF-8 files, plain or .gz, in any layout: words are what counts, not lines. A few hundred megabytes suffice.
Train with the same --lowercase, --strip_accents and --split_cjk as here; the command that is printed at the end does.
"""

from absl import app, flags

from bert_tf.workflows.command_line import run

_INPUT = flags.DEFINE_string("input", None, "Files: names or patterns, separated by commas; or tfds:NAME for a "
                             "TensorFlow data set, such as tfds:wikipedia/20230601.en.", required=True)
_SIZE = flags.DEFINE_integer("size", 30522, "Number of pieces. BERT has 30,522 for English, 21,128 for Chinese and "
                             "119,547 for 104 languages; small corpora and models do well with 8,000.", lower_bound=10)
_OUTPUT = flags.DEFINE_string("output", None, "File to write, by custom called vocab.txt.", required=True)
_LOWERCASE = flags.DEFINE_bool("lowercase", True, "Lower-case the text. --nolowercase suits names, German nouns and "
                               "text in many languages.")
_STRIP_ACCENTS = flags.DEFINE_bool("strip_accents", None, "Take accents off letters (default: as --lowercase says).")
_SPLIT_CJK = flags.DEFINE_bool("split_cjk", True, "Make every Chinese character a word of its own, as BERT does.")
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace --output if it exists.")


def main(argv):
    """Learns the vocabulary and prints how it fits the text."""
    if len(argv) > 1:
        raise app.UsageError(f"Expected flags only. Received: {argv[1:]}.")
    # TensorFlow is imported only now, so that --help and wrong flags are answered at once.
    from bert_tf.workflows.learn_vocabulary import print_vocabulary_summary, write_vocabulary

    summary = write_vocabulary(
        _INPUT.value, _SIZE.value, _OUTPUT.value, lowercase=_LOWERCASE.value, strip_accents=_STRIP_ACCENTS.value,
        split_cjk=_SPLIT_CJK.value, overwrite=_OVERWRITE.value)
    print_vocabulary_summary(summary, _OUTPUT.value)


if __name__ == "__main__":
    run(main)

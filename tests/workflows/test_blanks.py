from bert_tf.config import EncoderConfig
from bert_tf.data.corpus import survey
from bert_tf.models.pretrainer import BertPretrainer
from bert_tf.text.tokenizer import WordPieceTokenizer
from bert_tf.workflows.blanks import fill_held_out_blanks

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat", "sat", "on"]
CONFIG = EncoderConfig(vocabulary_size=len(PIECES), num_layers=1, num_heads=1, hidden_dim=4, intermediate_dim=4,
                       max_sequence_length=24)


def test_bytes_that_are_not_utf8_are_dropped(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(b"\n\n".join(b"cat \xff sat on \xe9 a cat sat on %d" % number for number in range(8)))
    model = BertPretrainer(CONFIG, next_sentence=False)

    blanks = fill_held_out_blanks(model, WordPieceTokenizer(PIECES), survey([path], 0.5), seed=0)

    assert len(blanks) == 4
    for blank in blanks:
        assert blank["text"].count("[MASK]") == 1 and blank["word"] in PIECES
        assert blank["text"].replace("[MASK]", blank["word"]).startswith("cat  sat on  a cat sat on ")
        assert len(blank["answers"]) == 5

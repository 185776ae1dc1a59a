"""Answers with a model directory: the first argument says what to do, the others are the texts.

    python scripts/predict.py fill_mask --model=runs/wiki "The capital of France is [MASK]."

Without texts they are read from standard input, one a line.
"""

import json
import sys

from absl import app, flags

from bert_tf.workflows.command_line import run

_TASKS = ("fill_mask",)
_MODEL = flags.DEFINE_string("model", None, "Model directory.", required=True)
_TOP_K = flags.DEFINE_integer("top_k", 5, "Answers per blank.", lower_bound=1)
_JSON = flags.DEFINE_bool("json", False, "Print one JSON object per text instead of a table.")


def main(argv):
    """Prints the answers."""
    if len(argv) < 2 or argv[1] not in _TASKS:
        raise app.UsageError(f"Expected one of {', '.join(_TASKS)}, then texts. Received: {argv[1:]}.")
    texts = argv[2:] or [line.rstrip("\n") for line in sys.stdin]
    from bert_tf.workflows.predict import fill_mask, print_blanks

    answers = fill_mask(_MODEL.value, texts, _TOP_K.value)
    if _JSON.value:
        for answer in answers:
            print(json.dumps(answer, ensure_ascii=False))
    else:
        print_blanks(answers)


if __name__ == "__main__":
    run(main)

"""The folder that a training run writes into."""

from pathlib import Path

from bert_tf.config import require

# A model without a run is somebody's too: it would be replaced.
_FILES = ("run.json", "config.json", "model.safetensors", "report.json")


def require_free(output_dir: Path, others: tuple[str, ...] = (), hint: str = "") -> None:
    """Makes sure that a new run replaces nothing.

    Args:
        output_dir: need not exist.
        others: what else has been found in it.
        hint: what can be done instead, for the error's text.

    Raises:
        ValueError: the folder holds another run, or a model.
    """
    taken = [name for name in _FILES if (output_dir / name).exists()]
    require(not (taken or others), f"an `output_dir` without another run or model{hint}", output_dir=str(output_dir),
            holds=[*taken, *others])

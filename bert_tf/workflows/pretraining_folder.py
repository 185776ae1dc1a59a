"""The folder of a pre-training run: whose it is, and what a killed process left in it."""

import dataclasses
from pathlib import Path

from absl import logging

from bert_tf.config import FREE_TO_CHANGE, PretrainingConfig, read_json, require
from bert_tf.files import remove_unfinished
from bert_tf.reports.json_file import write_json
from bert_tf.training.checkpoints import list_checkpoints
from bert_tf.workflows.output_folder import require_free


def open_folder(output_dir: Path, config: PretrainingConfig, *, resume: bool, chief: bool) -> bool:
    """Makes sure that the folder of a run is free, or, to go on, that it holds a run of this configuration.

    Args:
        output_dir: made if need be.
        config: the run.
        resume: go on with the run in the folder, or start one if there is none.
        chief: whether this process writes.

    Returns:
        Whether there is a run to go on with.

    Raises:
        ValueError: the folder holds another run, or a model.
    """
    goes_on = resume and (output_dir / "run.json").exists()
    if goes_on:
        _check_same(output_dir, config)
    else:
        require_free(output_dir, tuple(path.name for path in list_checkpoints(output_dir / "checkpoints")),
                     " (--resume goes on with a run)")
        if resume:
            logging.warning("There is no run in %s to go on with; one is started.", output_dir)
    if chief:
        output_dir.mkdir(parents=True, exist_ok=True)
        remove_unfinished(output_dir)
        remove_unfinished(output_dir / "checkpoints")
        remove_unfinished(output_dir.parent, output_dir.name)
    return goes_on


def claim_folder(output_dir: Path, config: PretrainingConfig) -> None:
    """Writes `run.json`: from here on the folder belongs to this run."""
    write_json(dataclasses.asdict(config), output_dir / "run.json")


def _check_same(output_dir: Path, config: PretrainingConfig) -> None:
    # A field that did not exist then had the value that is its default now.
    earlier = dataclasses.asdict(PretrainingConfig()) | read_json(output_dir / "run.json")
    differing = {name: f"{earlier[name]!r} then, {value!r} now" for name, value in dataclasses.asdict(config).items()
                 if name not in FREE_TO_CHANGE and earlier[name] != value}
    require(not differing, f"--resume with the configuration of the run in {output_dir}", **differing)

import json
import math

import numpy as np
import pytest

from bert_tf.training.divergence import DivergedError
from bert_tf.training.epochs import EpochsConfig, fit_epochs
from tests.training.problems import endless_batches, tiny_model

CONFIG = EpochsConfig(epochs=2, steps_per_epoch=4, evaluation_steps=3, main_metric="score")


def run(scores, directory, **changes):
    """Fits with an evaluation that gives `scores` one after the other; also returns after which ones it kept."""
    model, given, kept = tiny_model(), iter(scores), []

    def evaluate():
        kept.append(False)
        return {"score": next(given)}

    def keep():
        kept[-1] = True

    lines = fit_epochs(model, endless_batches(), directory, CONFIG, evaluate=evaluate, keep=keep, **changes)
    return model, lines, kept


def test_evaluates_and_keeps_the_best(tmp_path):
    model, lines, kept = run([0.5, 0.7, 0.7], tmp_path)
    assert int(model.optimizer.iterations) == CONFIG.steps == 8
    assert [line["step"] for line in lines if "validation" in line] == [3, 6, 8]
    assert kept == [True, True, False]
    assert [line["best"] for line in lines if "validation" in line] == kept
    assert lines == [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [step / 4 for step in range(1, 9)]
    assert lines[0]["tokens"] == 8 * 12 and np.isfinite([line["loss"] for line in lines]).all()
    assert all(line["steps_per_second"] > 0 for line in lines)


def test_any_number_beats_none(tmp_path):
    assert run([math.nan, -2.0, math.nan], tmp_path)[2] == [True, True, False]


def ruined(model):
    model.encoder.token_embedding.embeddings.assign(np.full((40, 16), np.nan))
    return model


def test_stops_when_the_loss_is_no_number(tmp_path):
    with pytest.raises(DivergedError, match="Expected a finite loss. Received: loss=nan at step 1, learning_rate=0.01. "
                                            "A smaller learning rate may help"):
        fit_epochs(ruined(tiny_model()), endless_batches(), tmp_path, CONFIG, evaluate=dict, keep=list)


def test_stops_when_float16_leaves_every_update_out(tmp_path):
    config = EpochsConfig(epochs=1, steps_per_epoch=60, evaluation_steps=60, main_metric="score")
    with pytest.raises(DivergedError, match="Expected a finite loss in 50 updates. Received: loss=0 at step 51"):
        fit_epochs(ruined(tiny_model(dtype="mixed_float16", num_layers=1)), endless_batches(), tmp_path, config,
                   evaluate=dict, keep=list)

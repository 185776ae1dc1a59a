"""Runs `fit` over some epochs, evaluates as it goes and lets the caller keep the best; knows no task."""

import dataclasses
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf
import tqdm

from bert_tf.training.divergence import DivergenceWatch
from bert_tf.training.run_log import RunLog

_LINES_PER_EPOCH = 20
"""Lines of the log between the evaluations of one epoch."""


@dataclasses.dataclass(frozen=True)
class EpochsConfig:
    """How a run proceeds.

    Attributes:
        epochs: passes over the data.
        steps_per_epoch: updates of one pass.
        evaluation_steps: updates between two evaluations; the last update is always evaluated.
        main_metric: the metric that says which evaluation is the best; larger is better.
    """

    epochs: int
    steps_per_epoch: int
    evaluation_steps: int
    main_metric: str

    @property
    def steps(self) -> int:
        """Updates of the whole run."""
        return self.epochs * self.steps_per_epoch


def fit_epochs(model: keras.Model, batches: tf.data.Dataset, directory: Path, config: EpochsConfig, *,
               evaluate: Callable[[], dict[str, float]], keep: Callable[[], None]) -> list[dict]:
    """Trains a compiled model.

    Args:
        model: compiled under its strategy.
        batches: those of all epochs, `config.steps` of them.
        directory: gets `log.jsonl`.
        config: the run.
        evaluate: gives the metrics of the model as it is now, `config.main_metric` among them.
        keep: called after an evaluation that was better than all before it; of two as good the first is kept, and a
            metric that is not a number is worse than any other.

    Returns:
        The lines of the log: `step`, `epoch` (a fraction), `seconds`, `learning_rate`, the means of the model's
        metrics, `steps_per_second` without the evaluations, and where the model was evaluated `validation` and
        whether it is `best` so far.

    Raises:
        DivergedError: the loss is not a number any more, or no update has counted for long.
    """
    model.count_tokens()
    run = _Run(model, directory / "log.jsonl", config, evaluate, keep)
    with run.bar:
        model.fit(batches, steps_per_epoch=config.steps, shuffle=False, verbose=0, callbacks=[run])
    return run.lines


class _Run(keras.callbacks.Callback):
    """What happens between two updates; `bar` is the progress bar."""

    def __init__(self, model: keras.Model, log: Path, config: EpochsConfig, evaluate: Callable[[], dict[str, float]],
                 keep: Callable[[], None]):
        super().__init__()
        self._trained, self._config, self._evaluate, self._keep = model, config, evaluate, keep
        self._log = RunLog(log, done=0)
        self._log_steps = max(1, config.steps_per_epoch // _LINES_PER_EPOCH)
        # In float16 Keras scales the loss, and updates that are not finite are left out.
        self._watch = DivergenceWatch(leaves_out=isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer))
        self._best = -math.inf
        self._any_kept = False
        self.bar = tqdm.tqdm(total=config.steps, unit="step", dynamic_ncols=True,
                             mininterval=0.5 if sys.stderr.isatty() else 15.0, smoothing=0.05)

    @property
    def lines(self) -> list[dict]:
        """Those of the log."""
        return self._log.lines

    def on_train_begin(self, logs=None):
        self._start = self._interval_start = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        step = batch + 1
        self.bar.update(step - self.bar.n)
        self._watch.add(step, logs["loss"])
        evaluate = step == self._config.steps or step % self._config.evaluation_steps == 0
        if evaluate or step % self._log_steps == 0:
            self._write_line(step, evaluate)

    def _write_line(self, step: int, evaluate: bool) -> None:
        learning_rate = float(self._trained.optimizer.learning_rate)
        self._watch.check(learning_rate, "A smaller learning rate may help.")
        means = {name: float(value) for name, value in self._trained.get_metrics_result().items()}
        self._trained.reset_metrics()
        now = time.perf_counter()
        tokens, positions = means.pop("tokens"), means.pop("positions")
        done = self.lines[-1]["step"] if self.lines else 0
        line = {
            "step": step,
            "epoch": step / self._config.steps_per_epoch,
            "seconds": now - self._start,
            "learning_rate": learning_rate,
            **means,
            "tokens": int(tokens),
            "positions": int(positions),
            "steps_per_second": (step - done) / (now - self._interval_start),
        }
        if evaluate:
            line |= self._evaluated()
        self._log.append(line)
        self._show(line)
        self._interval_start = time.perf_counter()

    def _evaluated(self) -> dict:
        metrics = self._evaluate()
        value = metrics[self._config.main_metric]
        best = value > self._best or not self._any_kept
        if best:
            self._keep()
            self._any_kept = True
            self._best = value if math.isfinite(value) else -math.inf
        return {"validation": metrics, "best": best, "seconds": time.perf_counter() - self._start}

    def _show(self, line: dict) -> None:
        shown = {"loss": f"{line['loss']:.3f}"}
        if self._any_kept:
            shown[f"best {self._config.main_metric}"] = f"{self._best:.4f}"
        self.bar.set_postfix(shown, refresh=False)

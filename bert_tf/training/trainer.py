"""Runs `fit` for a number of steps with a progress bar, a log, evaluations and checkpoints; knows no task."""

import dataclasses
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf
import tqdm

from bert_tf.training.checkpoints import list_checkpoints, restore_checkpoint, save_checkpoint


@dataclasses.dataclass(frozen=True)
class TrainerConfig:
    """How a run proceeds; all intervals in steps.

    Attributes:
        steps: updates of the whole run.
        log_steps: a line of the log holds the means of this many updates.
        evaluation_steps: updates between two evaluations; the last step is always evaluated.
        checkpoint_steps: updates between two checkpoints.
        resume: go on from the newest checkpoint in the run's folder.
    """

    steps: int
    log_steps: int
    evaluation_steps: int
    checkpoint_steps: int
    resume: bool = False


def train(model: keras.Model, batches: Callable[[int], tf.data.Dataset], held_out: tf.data.Dataset, directory: Path,
          config: TrainerConfig) -> list[dict]:
    """Trains a compiled model.

    Args:
        model: compiled under its strategy.
        batches: given the number of updates already done, the endless batches from there on.
        held_out: what the model is evaluated on.
        directory: gets `log.jsonl` and the folder `checkpoints`.
        config: the run.

    Returns:
        The lines of the log, those of earlier parts of a resumed run included: `step`, `seconds`, `learning_rate`,
        the means of the model's metrics, `tokens` that are not padding, all `positions`, `tokens_per_second`, and where
        the model was evaluated its metrics again as `held_out`.
    """
    done = 0
    if config.resume:
        found = list_checkpoints(directory / "checkpoints")
        if not found:
            raise ValueError(f"Expected a checkpoint to resume from in {directory / 'checkpoints'}. Received: none.")
        done = restore_checkpoint(found[-1], model)
    model.count_tokens()
    log = _Log(directory / "log.jsonl", done)
    run = _Run(model, held_out, directory, config, log, done)
    if done < config.steps:
        model.fit(batches(done), steps_per_epoch=config.steps - done, shuffle=False, verbose=0,
                  callbacks=[run])
    return log.lines


class _Log:
    """`log.jsonl`: a JSON object per line, appended as the run goes on."""

    def __init__(self, path: Path, done: int):
        self.path = path
        lines = path.read_text(encoding="utf-8").splitlines() if done and path.exists() else []
        self.lines = [line for line in map(json.loads, lines) if line["step"] <= done]
        path.write_text("".join(json.dumps(line) + "\n" for line in self.lines), encoding="utf-8")

    def append(self, line: dict) -> None:
        self.lines.append(line)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


class _Run(keras.callbacks.Callback):
    """What happens between two updates."""

    def __init__(self, model: keras.Model, held_out: tf.data.Dataset, directory: Path, config: TrainerConfig,
                 log: _Log, done: int):
        super().__init__()
        self._held_out, self._directory, self._config, self._log, self._done = held_out, directory, config, log, done
        self._earlier_seconds = log.lines[-1]["seconds"] if log.lines else 0.0
        self._trained = model

    def on_train_begin(self, logs=None):
        self._bar = tqdm.tqdm(total=self._config.steps, initial=self._done, unit="step", dynamic_ncols=True,
                              mininterval=0.5 if sys.stderr.isatty() else 15.0, smoothing=0.05)
        self._start = self._interval_start = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        step = self._done + batch + 1
        self._bar.update(step - self._bar.n)
        last = step == self._config.steps
        evaluate = last or step % self._config.evaluation_steps == 0
        if evaluate or step % self._config.log_steps == 0:
            self._write_line(step, evaluate)
        if last or step % self._config.checkpoint_steps == 0:
            save_checkpoint(self._directory / "checkpoints", self._trained)

    def on_train_end(self, logs=None):
        self._bar.close()

    def _write_line(self, step: int, evaluate: bool) -> None:
        means = {name: float(value) for name, value in self._trained.get_metrics_result().items()}
        now = time.perf_counter()
        tokens, positions = means.pop("tokens"), means.pop("positions")
        line = {
            "step": step,
            "seconds": self._earlier_seconds + now - self._start,
            "learning_rate": float(self._trained.optimizer.learning_rate),
            **means,
            "tokens": int(tokens),
            "positions": int(positions),
            "tokens_per_second": tokens / (now - self._interval_start),
        }
        self._show(line)
        self._trained.reset_metrics()
        if evaluate:
            line["held_out"] = self._evaluate()
            line["seconds"] = self._earlier_seconds + time.perf_counter() - self._start
        self._log.append(line)
        self._interval_start = time.perf_counter()

    def _evaluate(self) -> dict:
        results = self._trained.evaluate(self._held_out, verbose=0, return_dict=True)
        self._trained.reset_metrics()
        # Tokens are counted in training only.
        return {name: float(value) for name, value in results.items() if name not in ("tokens", "positions")}

    def _show(self, line: dict) -> None:
        shown = {"loss": f"{line['loss']:.3f}"}
        for name, value in line.items():
            if name.endswith("_accuracy"):
                shown[name.removesuffix("_accuracy")] = f"{value:.1%}"
        shown["tokens/s"] = f"{line['tokens_per_second']:,.0f}"
        self._bar.set_postfix(shown, refresh=False)

"""What happens between two updates of a run: log lines, evaluations, checkpoints, a stop in good order."""

import sys
import time

import keras
import tensorflow as tf
import tqdm
from absl import logging

from bert_tf.training.agreement import agreed
from bert_tf.training.averaging import weights_for_use
from bert_tf.training.checkpoints import Checkpoints
from bert_tf.training.clock import RunClock
from bert_tf.training.divergence import DivergenceWatch
from bert_tf.training.multi_worker import share_of_worker
from bert_tf.training.run_log import RunLog, best_step
from bert_tf.training.stop_signals import Preempted, StopSignals
from bert_tf.training.strategy import is_multi_worker

_COUNTS = ("tokens", "positions", "skipped_batches")
"""What is counted in training only."""
_AGREEMENT_STEPS = 10
"""Updates after which several workers tell each other about signals and the time."""


class Progress(keras.callbacks.Callback):
    """The trainer's callback; `bar` is its progress bar.

    Args:
        model: the model in training.
        held_out: what it is evaluated on.
        config: a `TrainerConfig`.
        done: updates that were done before.
        log: gets the lines.
        checkpoints: where the state is saved.
        clock: where the time goes.
        signals: whether to stop.
        watch: whether the loss still makes sense.
        chief: whether this process shows progress.
    """

    def __init__(self, model: keras.Model, held_out: tf.data.Dataset, config, done: int, *, log: RunLog,
                 checkpoints: Checkpoints, clock: RunClock, signals: StopSignals, watch: DivergenceWatch, chief: bool):
        super().__init__()
        self._trained, self._config, self._done = model, config, done
        self._held_out = share_of_worker(model.distribute_strategy, held_out)
        self._log, self._checkpoints, self._clock, self._signals, self._watch = log, checkpoints, clock, signals, watch
        self._chief = chief
        self._saved_at = time.monotonic()
        # `fit` sets metrics to zero when it begins; those of a log line that is not full go on.
        self._metrics = [variable.numpy() for variable in model.metrics_variables] if done else []
        self.bar = tqdm.tqdm(total=config.steps, initial=done, unit="step", dynamic_ncols=True, disable=not chief,
                             mininterval=0.5 if sys.stderr.isatty() else 15.0, smoothing=0.05)

    def on_epoch_begin(self, epoch, logs=None):
        """Puts the metrics back."""
        for variable, value in zip(self._trained.metrics_variables, self._metrics, strict=bool(self._metrics)):
            variable.assign(value)
        self._clock.start()

    def on_train_batch_end(self, batch, logs=None):
        """Does what is due after update number `batch`, counted from 0; `logs` are tensors."""
        step = self._done + batch + 1
        self.bar.update(step - self.bar.n)
        self._watch.add(step, logs["loss"])
        last = step == self._config.steps
        evaluate = last or step % self._config.evaluation_steps == 0
        save = last or step % self._config.checkpoint_steps == 0
        if evaluate or step % self._config.log_steps == 0:
            self._write_line(step, evaluate)
            save = save or (evaluate and best_step(self._log.lines) == step)
        stop, late = self._wishes(step)
        if save or late or stop:
            self._save(step)
        if stop and not last:
            logging.warning("Stopped by a signal after step %d; --resume goes on from %s.", step,
                            self._checkpoints.newest())
            raise Preempted

    def _wishes(self, step: int) -> tuple[bool, bool]:
        """Whether to stop, and whether the latest checkpoint is too old."""
        limit = self._config.checkpoint_minutes
        late = self._chief and limit is not None and time.monotonic() - self._saved_at > 60 * limit
        strategy = self._trained.distribute_strategy
        if is_multi_worker(strategy) and step % _AGREEMENT_STEPS:
            return False, False
        return agreed(strategy, self._signals.received is not None, late)

    def _write_line(self, step: int, evaluate: bool) -> None:
        self._clock.lap(updates=True)
        learning_rate = self._check_loss()
        means = {name: float(value) for name, value in self._trained.get_metrics_result().items()}
        counts = {name: round(means.pop(name)) for name in _COUNTS if name in means}
        update_seconds, data_wait_share = self._clock.take_interval()
        line = {
            "step": step,
            "seconds": self._clock.seconds,
            "learning_rate": learning_rate,
            **means,
            **counts,
            "update_seconds": update_seconds,
            "tokens_per_second": counts["tokens"] / update_seconds,
            "data_wait_share": data_wait_share,
        }
        self._show(line)
        self._trained.reset_metrics()
        if evaluate:
            line["held_out"] = self._evaluate()
            self._clock.lap(updates=False)
            line["seconds"] = self._clock.seconds
        self._log.append(line)

    def _evaluate(self) -> dict:
        with weights_for_use(self._trained):
            results = self._trained.evaluate(self._held_out, verbose=0, return_dict=True)
        self._trained.reset_metrics()
        return {name: float(value) for name, value in results.items() if name not in _COUNTS}

    def _save(self, step: int) -> None:
        self._clock.lap(updates=True)
        self._check_loss()
        self._checkpoints.save(step, self._clock.notes(), best=best_step(self._log.lines))
        self._clock.lap(updates=False)
        self._saved_at = time.monotonic()

    def _check_loss(self) -> float:
        """Returns the learning rate if the losses make sense."""
        learning_rate = float(self._trained.optimizer.learning_rate)
        newest = self._checkpoints.newest() or "not there yet"
        self._watch.check(learning_rate, f"The last good checkpoint is {newest}; --resume goes on from it, and with "
                          "--on_nan=skip leaves out updates that are not finite.")
        return learning_rate

    def _show(self, line: dict) -> None:
        shown = {"loss": f"{line['loss']:.3f}"}
        for name, value in line.items():
            if name.endswith("_accuracy"):
                shown[name.removesuffix("_accuracy")] = f"{value:.1%}"
        shown["tokens/s"] = f"{line['tokens_per_second']:,.0f}"
        self.bar.set_postfix(shown, refresh=False)

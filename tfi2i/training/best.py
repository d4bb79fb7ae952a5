"""The best epoch of a run, by validation: kept, and waited for."""

import json
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfi2i import metrics
from tfi2i.files import whole
from tfi2i.recipes import stored
from tfi2i.recipes.validation import SCORES, is_more_better

log = logging.getLogger(__name__)

MOST_DECIBELS = 100.0
"""The PSNR of an image that is equal to its truth, which has none. 8-bit images of 256
pixels a side that differ in one level of one channel of one pixel have 101."""


class Measured:
    """A measure of validation, epoch by epoch.

    It is read from `metrics.jsonl`, so a run that goes on knows all that it knew.

    Args:
        name: as in `metrics.jsonl`.
        epochs: the numbers of each epoch so far.
        done: how many epochs were trained, recorded or not.
    """

    def __init__(self, name: str, epochs: Sequence[Mapping[str, Any]], done: int):
        self.name = name
        recorded = {numbers["epoch"]: numbers.get(name) for numbers in epochs}
        values = [recorded.get(epoch) for epoch in range(1, done + 1)]
        self._values = [v if isinstance(v, int | float) else None for v in values]

    def add(self, value: float) -> bool:
        """Takes the next epoch's value; returns whether it is the best so far."""
        self._values.append(float(value))
        return self.best_epoch == len(self._values)

    @property
    def best_epoch(self) -> int:
        """The first epoch of the best value, counted from 1; 0 where there is none."""
        sign = -1 if is_more_better(self.name) else 1
        order = [math.inf if v is None else sign * v for v in self._values]
        best = min(order, default=math.inf)
        return 0 if best == math.inf else order.index(best) + 1

    @property
    def best(self) -> float | None:
        """The best value, None where there is none."""
        epoch = self.best_epoch
        return self._values[epoch - 1] if epoch else None

    def waited(self, since: int = 0) -> int:
        """How many epochs, of those after `since`, are known to be no better."""
        later = self._values[max(self.best_epoch, since) :]
        return sum(value is not None for value in later)


class ValidationScores(keras.callbacks.Callback):
    """Adds `val_l1`, `val_psnr` and `val_ssim` to an epoch's numbers.

    They are means over images (`tfi2i.metrics`) of what the generator paints with the
    running means of its weights, where these are kept. PSNR counts up to
    `MOST_DECIBELS`. Must come before whatever uses them.

    Args:
        batches: dataset of true pairs by domain, in [-1, 1].
    """

    def __init__(self, batches: tf.data.Dataset):
        super().__init__()
        self.batches = batches

    def on_epoch_end(self, epoch, logs=None):
        scores = {name: [] for name in SCORES}
        way = next(way for way in self.model.ways if way.has_truth)
        with self.model.averaged():
            for batch in self.batches:
                truth, fake = batch[way.target], self.model.paint(batch)[way.output]
                psnr = tf.minimum(metrics.psnr(truth, fake), MOST_DECIBELS)
                scores["val_l1"].append(metrics.l1(truth, fake))
                scores["val_psnr"].append(psnr)
                scores["val_ssim"].append(metrics.ssim(truth, fake))
        for name, values in scores.items():
            logs[name] = float(tf.reduce_mean(tf.concat(values, axis=0)))


class KeepBest(keras.callbacks.Callback):
    """Keeps the trainer as it was after its best epoch.

    `best.keras` has no optimizers' state, and its generators have the running means of
    their weights where the run keeps them. `best.json` says which epoch it is of; it
    is written after `best.keras`, and a run that was killed between the two writes
    both again when it goes on.

    Args:
        run: the run's folder.
        measured: up to where training goes on, nothing where `best.keras` is gone.
        clock: of the run.
    """

    def __init__(self, run: Path, measured: Measured, clock):
        super().__init__()
        self.run = run
        self.measured = measured
        self.clock = clock

    def on_epoch_end(self, epoch, logs=None):
        if self.measured.add(logs[self.measured.name]):
            self._keep(epoch + 1, logs[self.measured.name])

    def _keep(self, epoch, value):
        with self.model.averaged(), self.model.without_optimizers():
            with whole(self.run / stored.BEST) as path:
                self.model.save(path)
        facts = {
            "metric": self.measured.name,
            "value": float(value),
            "epoch": epoch,
            "step": self.clock.step,
        }
        with whole(self.run / stored.BEST_FACTS) as path:
            path.write_text(json.dumps(facts) + "\n", encoding="utf-8")

    def log_best(self) -> None:
        """Logs which epoch is the best."""
        if self.measured.best_epoch:
            log.info(
                "epoch %d has the best %s, %.4g; its weights are in %s",
                self.measured.best_epoch,
                self.measured.name,
                self.measured.best,
                self.run / stored.BEST,
            )


class EarlyStop(keras.callbacks.Callback):
    """Ends training when validation has got no better for some epochs.

    Args:
        measured: up to where training goes on.
        patience: how many.
        since: epochs that do not count, from when training went on after its end.
    """

    def __init__(self, measured: Measured, patience: int, since: int):
        super().__init__()
        self.measured = measured
        self.patience = patience
        self.since = since

    @property
    def reason(self) -> str | None:
        """Why training is to end, None while it is not."""
        waited = self.measured.waited(self.since)
        if waited < self.patience:
            return None
        measured = self.measured
        return (
            f"{measured.name} got no better for {waited} epochs (the best is "
            f"{measured.best:.4g} of epoch {measured.best_epoch})"
        )

    def on_epoch_end(self, epoch, logs=None):
        self.measured.add(logs[self.measured.name])
        if self.reason is not None:
            self.model.stop_training = True

"""Watches a training run for the known ways in which it fails."""

import logging
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

log = logging.getLogger(__name__)

PATIENCE = 5
"""Checks in a row that must agree before a warning begins or ends: generators pass
through inverted colours, and discriminators through short lives of being always
right, and come back."""

INVERTED = -0.5
"""Luminance correlation of input and output below which colours are inverted, halfway
from no relation to a negative. Healthy runs stayed above -0.4, at facades' start."""

ALWAYS_RIGHT = 0.99
"""Share of patches from which a discriminator is right all the time. Healthy runs
stayed below 0.95; against a generator that learns nothing, it takes 100 steps."""

COLLAPSED = 0.1
"""Diversity of outputs, as a part of what is due, below which they are one picture.
Healthy runs stayed above 0.2 of their inputs' after the warm-up."""

WARM_UP = 500
"""Steps for which alike outputs are no warning: an untrained generator paints all
images alike, on facades for the first 100 steps."""

GREY_LEVEL = 2 / 255
"""Difference of neighbouring 8-bit values in [-1, 1]."""


class Diverged(ValueError):
    """A number that training depends on is not finite; the message says which."""


class StopOnNonFinite(keras.callbacks.Callback):
    """Ends training at the first loss that is NaN or infinite.

    From then on every weight is lost, so it must come before the callback that writes
    backups.

    Args:
        clock: of the run; must come first.
        backup: where the run's backups are written, or None.

    Raises:
        Diverged: out of `fit`.
    """

    def __init__(self, clock, backup: Path | None):
        super().__init__()
        self.clock = clock
        self.backup = backup

    def on_train_batch_end(self, batch, logs=None):
        self._check(logs)

    def on_epoch_end(self, epoch, logs=None):
        # Validation losses are new here.
        self._check(logs)

    def _check(self, logs):
        bad = {n: v for n, v in (logs or {}).items() if not np.isfinite(v).all()}
        if bad:
            losses = ", ".join(f"{name} is {value}" for name, value in bad.items())
            step = self.clock.step - self.clock.epoch * self.clock.steps_per_epoch
            raise _diverged(losses, self.clock.epoch, step, self.backup)


def check_finite(
    arrays: Mapping[str, np.ndarray], epoch: int, step: int, backup: Path | None
) -> None:
    """Refuses a state that is lost, though no loss has shown it yet.

    A step's losses are computed before its update, so weights can be lost one step
    before a loss is. Call it before a backup is written.

    Args:
        arrays: values of variables by name.
        epoch: of the run, counted from 0.
        step: steps done in it.
        backup: where the run's backups are written, or None.

    Raises:
        Diverged: one is NaN or infinite somewhere; names the first.
    """
    for name, array in arrays.items():
        finite = np.isfinite(array)
        if not finite.all():
            value = np.extract(~finite, array)[0]
            raise _diverged(f"{name} holds {value}", epoch, step, backup)


def _diverged(what, epoch, step, backup):
    kept = "there is no backup yet"
    if backup is not None and backup.is_file():
        kept = f"the last finite backup is kept in '{backup}'"
    return Diverged(
        f"Training stopped in epoch {epoch + 1} after step {step}, because {what}; "
        f"{kept}. Start a new run with a lower --optimizer.learning-rate or with "
        "--optimizer.clip-norm 1, or set one of them in config.json and resume."
    )


def luminance_correlation(inputs, outputs):
    """How far outputs are bright where inputs are bright.

    Pearson's correlation of luminance over the pixels of each image,
    `sum(x y) / sqrt(sum(x^2) sum(y^2))` with x and y centred, averaged over the
    images. An image that varies by less than half an 8-bit level counts as 0.

    Args:
        inputs: float tensor `(batch, height, width, channels)` in [-1, 1].
        outputs: of the same batch, height and width.

    Returns:
        float32 scalar tensor: 1 for equal images, -1 for inverted ones.
    """
    x, y = _centred_luminance(inputs), _centred_luminance(outputs)
    covariance = tf.reduce_mean(x * y, axis=1)
    deviations = [tf.sqrt(tf.reduce_mean(tf.square(z), axis=1)) for z in (x, y)]
    varies = tf.minimum(*deviations) >= GREY_LEVEL / 2
    correlation = tf.math.divide_no_nan(covariance, deviations[0] * deviations[1])
    return tf.reduce_mean(tf.where(varies, correlation, 0.0))


def _centred_luminance(images):
    """Pixels of each image as a row, less their mean."""
    images = tf.cast(images, tf.float32)
    if images.shape[-1] == 3:
        # ITU-R BT.601's weights.
        images = tf.image.rgb_to_grayscale(images)
    rows = tf.reduce_mean(images, axis=-1)
    rows = tf.reshape(rows, [tf.shape(rows)[0], -1])
    return rows - tf.reduce_mean(rows, axis=1, keepdims=True)


def diversity(images):
    """How much images differ among themselves.

    Mean over all pairs of images of their mean absolute difference.

    Args:
        images: float tensor `(batch, height, width, channels)` in [-1, 1].

    Returns:
        float32 scalar tensor in [0, 2]; 0 for equal images.

    Raises:
        ValueError: fewer than two images.
    """
    images = tf.cast(images, tf.float32)
    count = images.shape[0]
    if count < 2:
        raise ValueError(f"Diversity needs two images or more. Received {count}.")
    # Shifts pair each image with each other one, twice.
    shifted = [tf.roll(images, shift, axis=0) for shift in range(1, count)]
    return tf.add_n([tf.reduce_mean(tf.abs(images - s)) for s in shifted]) / (count - 1)


class Health(keras.callbacks.Callback):
    """Writes how healthy a run is to TensorBoard, and warns in the log.

    Paints some images now and then, and warns once, with a remedy, when for some time

    - outputs are bright where their inputs are dark, and the truth is not;
    - a discriminator has been right about every patch;
    - outputs differ far less among themselves than inputs and examples do.

    TensorBoard gets `health/correlation_a2b` (`luminance_correlation`),
    `health/diversity_a2b` (`diversity` of outputs over that of inputs; left out for a
    single image), the same for `b2a` where the model has it, and the share of patches
    that a discriminator gets right as `health/right_discriminator...`.

    Training is left as it is: painting changes no state.

    Args:
        batch: images by domain, float tensors in [-1, 1]. It takes as long as one
            step of about as many images.
        remedies: what helps, if anything is known, against `"inverted"` colours,
            `"collapsed"` outputs and a discriminator that is `"always_right"`.
        clock: of the run; must come first.
        writer: of TensorBoard.
        every: steps of the run between checks.
    """

    def __init__(
        self, batch, remedies: Mapping[str, str], clock, writer, every: int = 100
    ):
        super().__init__()
        self.batch = batch
        self.remedies = remedies
        self.clock = clock
        self.writer = writer
        self.every = every
        self._alarms = {}

    def on_train_batch_end(self, batch, logs=None):
        if self.clock.step % self.every == 0:
            self.check()

    def check(self) -> None:
        """Looks at the model as it is now."""
        with self.model.averaged():
            images = self.model.paint(self.batch)
        for way in self.model.ways:
            shown = self.batch[way.input], images[way.output], self.batch[way.target]
            self._check_colours(way, *shown)
            if len(images[way.output]) > 1:
                self._check_diversity(way, *shown)
        for name, share in self.model.decisions(images).items():
            self._check_discriminator(name, float(share))

    def _check_colours(self, way, inputs, outputs, examples):
        correlation = float(luminance_correlation(inputs, outputs))
        self._write(f"correlation_{way.label}", correlation)
        due = 0.0
        if way.has_truth:
            # A truth that is itself inverted leaves nothing to warn about.
            due = min(0.0, float(luminance_correlation(inputs, examples)))
        self._alarm(
            f"colours {way.label}",
            correlation - due < INVERTED,
            f"{way.label} inverts colours (luminance of input and output correlates "
            f"by {correlation:.2f})",
            "inverted",
        )

    def _check_diversity(self, way, inputs, outputs, examples):
        of_inputs, of_outputs, of_examples = (
            float(diversity(images)) for images in (inputs, outputs, examples)
        )
        if of_inputs == 0:
            return
        ratio = of_outputs / of_inputs
        self._write(f"diversity_{way.label}", ratio)
        # Where examples differ less than inputs do, so should outputs.
        collapsed = of_outputs < COLLAPSED * min(of_inputs, of_examples)
        self._alarm(
            f"diversity {way.label}",
            collapsed and self.clock.step > WARM_UP,
            f"{way.label} paints nearly the same for every image (outputs differ "
            f"{ratio:.2f} times as much as inputs)",
            "collapsed",
        )

    def _check_discriminator(self, name, share):
        self._write(f"right_{name}", share)
        self._alarm(
            name,
            share >= ALWAYS_RIGHT,
            f"the {name.replace('_', ' ')} is right about {share:.1%} of patches, "
            "which leaves the generator little to learn from",
            "always_right",
        )

    def _write(self, name, value):
        with self.writer.as_default():
            tf.summary.scalar(f"health/{name}", value, step=self.clock.step)

    def _alarm(self, name, is_bad, message, kind):
        alarm = self._alarms.setdefault(name, _Alarm())
        if alarm.begins(is_bad):
            remedy = self.remedies.get(kind)
            message += f": {remedy}" if remedy else ""
            log.warning("step %d: %s", self.clock.step, message)


class _Alarm:
    """Is on from `PATIENCE` bad checks in a row until as many good ones."""

    def __init__(self):
        self.is_on = False
        self._against = 0

    def begins(self, is_bad: bool) -> bool:
        """Whether this check turns it on."""
        self._against = self._against + 1 if is_bad != self.is_on else 0
        if self._against < PATIENCE:
            return False
        self.is_on, self._against = is_bad, 0
        return is_bad

"""The images and the model of a run, before it writes anything."""

import logging
from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf

from tfi2i.data import PairedData, UnpairedData
from tfi2i.models.schedules import ConstantThenLinear
from tfi2i.recipes import build, splits
from tfi2i.recipes.bounds import flag
from tfi2i.recipes.config import TrainConfig
from tfi2i.training import known_images
from tfi2i.training.devices import check_precision, choose_strategy

log = logging.getLogger(__name__)

WATCHED_IMAGES = 4
"""Images of each domain on which a run's health is watched."""


@dataclass(frozen=True)
class Job:
    """Images and model of a run.

    Attributes:
        config: resolved, with the pixels that were found.
        training: the training images.
        validation: batches of validation images, None where there are none.
        samples: images to paint after each epoch, None for none.
        watched: images on which the run's health is watched.
        files: of training and validation, as `known_images.files` names them.
        model: the trainer.
    """

    config: TrainConfig
    training: PairedData | UnpairedData
    validation: tf.data.Dataset | None
    samples: dict[str, tf.Tensor] | None
    watched: dict[str, tf.Tensor]
    files: dict[str, Path]
    model: keras.Model

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return self.training.steps_per_epoch(self.config.data.batch_size)


def prepare(config: TrainConfig) -> Job:
    """Reads the images and makes the model.

    Args:
        config: resolved.

    Raises:
        ValueError, OSError: a value cannot train, or the images cannot.
    """
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    check_precision(config.precision)
    strategy = choose_strategy(config.devices, config.data.batch_size)
    _check_can_be_measured(config)
    training = build.load_data(config, "train")
    log.info("%s: %s", training.counted, training.files.reason)
    config = build.with_pixels(config, training)
    steps = training.steps_per_epoch(config.data.batch_size)
    _log_left_out(training, steps * config.data.batch_size)
    other = splits.held_out(config.data)
    shown = training if other is None else build.load_data(config, other)
    validation, files = None, known_images.files("train", training)
    if other == "val":
        validation = _validation(config, shown, strategy.num_replicas_in_sync)
        files |= known_images.files("val", shown, config.validation_images)
    samples = None
    if config.sample_images > 0:
        samples = _samples(shown, config.sample_images, config.data)
    watched = _samples(shown, WATCHED_IMAGES, config.data)
    with strategy.scope():
        model = build.build_model(config)
        schedule = ConstantThenLinear(
            config.optimizer.learning_rate,
            config.epochs - config.decay_epochs,
            config.decay_epochs,
            steps,
        )
        build.compile_model(model, config, schedule)
    return Job(config, training, validation, samples, watched, files, model)


def _check_can_be_measured(config):
    """Refuses a measure of validation before images are read in vain."""
    is_asked = config.keep_best is not None or config.early_stop is not None
    if is_asked and "val" not in splits.available(config.data):
        _refuse_measures(config, f"'{config.data.dir}' has no validation images")


def _refuse_measures(config, why):
    for path in ("keep_best", "early_stop"):
        measure = getattr(config, path)
        if measure is not None:
            raise ValueError(
                f"{flag(path)} is '{measure}', but {why}: add some in a folder val "
                f"(tfi2i data split makes one), or leave {flag(path)} out."
            )


def _log_left_out(data, count):
    """Logs how many images an epoch leaves out, where the last batch is not full."""
    if len(data) > count:
        log.info(
            "each epoch leaves out %d of %d images, other ones each time: they do not "
            "fill a batch",
            len(data) - count,
            len(data),
        )


def _samples(data, count, config):
    """The first examples, at the size that the networks take."""
    keeps_scale = config.is_cropped and config.preprocess != "resize_and_crop"
    return data.samples(count, config.crop_shape, resized=not keeps_scale)


def _validation(config, data, replicas):
    """Validation batches that the replicas share evenly."""
    count = min(config.validation_images, data.count_of_each)
    left_out = count % replicas
    count -= left_out
    if left_out:
        log.info(
            "validation leaves out %d of %d images, which %d devices cannot share",
            left_out,
            count + left_out,
            replicas,
        )
    if count == 0:
        why = f"{left_out} validation images are too few for {replicas} devices"
        _refuse_measures(config, why)
        return None
    crop = config.data.crop_shape if config.data.is_cropped else None
    return data.evaluation(config.data.batch_size, limit=count, crop_size=crop)

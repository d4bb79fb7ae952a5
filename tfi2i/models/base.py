"""What every adversarial trainer shares: losses, and how a step updates."""

import random

import keras
import tensorflow as tf

from tfi2i.losses import ADVERSARIAL_LOSSES, gradient_penalty
from tfi2i.models.trainer import Trainer, trainable


class AdversarialModel(Trainer):
    """A trainer of generators against discriminators.

    A subclass sets its networks as the attributes that `network_names` lists, which
    are also arguments of its constructor (None where it has none), names its losses,
    lists its networks in `generators` and `discriminators`, and writes `train_step`,
    `test_step`, `distances`, `paint` and `decisions`. Everything of `keras.Model`
    works: `fit`, `evaluate`, `predict`, `save` with both optimizers' state.

    Args:
        loss_names: names of the losses that `record` receives.
        adversarial_loss: a name in `tfi2i.losses.ADVERSARIAL_LOSSES`.
        gradient_penalty_weight: of the penalty that `"wgan-gp"` adds.
        seed: of what the trainer itself draws at random; None draws one.
        **kwargs: of `keras.Model`.

    A subclass has `check_losses` refuse what cannot train, before this constructor.
    """

    def __init__(
        self, loss_names, adversarial_loss, gradient_penalty_weight, seed, **kwargs
    ):
        super().__init__(loss_names, **kwargs)
        self.adversarial_loss = adversarial_loss
        self.gradient_penalty_weight = gradient_penalty_weight
        self.seed = random.randrange(2**31) if seed is None else seed
        if self.adversarial.is_penalized:
            self.seed_generator = keras.random.SeedGenerator(self.seed)

    @property
    def adversarial(self):
        """The loss that generators and discriminators play for."""
        return ADVERSARIAL_LOSSES[self.adversarial_loss]

    def paint(self, real_a, real_b):
        """Paints at inference.

        Args:
            real_a: float tensor `(batch, height, width, channels)` in [-1, 1].
            real_b: likewise.

        Returns:
            Dictionary of such tensors, the two given among them, in the order in
            which people look at them.
        """
        raise NotImplementedError

    def decisions(self, images):
        """How often each discriminator is right.

        Args:
            images: what `paint` returned.

        Returns:
            Dictionary from a discriminator's name to the share of its scores, on real
            and painted images, that are on the right side of the loss's boundary; {}
            where the loss has none.
        """
        raise NotImplementedError

    def with_update(self, function):
        """`function` of tensors, an update in it, compiled where `compile` was told to.

        Under a MirroredStrategy it is not: XLA cannot compile updates that replicas
        make together. Call this anew in each step that is traced.
        """
        return function if self._is_mirrored() else self._compiled(function)

    def between_updates(self, function):
        """`function` of tensors, compiled where `with_update` compiles nothing.

        Its gradient is compiled with it. Call this anew in each step that is traced:
        every replica has variables of its own, so each needs a function of its own.
        """
        # A loss that a layer adds within could not leave it.
        if self._is_mirrored() and not self.adds_losses:
            return self._compiled(function)
        return function

    def _compiled(self, function):
        if not self.is_compiled_by_xla:
            return function
        return tf.function(function, jit_compile=True, autograph=False)

    @staticmethod
    def _is_mirrored():
        strategy = tf.distribute.get_strategy()
        # One with a single device, too, leaves the replica for its updates.
        return isinstance(strategy, tf.distribute.MirroredStrategy)

    def record(self, losses, batch_size):
        """Adds one batch's losses to the epoch's means.

        Args:
            losses: dictionary of scalars, one for each of `metrics`, unscaled.
            batch_size: examples that the losses are means over.

        Returns:
            `losses`, for `train_step` to return: this step's values. Keras reports
            the means over the epoch.
        """
        for tracker in self.metrics:
            tracker.update_state(losses[tracker.name], sample_weight=batch_size)
        return {tracker.name: losses[tracker.name] for tracker in self.metrics}

    @staticmethod
    def scale(loss, optimizer):
        """Shares a loss over the replicas, then scales it for mixed precision.

        Replicas add their gradients, so each contributes its part of the mean over
        the global batch. Call it once, inside the tape.
        """
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return optimizer.scale_loss(loss / replicas)

    @staticmethod
    def minimize(scaled_loss, tape, optimizer, networks):
        """Updates the networks' trainable weights down the gradient of the loss."""
        variables = trainable(networks)
        optimizer.apply(tape.gradient(scaled_loss, variables), variables)

    def penalty(self, discriminator, real, fake, training):
        """The weighted gradient penalty of a discriminator.

        In training it is taken at random places between real and fake images, else
        halfway.
        """
        share = 0.5 * tf.ones((tf.shape(real)[0], 1, 1, 1))
        if training:
            share = keras.random.uniform(tf.shape(share), seed=self.seed_generator)

        def judge(images):
            return discriminator(images, training=training)

        return self.gradient_penalty_weight * gradient_penalty(judge, real, fake, share)

    def share_right(self, real_scores, fake_scores):
        """The share of scores on the right side of the loss's boundary."""
        boundary = self.adversarial.boundary
        right = [real_scores > boundary, fake_scores <= boundary]
        return tf.reduce_mean([tf.reduce_mean(tf.cast(r, tf.float32)) for r in right])

    def get_config(self):
        return {
            **super().get_config(),
            "adversarial_loss": self.adversarial_loss,
            "gradient_penalty_weight": self.gradient_penalty_weight,
            "seed": self.seed,
        }


def check_losses(adversarial_loss, weights, discriminators):
    """Refuses what cannot train.

    Args:
        adversarial_loss: a name in `ADVERSARIAL_LOSSES`.
        weights: of the losses, by name.
        discriminators: networks.

    Raises:
        ValueError: an unknown loss, a weight below 0, a penalized discriminator with
            batch norm.
    """
    if adversarial_loss not in ADVERSARIAL_LOSSES:
        known = ", ".join(f'"{name}"' for name in ADVERSARIAL_LOSSES)
        raise ValueError(
            f'adversarial_loss must be one of {known}. Received "{adversarial_loss}".'
        )
    for name, weight in weights.items():
        if not 0 <= weight < float("inf"):
            raise ValueError(
                f"The weight of {name} must be 0 or more, and finite. Received "
                f"{weight}."
            )
    if ADVERSARIAL_LOSSES[adversarial_loss].is_penalized:
        for network in discriminators:
            if any(
                isinstance(layer, keras.layers.BatchNormalization)
                for layer in network.layers
            ):
                raise ValueError(
                    f'"{adversarial_loss}" penalizes the gradient at each image, but '
                    f"{network.name!r} has batch norm, which ties the images of a "
                    'batch together: make it with norm="instance" or norm="none".'
                )

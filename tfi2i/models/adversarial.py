"""What adversarial trainers share: players, their losses and their updates."""

import contextlib
import functools
import random

import keras
import tensorflow as tf

from tfi2i.losses import ADVERSARIAL_LOSSES, gradient_penalty
from tfi2i.models.added_losses import gathering
from tfi2i.models.players import Player, is_mirrored, move
from tfi2i.models.trainer import Trainer


class AdversarialModel(Trainer):
    """A trainer of networks that play against each other.

    A subclass defines what `Trainer` asks for and `step`, which computes each player's
    losses within `player`. Everything of `keras.Model` works: `fit`, `evaluate`,
    `predict`, `save` with the state of all optimizers.

    Args:
        loss_names: names of the losses that `record` receives.
        adversarial_loss: a name in `tfi2i.losses.ADVERSARIAL_LOSSES`.
        gradient_penalty_weight: of the penalty that `"wgan-gp"` adds.
        seed: of what the trainer itself draws at random; None draws one.
        **kwargs: of `keras.Model`.

    A subclass has `check_losses` refuse what cannot train, before this constructor.
    """

    def __init__(
        self,
        loss_names,
        adversarial_loss="lsgan",
        gradient_penalty_weight=0.0,
        seed=None,
        **kwargs,
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

    def step(self, batch, training=True):
        """One update of every player, or the same losses without.

        Args:
            batch: as `unpack` returns it.
            training: false computes the losses at inference and updates nothing.

        Returns:
            Losses by name, for `record`.
        """
        raise NotImplementedError

    def train_step(self, batch):
        batch = self.unpack(batch)
        return self.record(self.compiled_step(self.step)(batch), batch)

    def test_step(self, batch):
        """The same losses with the networks at inference; nothing is updated."""
        batch = self.unpack(batch)
        return self.record(self.step(batch, training=False), batch)

    @contextlib.contextmanager
    def player(self, name, training=True, weight=1.0):
        """One player's part of a step: its losses are minimized on leaving.

        It hides the tape, the share of each replica, the scaling of float16's losses,
        what layers of the networks add to the loss, and the update.

        Args:
            name: in `players`.
            training: false computes the same losses and updates nothing.
            weight: of the sum of the losses in what is minimized; they are reported
                without it.

        Yields:
            `tfi2i.models.players.Player`.
        """
        player = Player(self._between_updates if training else _as_it_is, weight)
        networks = self.networks_of(name)
        added = functools.partial(self.regularization, name)
        if not training:
            with gathering() as gathered:
                yield player
                player.losses |= added(gathered)
            return
        optimizer = getattr(self, f"{name}_optimizer")
        with move(player, optimizer, networks, added):
            yield player

    def compiled_step(self, function):
        """`function` of tensors, compiled where `compile` was told to.

        Under a MirroredStrategy it is not, since XLA cannot compile updates that
        replicas make together: what players compute is. Call this anew in each step
        that is traced.
        """
        return function if is_mirrored() else self._compiled(function)

    def _between_updates(self, function):
        # Every replica has variables of its own, so each step that is traced needs a
        # function of its own. A loss that a layer adds within could not leave it.
        if is_mirrored() and not self.adds_losses:
            return self._compiled(function)
        return function

    def _compiled(self, function):
        if not self.is_compiled_by_xla:
            return function
        return tf.function(function, jit_compile=True, autograph=False)

    def record(self, losses, batch):
        """Adds one batch's losses to the epoch's means.

        Args:
            losses: dictionary of scalars, one for each of `metrics`, unscaled.
            batch: what they are means over.

        Returns:
            `losses`, for `train_step` to return: this step's values. Keras reports
            the means over the epoch.
        """
        size = tf.shape(next(iter(batch.values())))[0]
        for tracker in self.metrics:
            tracker.update_state(losses[tracker.name], sample_weight=size)
        return {tracker.name: losses[tracker.name] for tracker in self.metrics}

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


def _as_it_is(function):
    return function

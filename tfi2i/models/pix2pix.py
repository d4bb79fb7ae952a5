"""Pix2Pix: image-to-image translation with conditional adversarial networks."""

import functools

import keras
import tensorflow as tf

from tfi2i.layers.base import PACKAGE
from tfi2i.losses import ADVERSARIAL_LOSSES, l1_loss, l2_loss
from tfi2i.models.added_losses import gathering, run
from tfi2i.models.base import AdversarialModel, check_losses
from tfi2i.models.batches import unpack_pair
from tfi2i.models.shapes import check_network


@keras.saving.register_keras_serializable(package=PACKAGE)
class Pix2Pix(AdversarialModel):
    """Learns to paint B from A, given pairs.

    The generator minimises `gan_weight * GAN + l1_weight * L1 + l2_weight * L2`;
    the discriminator sees (A, B) pairs and minimises half the sum of its losses on
    real and generated pairs. Each step updates the discriminator first, then the
    generator against the updated discriminator, as the PyTorch reference does.

    Batches are `(real_a, real_b)`, float tensors `(batch, height, width, channels)`
    in [-1, 1]. Losses are named as the reference's: `g_gan`, `g_l1`, `d_real`,
    `d_fake` (weights included), and `g_l2`; `"wgan-gp"` adds `d_gp`, the weighted
    gradient penalty, to the discriminator's.

    Args:
        generator: `keras.Model` from A to B.
        discriminator: `keras.Model` from A and B joined along channels (B alone
            where not `conditional`) to raw scores. None where `gan_weight` is 0.
        adversarial_loss: `"vanilla"`, `"lsgan"`, `"hinge"` or `"wgan-gp"`.
        gan_weight: 0 trains without a discriminator.
        l1_weight: 0 leaves the term out.
        l2_weight: 0 leaves the term out.
        conditional: whether the discriminator sees A too.
        gradient_penalty_weight: of the penalty that `"wgan-gp"` adds.
        seed: of the places where it is taken; None draws one.
        **kwargs: of `keras.Model`.

    Raises:
        ValueError: an unknown loss, a weight below 0, all weights 0, channels that
            do not fit, `"wgan-gp"` with batch norm in the discriminator.

    Source: Isola et al., CVPR 2017, arXiv:1611.07004, section 3.

    Example:
        >>> model = tfi2i.Pix2Pix(
        ...     generator=tfi2i.networks.unet(num_downs=8),
        ...     discriminator=tfi2i.networks.patchgan(in_channels=6),
        ... )
        >>> model.compile()
        >>> model.fit(tfi2i.data.paired("facades", split="train"), epochs=200)
    """

    network_names = ("generator", "discriminator")

    def __init__(
        self,
        generator,
        discriminator=None,
        adversarial_loss="vanilla",
        gan_weight=1.0,
        l1_weight=100.0,
        l2_weight=0.0,
        conditional=True,
        gradient_penalty_weight=10.0,
        seed=None,
        **kwargs,
    ):
        weights = {"g_gan": gan_weight, "g_l1": l1_weight, "g_l2": l2_weight}
        discriminator = discriminator if gan_weight != 0 else None
        check_losses(
            adversarial_loss,
            {**weights, "d_gp": gradient_penalty_weight},
            [] if discriminator is None else [discriminator],
        )
        if not any(weights.values()):
            raise ValueError("All of the generator's loss weights are 0: set one.")
        self._check_networks(generator, discriminator, gan_weight, conditional)
        names = [name for name, weight in weights.items() if weight > 0]
        if gan_weight > 0:
            names += ["d_real", "d_fake"]
            if ADVERSARIAL_LOSSES[adversarial_loss].is_penalized:
                names.append("d_gp")
        super().__init__(
            names, adversarial_loss, gradient_penalty_weight, seed, **kwargs
        )
        self.generator = generator
        self.discriminator = discriminator
        self.gan_weight = gan_weight
        self.l1_weight = l1_weight
        self.l2_weight = l2_weight
        self.conditional = conditional
        self.built = True

    @property
    def generators(self):
        return [self.generator]

    @property
    def discriminators(self):
        return [] if self.discriminator is None else [self.discriminator]

    @property
    def distances(self):
        """Of `g_l1` and `g_l2`, where they are above 0."""
        weights = {"g_l1": self.l1_weight, "g_l2": self.l2_weight}
        return {name: weight for name, weight in weights.items() if weight > 0}

    def paint(self, real_a, real_b):
        """`real_a`, `fake_b`, `real_b`."""
        fake_b = run(self.generator, real_a, training=False)
        return {"real_a": real_a, "fake_b": fake_b, "real_b": real_b}

    def decisions(self, images):
        """Of `"discriminator"`."""
        if self.discriminator is None or self.adversarial.boundary is None:
            return {}
        real_a, fake_b, real_b = (images[n] for n in ("real_a", "fake_b", "real_b"))
        scores = [
            run(self.discriminator, self._seen(real_a, b), training=False)
            for b in (real_b, fake_b)
        ]
        return {"discriminator": self.share_right(*scores)}

    def train_step(self, batch):
        """One update of the discriminator, then one of the generator."""
        real_a, real_b = unpack_pair(batch)
        losses = self.with_update(self._update)(real_a, real_b)
        return self.record(losses, tf.shape(real_a)[0])

    def test_step(self, batch):
        """The same losses with the networks at inference; nothing is updated."""
        real_a, real_b = unpack_pair(batch)
        with gathering() as added:
            fake_b = run(self.generator, real_a, training=False)
            losses = self._generator_losses(real_a, real_b, fake_b, training=False)
            losses |= self.regularization("g", added)
        if self.discriminator is not None:
            with gathering() as added:
                losses |= self._discriminator_losses(
                    real_a, real_b, fake_b, training=False
                )
                losses |= self.regularization("d", added)
        return self.record(losses, tf.shape(real_a)[0])

    def _update(self, real_a, real_b):
        losses = {}
        with tf.GradientTape() as tape, gathering() as added:
            paint = self.between_updates(functools.partial(run, self.generator))
            fake_b = paint(real_a, training=True)
            if self.discriminator is not None:
                with tape.stop_recording():
                    losses |= self._update_discriminator(real_a, real_b, fake_b)
            score = self.between_updates(self._generator_losses)
            g_losses = score(real_a, real_b, fake_b, training=True)
            g_losses |= self.regularization("g", added)
            total = self.scale(sum(g_losses.values()), self.generator_optimizer)
        self.minimize(total, tape, self.generator_optimizer, self.generators)
        return losses | g_losses

    def _update_discriminator(self, real_a, real_b, fake_b):
        with tf.GradientTape() as tape, gathering() as added:
            judge = self.between_updates(self._discriminator_losses)
            losses = judge(real_a, real_b, fake_b, training=True)
            # Halved to slow the discriminator down (section 3.3).
            total = 0.5 * sum(losses.values())
            regularization = self.regularization("d", added)
            total = sum(regularization.values(), total)
            total = self.scale(total, self.discriminator_optimizer)
        self.minimize(total, tape, self.discriminator_optimizer, self.discriminators)
        return losses | regularization

    def _discriminator_losses(self, real_a, real_b, fake_b, training):
        real, fake = self._seen(real_a, real_b), self._seen(real_a, fake_b)
        fake_scores = run(self.discriminator, fake, training)
        real_scores = run(self.discriminator, real, training)
        d_real, d_fake = self.adversarial.discriminator(real_scores, fake_scores)
        losses = {"d_real": d_real, "d_fake": d_fake}
        if self.adversarial.is_penalized:
            losses["d_gp"] = self.penalty(self.discriminator, real, fake, training)
        return losses

    def _generator_losses(self, real_a, real_b, fake_b, training):
        losses = {}
        if self.gan_weight > 0:
            scores = run(self.discriminator, self._seen(real_a, fake_b), training)
            losses["g_gan"] = self.gan_weight * self.adversarial.generator(scores)
        if self.l1_weight > 0:
            losses["g_l1"] = self.l1_weight * l1_loss(real_b, fake_b)
        if self.l2_weight > 0:
            losses["g_l2"] = self.l2_weight * l2_loss(real_b, fake_b)
        return losses

    def _seen(self, a, b):
        """What the discriminator sees."""
        return tf.concat([a, b], axis=-1) if self.conditional else b

    @staticmethod
    def _check_networks(generator, discriminator, gan_weight, conditional):
        of_generator = check_network("generator", generator)
        if gan_weight == 0:
            return
        if discriminator is None:
            raise ValueError(
                f"gan_weight={gan_weight} needs a discriminator: pass one, or "
                "gan_weight=0 to train without."
            )
        of_discriminator = check_network("discriminator", discriminator)
        channels = of_generator.output[-1]
        if conditional:
            channels += of_generator.input[-1]
        if of_discriminator.input[-1] != channels:
            joined = "A and B joined" if conditional else "B alone"
            raise ValueError(
                f"The discriminator should take {channels} channels ({joined}), but "
                f"takes {of_discriminator.input[-1]}: make it with "
                f"in_channels={channels}."
            )

    def get_config(self):
        return {
            **super().get_config(),
            "gan_weight": self.gan_weight,
            "l1_weight": self.l1_weight,
            "l2_weight": self.l2_weight,
            "conditional": self.conditional,
        }

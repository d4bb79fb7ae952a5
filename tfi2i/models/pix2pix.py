"""Pix2Pix: image-to-image translation with conditional adversarial networks."""

from typing import Any, Literal

import keras
import tensorflow as tf

from tfi2i.layers.base import PACKAGE
from tfi2i.losses import ADVERSARIAL_LOSSES, l1_loss, l2_loss
from tfi2i.models.added_losses import run
from tfi2i.models.adversarial import AdversarialModel, check_losses
from tfi2i.models.shapes import check_network
from tfi2i.ways import paired


@keras.saving.register_keras_serializable(package=PACKAGE)
class Pix2Pix(AdversarialModel):
    """Learns to paint B from A, given pairs.

    The generator minimises `gan_weight * GAN + l1_weight * L1 + l2_weight * L2`;
    the discriminator sees (A, B) pairs and minimises half the sum of its losses on
    real and generated pairs. Each step updates the discriminator first, then the
    generator against the updated discriminator, as the PyTorch reference does.

    Batches are `{"a": real_a, "b": real_b}`, or `(input, target)`, float tensors
    `(batch, height, width, channels)` in [-1, 1]. Losses are named as the
    reference's: `g_gan`, `g_l1`, `d_real`, `d_fake` (weights included), and `g_l2`;
    `"wgan-gp"` adds `d_gp`, the weighted gradient penalty, to the discriminator's.

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
        direction: `"b2a"` paints A from B; None is `"a2b"`, and what is saved does
            not say which.
        **kwargs: of `keras.Model`.

    Raises:
        ValueError: an unknown loss or direction, a weight below 0, all weights 0,
            channels that do not fit, `"wgan-gp"` with batch norm in the discriminator.

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
        generator: keras.Model,
        discriminator: keras.Model | None = None,
        adversarial_loss: str = "vanilla",
        gan_weight: float = 1.0,
        l1_weight: float = 100.0,
        l2_weight: float = 0.0,
        conditional: bool = True,
        gradient_penalty_weight: float = 10.0,
        seed: int | None = None,
        direction: Literal["a2b", "b2a"] | None = None,
        **kwargs: Any,
    ) -> None:
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
        paired(direction)  # refuses other words
        self.direction = direction
        self.generator = generator
        self.discriminator = discriminator
        self.gan_weight = gan_weight
        self.l1_weight = l1_weight
        self.l2_weight = l2_weight
        self.conditional = conditional
        self.built = True

    @property
    def players(self):
        judges = () if self.discriminator is None else ("discriminator",)
        return {"generator": ("generator",), "discriminator": judges}

    @property
    def ways(self):
        return paired(self.direction)

    @property
    def roles(self):
        way = self.ways[0]
        return {
            "generator": f"generator_{way.input}{way.target}",
            "discriminator": f"discriminator_{way.target}",
        }

    @property
    def distances(self):
        """Of `g_l1` and `g_l2`, where they are above 0."""
        weights = {"g_l1": self.l1_weight, "g_l2": self.l2_weight}
        return {name: weight for name, weight in weights.items() if weight > 0}

    def translator(self, way):
        return self.generator

    def paint(self, batch):
        """`real_a`, `fake_b`, `real_b`, or the same from B to A."""
        way = self.ways[0]
        fake = run(self.generator, batch[way.input], training=False)
        return {
            f"real_{way.input}": batch[way.input],
            way.output: fake,
            f"real_{way.target}": batch[way.target],
        }

    def decisions(self, images):
        """Of `"discriminator"`."""
        if self.discriminator is None or self.adversarial.boundary is None:
            return {}
        # Input, output and truth, whichever way.
        inputs, fakes, targets = images.values()
        scores = [
            run(self.discriminator, self._seen(inputs, outputs), training=False)
            for outputs in (targets, fakes)
        ]
        return {"discriminator": self.share_right(*scores)}

    def step(self, batch, training=True):
        """One update of the discriminator, then one of the generator."""
        way = self.ways[0]
        inputs, targets = batch[way.input], batch[way.target]
        losses = {}
        with self.player("generator", training) as generator:
            fakes = generator.compute(run, self.generator, inputs, training)
            images = inputs, targets, fakes
            if self.discriminator is not None:
                # Halved to slow the discriminator down (section 3.3).
                with self.player("discriminator", training, 0.5) as discriminator:
                    discriminator.minimize(
                        self._discriminator_losses, *images, training
                    )
                losses |= discriminator.losses
            generator.minimize(self._generator_losses, *images, training)
        return losses | generator.losses

    def _discriminator_losses(self, inputs, targets, fakes, training):
        real, fake = self._seen(inputs, targets), self._seen(inputs, fakes)
        fake_scores = run(self.discriminator, fake, training)
        real_scores = run(self.discriminator, real, training)
        d_real, d_fake = self.adversarial.discriminator(real_scores, fake_scores)
        losses = {"d_real": d_real, "d_fake": d_fake}
        if self.adversarial.is_penalized:
            losses["d_gp"] = self.penalty(self.discriminator, real, fake, training)
        return losses

    def _generator_losses(self, inputs, targets, fakes, training):
        losses = {}
        if self.gan_weight > 0:
            scores = run(self.discriminator, self._seen(inputs, fakes), training)
            losses["g_gan"] = self.gan_weight * self.adversarial.generator(scores)
        if self.l1_weight > 0:
            losses["g_l1"] = self.l1_weight * l1_loss(targets, fakes)
        if self.l2_weight > 0:
            losses["g_l2"] = self.l2_weight * l2_loss(targets, fakes)
        return losses

    def _seen(self, inputs, outputs):
        """What the discriminator sees."""
        return tf.concat([inputs, outputs], axis=-1) if self.conditional else outputs

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
        of_discriminator = check_network(
            "discriminator", discriminator, returns_images=False
        )
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
            "direction": self.direction,
        }

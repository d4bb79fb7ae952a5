"""CycleGAN: unpaired image-to-image translation with cycle-consistent networks."""

from typing import Any

import keras

from tfi2i.layers import ImagePool
from tfi2i.layers.base import PACKAGE
from tfi2i.losses import ADVERSARIAL_LOSSES, l1_loss
from tfi2i.models.added_losses import run
from tfi2i.models.adversarial import AdversarialModel, check_losses
from tfi2i.models.shapes import check_network
from tfi2i.ways import BOTH


@keras.saving.register_keras_serializable(package=PACKAGE)
class CycleGAN(AdversarialModel):
    """Learns to paint B from A and A from B, given images of each.

    Each step updates both generators, then both discriminators, which see real images
    and the history of painted ones. Losses are named for the domain in which images
    are compared or judged, weights included:

    - `g_ab`, `g_ba`: adversarial, of the generator's images;
    - `cycle_a`: `cycle_weight_a` times the mean absolute difference of A and
      `generator_ba(generator_ab(A))`; `cycle_b` likewise;
    - `idt_a`: `identity_weight * cycle_weight_a` times that of A and
      `generator_ba(A)`; `idt_b` likewise; absent where the weight is 0;
    - `d_a`, `d_b`: half the sum of a discriminator's losses on real and painted
      images;
    - `gp_a`, `gp_b`, with `"wgan-gp"` only: half the weighted gradient penalty.

    The PyTorch reference names the identity losses and discriminators for generators
    instead: its `idt_A` is `idt_b` here, its `D_A` is `d_b`.

    Batches are `{"a": real_a, "b": real_b}`, or `(real_a, real_b)`, float tensors
    `(batch, height, width, channels)` in [-1, 1]; which A comes with which B means
    nothing.

    Args:
        generator_ab: `keras.Model` from A to B.
        generator_ba: `keras.Model` from B to A.
        discriminator_a: `keras.Model` from images of A to raw scores.
        discriminator_b: likewise for B.
        adversarial_loss: `"lsgan"`, `"vanilla"`, `"hinge"` or `"wgan-gp"`.
        cycle_weight_a: of the cycle that starts in A.
        cycle_weight_b: of the cycle that starts in B.
        identity_weight: of the identity losses, relative to the cycles'; 0 leaves
            them out.
        pool_size: painted images that each discriminator's history holds; 0 for none.
        gradient_penalty_weight: of the penalty that `"wgan-gp"` adds.
        seed: of the pools, and of the places where the penalty is taken; None draws
            one.
        **kwargs: of `keras.Model`.

    Raises:
        ValueError: an unknown loss, a weight or pool size below 0, channels that do
            not fit or that forbid the identity loss, one network given twice,
            `"wgan-gp"` with batch norm in a discriminator.

    Source: Zhu et al., ICCV 2017, arXiv:1703.10593, sections 3 and 4; the identity
    loss is in section 5.2.

    Example:
        >>> networks = tfi2i.networks
        >>> model = tfi2i.CycleGAN(
        ...     generator_ab=networks.resnet(),
        ...     generator_ba=networks.resnet(),
        ...     discriminator_a=networks.patchgan(norm="instance"),
        ...     discriminator_b=networks.patchgan(norm="instance"),
        ... )
        >>> model.compile()
        >>> model.fit(tfi2i.data.unpaired("horse2zebra", split="train"), epochs=200)
    """

    network_names = (
        "generator_ab",
        "generator_ba",
        "discriminator_a",
        "discriminator_b",
    )

    def __init__(
        self,
        generator_ab: keras.Model,
        generator_ba: keras.Model,
        discriminator_a: keras.Model,
        discriminator_b: keras.Model,
        adversarial_loss: str = "lsgan",
        cycle_weight_a: float = 10.0,
        cycle_weight_b: float = 10.0,
        identity_weight: float = 0.5,
        pool_size: int = 50,
        gradient_penalty_weight: float = 10.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        weights = {
            "cycle_a": cycle_weight_a,
            "cycle_b": cycle_weight_b,
            "idt": identity_weight,
            "gp": gradient_penalty_weight,
        }
        check_losses(adversarial_loss, weights, [discriminator_a, discriminator_b])
        names = ["g_ab", "g_ba", "cycle_a", "cycle_b"]
        names += ["idt_a", "idt_b"] if identity_weight > 0 else []
        names += ["d_a", "d_b"]
        if ADVERSARIAL_LOSSES[adversarial_loss].is_penalized:
            names += ["gp_a", "gp_b"]
        super().__init__(
            names, adversarial_loss, gradient_penalty_weight, seed, **kwargs
        )
        self.generator_ab = generator_ab
        self.generator_ba = generator_ba
        self.discriminator_a = discriminator_a
        self.discriminator_b = discriminator_b
        self.cycle_weight_a = cycle_weight_a
        self.cycle_weight_b = cycle_weight_b
        self.identity_weight = identity_weight
        self.pool_size = pool_size
        self.pool_a = ImagePool(pool_size, self.seed, name="pool_a")
        self.pool_b = ImagePool(pool_size, self.seed + 1, name="pool_b")
        self._check_networks()
        self.built = True

    @property
    def players(self):
        return {
            "generator": ("generator_ab", "generator_ba"),
            "discriminator": ("discriminator_a", "discriminator_b"),
        }

    @property
    def ways(self):
        return BOTH

    @property
    def pools(self):
        return [self.pool_a, self.pool_b]

    @property
    def distances(self):
        """Of `cycle_a`, `cycle_b`, `idt_a` and `idt_b`, where they are above 0."""
        weights = {"cycle_a": self.cycle_weight_a, "cycle_b": self.cycle_weight_b}
        for domain in "ab":
            cycle_weight = weights[f"cycle_{domain}"]
            weights[f"idt_{domain}"] = self.identity_weight * cycle_weight
        return {name: weight for name, weight in weights.items() if weight > 0}

    def translator(self, way):
        return getattr(self, f"generator_{way.input}{way.target}")

    def paint(self, batch):
        """`real_a`, `fake_b`, `cycled_a`, `real_b`, `fake_a`, `cycled_b`."""
        return self._translate(batch["a"], batch["b"], training=False)

    def decisions(self, images):
        """Of `"discriminator_a"` and `"discriminator_b"`, without the pools."""
        if self.adversarial.boundary is None:
            return {}
        return {
            f"discriminator_{domain}": self.share_right(
                run(judge, images[f"real_{domain}"], training=False),
                run(judge, images[f"fake_{domain}"], training=False),
            )
            for domain, judge in self._judges()
        }

    def train_step(self, batch):
        """One update of both generators, then one of both discriminators."""
        batch = self.unpack(batch)
        images, losses = self.compiled_step(self._generate)(batch)
        images["fake_a"] = self.pool_a(images["fake_a"])
        images["fake_b"] = self.pool_b(images["fake_b"])
        losses |= self.compiled_step(self._judge)(images)
        return self.record(losses, batch)

    def step(self, batch, training=True):
        """As `train_step`, without the pools, which XLA cannot compile."""
        images, losses = self._generate(batch, training)
        return losses | self._judge(images, training)

    def _generate(self, batch, training=True):
        with self.player("generator", training) as generators:
            images = generators.compute(
                self._translate, batch["a"], batch["b"], training
            )
            generators.minimize(self._generator_losses, images, training)
        return images, generators.losses

    def _judge(self, images, training=True):
        with self.player("discriminator", training) as discriminators:
            discriminators.minimize(self._discriminator_losses, images, training)
        return discriminators.losses

    def _judges(self):
        return (("a", self.discriminator_a), ("b", self.discriminator_b))

    def _translate(self, real_a, real_b, training):
        fake_b = run(self.generator_ab, real_a, training)
        cycled_a = run(self.generator_ba, fake_b, training)
        fake_a = run(self.generator_ba, real_b, training)
        cycled_b = run(self.generator_ab, fake_a, training)
        return {
            "real_a": real_a,
            "fake_b": fake_b,
            "cycled_a": cycled_a,
            "real_b": real_b,
            "fake_a": fake_a,
            "cycled_b": cycled_b,
        }

    def _generator_losses(self, images, training):
        score_b = run(self.discriminator_b, images["fake_b"], training)
        score_a = run(self.discriminator_a, images["fake_a"], training)
        real_a, real_b = images["real_a"], images["real_b"]
        losses = {
            "g_ab": self.adversarial.generator(score_b),
            "g_ba": self.adversarial.generator(score_a),
            "cycle_a": self.cycle_weight_a * l1_loss(real_a, images["cycled_a"]),
            "cycle_b": self.cycle_weight_b * l1_loss(real_b, images["cycled_b"]),
        }
        if self.identity_weight > 0:
            same_a = run(self.generator_ba, real_a, training)
            same_b = run(self.generator_ab, real_b, training)
            weight_a = self.identity_weight * self.cycle_weight_a
            weight_b = self.identity_weight * self.cycle_weight_b
            losses["idt_a"] = weight_a * l1_loss(real_a, same_a)
            losses["idt_b"] = weight_b * l1_loss(real_b, same_b)
        return losses

    def _discriminator_losses(self, images, training):
        losses = {}
        for domain, judge in self._judges():
            real, fake = images[f"real_{domain}"], images[f"fake_{domain}"]
            on_real, on_fake = self.adversarial.discriminator(
                run(judge, real, training), run(judge, fake, training)
            )
            # Halved to slow the discriminator down, as in the reference.
            losses[f"d_{domain}"] = 0.5 * (on_real + on_fake)
            if self.adversarial.is_penalized:
                penalty = self.penalty(judge, real, fake, training)
                losses[f"gp_{domain}"] = 0.5 * penalty
        return losses

    def _check_networks(self):
        if len({id(network) for network in self.networks.values()}) < 4:
            raise ValueError(
                "One network is given twice: make each of the four generators and "
                "discriminators by a call of its own."
            )
        shapes = {
            name: check_network(name, network, name.startswith("generator"))
            for name, network in self.networks.items()
        }
        channels_a = shapes["generator_ab"].input[-1]
        channels_b = shapes["generator_ba"].input[-1]
        for name, given, expected in (
            ("generator_ab paints", shapes["generator_ab"].output[-1], channels_b),
            ("generator_ba paints", shapes["generator_ba"].output[-1], channels_a),
            ("discriminator_a takes", shapes["discriminator_a"].input[-1], channels_a),
            ("discriminator_b takes", shapes["discriminator_b"].input[-1], channels_b),
        ):
            if given != expected:
                raise ValueError(
                    f"A has {channels_a} channels and B {channels_b}, as the "
                    f"generators take them, but {name} {given}: expected {expected}."
                )
        if channels_a != channels_b and self.identity_weight > 0:
            raise ValueError(
                f"A has {channels_a} channels and B {channels_b}, so an image of one "
                "cannot be its own translation: set identity_weight=0."
            )

    def get_config(self):
        return {
            **super().get_config(),
            "cycle_weight_a": self.cycle_weight_a,
            "cycle_weight_b": self.cycle_weight_b,
            "identity_weight": self.identity_weight,
            "pool_size": self.pool_size,
        }

"""What every adversarial trainer shares: optimizers, losses, saved random state."""

import contextlib
import random

import keras
import tensorflow as tf

from tfi2i.losses import ADVERSARIAL_LOSSES, gradient_penalty
from tfi2i.models.adam import Adam
from tfi2i.models.added_losses import added_loss, has_added_losses, is_regularized
from tfi2i.models.batches import as_images
from tfi2i.models.exporting import export
from tfi2i.models.optimizers import Optimizers, swap_averages, with_scaled_loss
from tfi2i.models.watching import watched


class AdversarialModel(keras.Model):
    """A trainer of generators against discriminators.

    A subclass sets its networks as the attributes that `network_names` lists, which
    are also arguments of its constructor (None where it has none), names its losses,
    lists its networks in `generators` and `discriminators`, and writes `train_step`,
    `test_step`, `distances`, `paint` and `decisions`. Everything of `keras.Model`
    works: `fit`, `evaluate`, `predict`, `save` with both optimizers' state. Called, or
    exported, it is its first generator.

    Where layers of its networks have regularizers or add losses (`add_loss`), these
    belong to the player whose networks they are, and are logged as
    `g_regularization` and `d_regularization`.

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
        super().__init__(**kwargs)
        self.loss_trackers = _means(loss_names)
        self.regularization_trackers = []
        self.adversarial_loss = adversarial_loss
        self.gradient_penalty_weight = gradient_penalty_weight
        self.seed = random.randrange(2**31) if seed is None else seed
        if self.adversarial.is_penalized:
            self.seed_generator = keras.random.SeedGenerator(self.seed)

    @property
    def generators(self):
        """The networks that the generator optimizer updates."""
        raise NotImplementedError

    @property
    def discriminators(self):
        """The networks that the discriminator optimizer updates."""
        raise NotImplementedError

    @property
    def pools(self):
        """The pools of generated images, whose content belongs to the state."""
        return []

    @property
    def adversarial(self):
        """The loss that generators and discriminators play for."""
        return ADVERSARIAL_LOSSES[self.adversarial_loss]

    @property
    def distances(self):
        """Weights of the losses that compare images, by name."""
        raise NotImplementedError

    def call(self, inputs, training=None):
        """Translates A: `(batch, height, width, channels)` in [-1, 1], as is B."""
        return self.generators[0](as_images(inputs), training=training)

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

    @property
    def metrics(self):
        """The means of the losses; Keras' own "loss" would stay 0."""
        return self.loss_trackers + self.regularization_trackers

    def compile(
        self,
        generator_optimizer=None,
        discriminator_optimizer=None,
        run_eagerly=False,
        steps_per_execution=1,
        jit_compile=False,
        auto_scale_loss=True,
        **others,
    ):
        """Sets the optimizers; without arguments, the reference's Adam for each.

        Weights that an optimizer averages (`use_ema`) are as trained after `fit`, too:
        `averaged` and `swap_averages` exchange them.

        Args:
            generator_optimizer: `keras.optimizers.Optimizer`, name or config.
            discriminator_optimizer: likewise; must be another object.
            run_eagerly: as in Keras.
            steps_per_execution: as in Keras.
            jit_compile: whether XLA compiles the step, all but the image pools and
                the losses' means; under MirroredStrategy what lies between two
                updates, forward and backward, where no layer adds losses. Not with
                `run_eagerly`. Dropout and gradient penalties then draw other random
                numbers. On CPUs a step takes longer.
            auto_scale_loss: as in Keras, for the networks of each optimizer.
            **others: none; for a message about Keras' other arguments.

        Raises:
            ValueError: one optimizer object is given for both.
            TypeError: an argument that only `keras.Model.compile` has.
        """
        if others:
            raise TypeError(
                f"{type(self).__name__}.compile takes generator_optimizer and "
                "discriminator_optimizer, and has losses of its own. Received "
                f"{', '.join(others)}: leave it out."
            )
        generator_optimizer = keras.optimizers.get(generator_optimizer or Adam())
        discriminator_optimizer = keras.optimizers.get(
            discriminator_optimizer or Adam()
        )
        if generator_optimizer is discriminator_optimizer:
            raise ValueError(
                "generator_optimizer and discriminator_optimizer are one object, "
                "but each keeps the state of its own networks: make two."
            )
        super().compile(
            optimizer=None,
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            # Keras would compile all of a step, pools and common updates as well.
            jit_compile=False,
        )
        # Not Keras' "auto", which older files may hold.
        self.is_compiled_by_xla = jit_compile is True and not run_eagerly
        if auto_scale_loss:
            generator_optimizer = with_scaled_loss(generator_optimizer, self.generators)
            discriminator_optimizer = with_scaled_loss(
                discriminator_optimizer, self.discriminators
            )
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        # Built here, since a loaded model takes the slots' values right after.
        self.generator_optimizer.build(_trainable(self.generators))
        self.discriminator_optimizer.build(_trainable(self.discriminators))
        self.optimizer = Optimizers([generator_optimizer, discriminator_optimizer])
        self._find_added_losses()

    def _find_added_losses(self):
        players = {"g": self.generators, "d": self.discriminators}
        adding = {name for name, of in players.items() if has_added_losses(of)}
        self.adds_losses = bool(adding)
        self.regularization_trackers = _means(
            f"{name}_regularization"
            for name, networks in players.items()
            if name in adding or is_regularized(networks)
        )

    def get_compile_config(self):
        """Both optimizers and the flags of `compile`, serialized; {} before it."""
        if not self.compiled:
            return {}
        serialize = keras.optimizers.serialize
        return {
            "generator_optimizer": serialize(self.generator_optimizer),
            "discriminator_optimizer": serialize(self.discriminator_optimizer),
            "run_eagerly": self.run_eagerly,
            "steps_per_execution": self.steps_per_execution,
            "jit_compile": self.is_compiled_by_xla,
        }

    def compile_from_config(self, config):
        """Compiles as `get_compile_config` described."""
        config = dict(config)
        for name in ("generator_optimizer", "discriminator_optimizer"):
            config[name] = keras.optimizers.deserialize(config[name])
        # They are stored as they were, scaled or not, and their state with them.
        self.compile(**config, auto_scale_loss=False)

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        *args,
        **kwargs,
    ):
        """As `keras.Model.fit`; a `tf.data.Dataset` is never asked to shuffle.

        Raises:
            ValueError: also for batches of whole numbers, or of 0 to 255.
        """
        if isinstance(x, tf.data.Dataset):
            kwargs.setdefault("shuffle", False)
        with watched(callbacks, self.distances) as callbacks:
            return super().fit(
                x, y, batch_size, epochs, verbose, callbacks, *args, **kwargs
            )

    def evaluate(self, *args, **kwargs):
        """As `keras.Model.evaluate`, with the statistics that would be saved."""
        if self.distribute_strategy.num_replicas_in_sync > 1:
            for network in self.generators + self.discriminators:
                for layer in network.layers:
                    if isinstance(layer, keras.layers.BatchNormalization):
                        # Each replica has its own; read from outside, their mean.
                        for value in (layer.moving_mean, layer.moving_variance):
                            value.assign(value.numpy())
        return super().evaluate(*args, **kwargs)

    def export(
        self,
        filepath,
        format="tf_saved_model",
        verbose=None,
        input_signature=None,
        **kwargs,
    ):
        """As `keras.Model.export`, of the first generator, which `call` runs."""
        generator = self.generators[0]
        export(generator, filepath, format, verbose, input_signature, **kwargs)

    def compute_loss(self, *args, **kwargs):
        """There is no one loss.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            f"{type(self).__name__} has no one loss of outputs and targets, but those "
            "of its players: test_on_batch(real_a, real_b, return_dict=True) gives "
            "them."
        )

    def _maybe_symbolic_build(self, *args, **kwargs):
        """Nothing to build: networks arrive built. Keras would trace a batch."""

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

    def regularization(self, player, gathered):
        """What a player's networks add to its loss.

        Args:
            player: `"g"` or `"d"`.
            gathered: of `tfi2i.models.added_losses.gathering`.

        Returns:
            `{}` where they add nothing, else the loss by its name, unscaled.
        """
        name = f"{player}_regularization"
        if all(tracker.name != name for tracker in self.regularization_trackers):
            return {}
        networks = {"g": self.generators, "d": self.discriminators}[player]
        return {name: added_loss(gathered, networks)}

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
        variables = _trainable(networks)
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

    def swap_averages(self):
        """Exchanges the generators' weights with their running means.

        The means are the generator optimizer's (`use_ema`); without them nothing
        happens. Called twice, everything is as before.
        """
        if self.compiled:
            swap_averages(self.generator_optimizer)

    @contextlib.contextmanager
    def averaged(self):
        """Within, the generators have the running means of their weights."""
        self.swap_averages()
        try:
            yield
        finally:
            self.swap_averages()

    def random_state(self):
        """The variables that hold the state of the networks' random generators."""
        weights = {id(weight) for weight in self.weights}
        return [v for v in self.variables if id(v) not in weights]

    def save_own_variables(self, store):
        """Saves the random state, which Keras leaves out of its files."""
        for index, variable in enumerate(self.random_state()):
            store[f"random_state_{index}"] = variable

    def load_own_variables(self, store):
        """Restores the random state where the file holds it."""
        for index, variable in enumerate(self.random_state()):
            if f"random_state_{index}" in store:
                variable.assign(store[f"random_state_{index}"])

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        networks = {name: getattr(self, name) for name in self.network_names}
        return {
            **super().get_config(),
            **{name: n and serialize(n) for name, n in networks.items()},
            "adversarial_loss": self.adversarial_loss,
            "gradient_penalty_weight": self.gradient_penalty_weight,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for name in cls.network_names:
            if config[name] is not None:
                config[name] = keras.saving.deserialize_keras_object(
                    config[name], custom_objects
                )
        return cls(**config)


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


def _means(names):
    return [keras.metrics.Mean(name=name) for name in names]


def _trainable(networks):
    return [variable for network in networks for variable in network.trainable_weights]

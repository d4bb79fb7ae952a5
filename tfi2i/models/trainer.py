"""A trainer as a `keras.Model`: networks by name, an optimizer for each player."""

import contextlib
import types

import keras
import tensorflow as tf

from tfi2i.models.added_losses import added_loss, has_added_losses, is_regularized
from tfi2i.models.batches import as_images, refuse_class_weight, refusing
from tfi2i.models.exporting import export
from tfi2i.models.optimizers import (
    Optimizers,
    swap_averages,
    two_optimizers,
    with_scaled_loss,
)
from tfi2i.models.watching import watched


class Trainer(keras.Model):
    """Networks by name, and an optimizer for each player.

    `keras.Model` has one network and one optimizer. What of it depends on that is
    here; a subclass writes the steps. Called, or exported, it is its first generator.

    Where layers of the networks have regularizers, or add losses (`add_loss`), these
    belong to the player whose networks they are, and are logged as
    `g_regularization` and `d_regularization`. Steps call networks by
    `added_losses.run` within `added_losses.gathering`, and add `regularization` to
    their losses.

    Args:
        loss_names: names of the losses that the steps return, without these two.
        **kwargs: of `keras.Model`.
    """

    def __init__(self, loss_names, **kwargs):
        super().__init__(**kwargs)
        self.loss_trackers = _means(loss_names)
        self.regularization_trackers = []

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
    def distances(self):
        """Weights of the losses that compare images, by name; {} where none do.

        Keras' callbacks know of these that they should fall.
        """
        return {}

    @property
    def metrics(self):
        """The means of the losses; Keras' own "loss" would stay 0."""
        return self.loss_trackers + self.regularization_trackers

    def call(self, inputs, training=None):
        """Translates A: `(batch, height, width, channels)` in [-1, 1], as is B."""
        return self.generators[0](inputs, training=training)

    def compute_output_shape(self, input_shape):
        return self.generators[0].compute_output_shape(input_shape)

    def predict_step(self, data):
        """As `keras.Model.predict_step`; whole numbers are refused, as in `fit`."""
        images, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self(as_images(images), training=False)

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
        optimizers = two_optimizers(generator_optimizer, discriminator_optimizer)
        super().compile(
            optimizer=None,
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            # Keras would compile all of a step, pools and common updates as well.
            jit_compile=False,
        )
        # Not Keras' "auto", which older files may hold.
        self.is_compiled_by_xla = jit_compile is True and not run_eagerly
        self._set_optimizers(optimizers, auto_scale_loss)
        self._find_added_losses()

    def _set_optimizers(self, optimizers, auto_scale_loss):
        players = self.generators, self.discriminators
        if auto_scale_loss:
            optimizers = list(map(with_scaled_loss, optimizers, players))
        for optimizer, networks in zip(optimizers, players, strict=True):
            # Built here, since a loaded model takes the slots' values right after.
            optimizer.build(trainable(networks))
        self.generator_optimizer, self.discriminator_optimizer = optimizers
        self.optimizer = Optimizers(optimizers)

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

    @refusing
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
        """As `keras.Model.fit`; what yields batches is never asked to shuffle.

        Raises:
            ValueError: also for batches of whole numbers, or of 0 to 255.
        """
        refuse_class_weight(kwargs.get("class_weight"))
        if isinstance(x, tf.data.Dataset | types.GeneratorType):
            kwargs.setdefault("shuffle", False)
        with watched(callbacks, self.distances) as callbacks:
            return super().fit(
                x, y, batch_size, epochs, verbose, callbacks, *args, **kwargs
            )

    @refusing
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

    @refusing
    def train_on_batch(
        self, x, y=None, sample_weight=None, class_weight=None, return_dict=False
    ):
        """As `keras.Model.train_on_batch`, without weights."""
        refuse_class_weight(class_weight)
        return super().train_on_batch(x, y, sample_weight, return_dict=return_dict)

    test_on_batch = refusing(keras.Model.test_on_batch)
    predict = refusing(keras.Model.predict)
    predict_on_batch = refusing(keras.Model.predict_on_batch)

    def save(self, filepath, *args, **kwargs):
        """As `keras.Model.save`, to a `.keras` file or folder.

        Raises:
            ValueError: it is an HDF5 file.
        """
        if str(filepath).endswith((".h5", ".hdf5")):
            raise ValueError(
                f"'{filepath}' would be HDF5, which holds one optimizer only: save to "
                "a name that ends in .keras, or save_weights to .weights.h5."
            )
        super().save(filepath, *args, **kwargs)

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

    def regularization(self, player, gathered):
        """What a player's networks add to its loss.

        Args:
            player: `"g"` or `"d"`.
            gathered: of `tfi2i.models.added_losses.gathering`.

        Returns:
            `{}` where they add nothing, else the loss by its name, unscaled.
        """
        name = f"{player}_regularization"
        if name not in self.metrics_names:
            return {}
        networks = {"g": self.generators, "d": self.discriminators}[player]
        return {name: added_loss(gathered, networks)}

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


def _means(names):
    return [keras.metrics.Mean(name=name) for name in names]


def trainable(networks):
    """The trainable weights of all of them."""
    return [variable for network in networks for variable in network.trainable_weights]

"""A trainer as a `keras.Model`: networks by name, players, and ways to translate."""

import contextlib
import types
from typing import Any

import keras
import tensorflow as tf

from tfi2i.models.added_losses import added_loss, has_added_losses, is_regularized
from tfi2i.models.batches import as_images, refuse_class_weight, refusing, unpack
from tfi2i.models.exporting import export
from tfi2i.models.extra_inputs import as_batch, bind_defaults
from tfi2i.models.interface import TrainerInterface
from tfi2i.models.optimizers import (
    Optimizers,
    optimizers_of,
    swap_averages,
    with_scaled_loss,
)
from tfi2i.models.players import trainable
from tfi2i.models.watching import watched


class Trainer(TrainerInterface, keras.Model):
    """A `keras.Model` of several networks, with an optimizer for each player.

    `keras.Model` has one network and one optimizer. What of it depends on that is
    here; a subclass writes the steps. Called, or exported, it translates its first
    way.

    A subclass sets its networks as the attributes that `network_names` lists, which
    are also arguments of its constructor (None where it has none), and defines
    `players`, `ways`, `translator` and `paint`.

    Where layers of the networks have regularizers, or add losses (`add_loss`), these
    belong to the player whose networks they are, and are logged as
    `g_regularization` and `d_regularization`, after the player's first letter. Steps
    call networks by `added_losses.run`, within `player`.

    Args:
        loss_names: names of the losses that the steps return, without these.
        **kwargs: of `keras.Model`.
    """

    def __init__(self, loss_names, **kwargs):
        super().__init__(**kwargs)
        self.loss_trackers = _means(loss_names)
        self.regularization_trackers = []

    @property
    def metrics(self):
        """The means of the losses; Keras' own "loss" would stay 0."""
        return self.loss_trackers + self.regularization_trackers

    def unpack(self, batch):
        """A batch of `fit` as a dictionary: see `tfi2i.models.batches.unpack`."""
        return unpack(batch, self.ways, self.other_entries)

    def call(self, inputs, training=None):
        """Translates `(batch, height, width, channels)` in [-1, 1], the first way."""
        way = self.first_way
        translator = self.translator(way)
        if not way.defaults:
            return translator(inputs, training=training)
        given = [as_batch(value, inputs) for value in way.defaults.values()]
        return translator([inputs, *given], training=training)

    def _translator_of_images(self):
        way = self.first_way
        return bind_defaults(self.translator(way), way.defaults)

    def compute_output_shape(self, input_shape):
        return self._translator_of_images().compute_output_shape(input_shape)

    def predict_step(self, data):
        """As `keras.Model.predict_step`; whole numbers are refused, as in `fit`."""
        images, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        if isinstance(images, dict):
            images = images[self.first_way.input]
        return self(as_images(images), training=False)

    def compile(
        self,
        *optimizers: keras.optimizers.Optimizer | str | dict[str, Any] | None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool = False,
        auto_scale_loss: bool = True,
        **others: Any,
    ) -> None:
        """Sets the optimizers; without arguments, the reference's Adam for each.

        Weights that an optimizer averages (`use_ema`) are as trained after `fit`, too:
        `averaged` and `swap_averages` exchange them.

        Args:
            *optimizers: one for each of `players`, in this order:
                `keras.optimizers.Optimizer`, name, config or None.
            run_eagerly: as in Keras.
            steps_per_execution: as in Keras.
            jit_compile: whether XLA compiles the step, all but the image pools and
                the losses' means; under MirroredStrategy what lies between two
                updates, forward and backward, where no layer adds losses. Not with
                `run_eagerly`. Dropout and gradient penalties then draw other random
                numbers. On CPUs a step takes longer.
            auto_scale_loss: as in Keras, for the networks of each optimizer.
            **others: optimizers by name, such as `generator_optimizer`.

        Raises:
            ValueError: one optimizer object is given for two players.
            TypeError: an argument that only `keras.Model.compile` has.
        """
        names = self.optimizer_names
        unknown = [name for name in others if name not in names]
        if unknown:
            raise TypeError(
                f"{type(self).__name__}.compile takes {' and '.join(names)}, and has "
                f"losses of its own. Received {', '.join(unknown)}: leave it out."
            )
        named = optimizers_of(names, optimizers, others)
        super().compile(
            optimizer=None,
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            # Keras would compile all of a step, pools and common updates as well.
            jit_compile=False,
        )
        # Not Keras' "auto", which older files may hold.
        self.is_compiled_by_xla = jit_compile is True and not run_eagerly
        self._set_optimizers(named, auto_scale_loss)
        self._find_added_losses()

    def _set_optimizers(self, named, auto_scale_loss):
        for player, (name, optimizer) in zip(self.players, named.items(), strict=True):
            networks = self.networks_of(player)
            if auto_scale_loss:
                optimizer = with_scaled_loss(optimizer, networks)
            # Built here, since a loaded model takes the slots' values right after.
            optimizer.build(trainable(networks))
            setattr(self, name, optimizer)
        self.optimizer = Optimizers(self.optimizers)

    def _find_added_losses(self):
        networks = {player: self.networks_of(player) for player in self.players}
        adding = {player for player, of in networks.items() if has_added_losses(of)}
        self.adds_losses = bool(adding)
        self.regularization_trackers = _means(
            self._regularization_name(player)
            for player, of in networks.items()
            if player in adding or is_regularized(of)
        )

    def get_compile_config(self):
        """All optimizers and the flags of `compile`, serialized; {} before it."""
        if not self.compiled:
            return {}
        serialize = keras.optimizers.serialize
        return {
            **{name: serialize(opt) for name, opt in self.optimizers.items()},
            "run_eagerly": self.run_eagerly,
            "steps_per_execution": self.steps_per_execution,
            "jit_compile": self.is_compiled_by_xla,
        }

    def compile_from_config(self, config):
        """Compiles as `get_compile_config` described."""
        config = dict(config)
        for name in self.optimizer_names:
            config[name] = keras.optimizers.deserialize(config[name])
        # They are stored as they were, scaled or not, and their state with them.
        self.compile(**config, auto_scale_loss=False)

    @contextlib.contextmanager
    def without_optimizers(self):
        """Within, the trainer is as it was before `compile`, for `save`."""
        optimizers = self.optimizers
        self.compiled = False
        for name in optimizers:
            setattr(self, name, None)
        try:
            yield
        finally:
            for name, optimizer in optimizers.items():
                setattr(self, name, optimizer)
            self.compiled = True

    @refusing
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> keras.callbacks.History:
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
            for network in self.networks.values():
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
        """As `keras.Model.export`, of what translates the first way."""
        translator = self._translator_of_images()
        export(translator, filepath, format, verbose, input_signature, **kwargs)

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

    def _regularization_name(self, player):
        initial = player[0]
        is_shared = sum(name.startswith(initial) for name in self.players) > 1
        return f"{player if is_shared else initial}_regularization"

    def regularization(self, player, gathered):
        """What a player's networks add to its loss, unscaled; {} where nothing."""
        name = self._regularization_name(player)
        if name not in self.metrics_names:
            return {}
        return {name: added_loss(gathered, self.networks_of(player))}

    def swap_averages(self):
        """Exchanges the weights of what translates with their running means.

        The means are an optimizer's (`use_ema`); without them nothing happens. Called
        twice, everything is as before.
        """
        if not self.compiled:
            return
        translating = self.translating_players.values()
        for translates, optimizer in zip(
            translating, self.optimizers.values(), strict=True
        ):
            if translates:
                swap_averages(optimizer)

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

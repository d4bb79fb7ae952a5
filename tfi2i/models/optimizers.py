"""The players' optimizers: as `compile` takes them, and as Keras finds them."""

import keras

from tfi2i.models.adam import Adam


class Optimizers:
    """What Keras' callbacks find at `model.optimizer`: every player's optimizer.

    As with `keras.optimizers.MultiOptimizer`, callbacks that set learning rates, or
    exchange weights for their running means, do so for each of `optimizers`. It
    holds no state of its own.

    Args:
        players: optimizers, built.
    """

    built = True

    def __init__(self, players):
        self._players = list(players)

    @property
    def optimizers(self):
        """The optimizers themselves, without the loss scaling around them."""
        return [unscaled(optimizer) for optimizer in self._players]

    @property
    def variables(self):
        """The variables of all optimizers."""
        return [v for optimizer in self._players for v in optimizer.variables]

    @property
    def iterations(self):
        """Updates that the first optimizer, the generators', has made."""
        return self._players[0].iterations

    @property
    def learning_rate(self):
        """There is none.

        Raises:
            AttributeError: always.
        """
        raise AttributeError(
            "Every player has a learning rate of its own: read or set it at "
            "model.generator_optimizer and model.discriminator_optimizer."
        )


def two_optimizers(generator_optimizer, discriminator_optimizer):
    """Both as objects; None is the reference's Adam.

    Args:
        generator_optimizer: `keras.optimizers.Optimizer`, name, config or None.
        discriminator_optimizer: likewise; must be another object.

    Raises:
        ValueError: one object is given for both.
    """
    # Keras' logs of learning rates go by the optimizers' names.
    generator_optimizer = generator_optimizer or Adam(name="generator_optimizer")
    discriminator_optimizer = discriminator_optimizer or Adam(
        name="discriminator_optimizer"
    )
    if generator_optimizer is discriminator_optimizer and isinstance(
        generator_optimizer, keras.optimizers.Optimizer
    ):
        raise ValueError(
            "generator_optimizer and discriminator_optimizer are one object, but each "
            "keeps the state of its own networks: make two."
        )
    optimizers = generator_optimizer, discriminator_optimizer
    return [keras.optimizers.get(optimizer) for optimizer in optimizers]


def unscaled(optimizer):
    """The optimizer within a `LossScaleOptimizer`, others as they are."""
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return optimizer.inner_optimizer
    return optimizer


def with_scaled_loss(optimizer, networks):
    """`optimizer`, scaling its loss where `networks` compute in float16.

    As `keras.Model.compile` does: small gradients would be zero in float16.
    """
    is_scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    if is_scaled or not any(map(_computes_in_float16, networks)):
        return optimizer
    return keras.optimizers.LossScaleOptimizer(optimizer)


def swap_averages(optimizer):
    """Exchanges the weights that `optimizer` updates for their running means.

    Without `use_ema` nothing happens. Called twice, everything is as before.
    """
    optimizer = unscaled(optimizer)
    # Keras' means are zeros before the first step.
    if not optimizer.use_ema or optimizer.iterations.numpy() == 0:
        return
    for variable, average in zip(
        optimizer._trainable_variables,
        optimizer._model_variables_moving_average,
        strict=True,
    ):
        value = variable.numpy()
        variable.assign(average.numpy())
        average.assign(value)


def _computes_in_float16(network):
    return any(layer.compute_dtype == "float16" for layer in network._flatten_layers())

"""The players' optimizers: as `compile` takes them, and as Keras finds them."""

import keras

from tfi2i.models.adam import Adam


class Optimizers:
    """What Keras' callbacks find at `model.optimizer`: every player's optimizer.

    As with `keras.optimizers.MultiOptimizer`, callbacks that set learning rates, or
    exchange weights for their running means, do so for each of `optimizers`. It
    holds no state of its own.

    Args:
        named: built optimizers by the names of the trainer's attributes.
    """

    built = True

    def __init__(self, named):
        self._named = dict(named)

    @property
    def optimizers(self):
        """The optimizers themselves, without the loss scaling around them."""
        return [unscaled(optimizer) for optimizer in self._named.values()]

    @property
    def variables(self):
        """The variables of all optimizers."""
        return [v for optimizer in self._named.values() for v in optimizer.variables]

    @property
    def iterations(self):
        """Updates that the first optimizer has made."""
        return next(iter(self._named.values())).iterations

    @property
    def learning_rate(self):
        """There is none.

        Raises:
            AttributeError: always.
        """
        names = " and ".join(f"model.{name}" for name in self._named)
        raise AttributeError(
            f"Every player has a learning rate of its own: read or set it at {names}."
        )


def optimizers_of(names, given, named):
    """One optimizer for each name.

    Args:
        names: `("generator_optimizer", ...)`.
        given: optimizers in this order: `keras.optimizers.Optimizer`, name, config,
            or None for the reference's Adam.
        named: likewise, by name.

    Returns:
        Dictionary of objects, in the order of `names`.

    Raises:
        TypeError: an optimizer has no player, or a player has two optimizers.
        ValueError: one object is given for two players.
    """
    if len(given) > len(names):
        raise TypeError(
            f"compile takes {len(names)} optimizers ({', '.join(names)}). Received "
            f"{len(given)}."
        )
    found = dict.fromkeys(names) | dict(zip(names, given, strict=False))
    for name, optimizer in named.items():
        if found[name] is not None:
            raise TypeError(f"compile received {name} twice.")
        found[name] = optimizer
    objects = [o for o in found.values() if isinstance(o, keras.optimizers.Optimizer)]
    for optimizer in objects:
        shared = [name for name in names if found[name] is optimizer]
        if len(shared) > 1:
            raise ValueError(
                f"{' and '.join(shared)} are one object, but each keeps the state of "
                f"its own networks: make {'two' if len(shared) == 2 else len(shared)}."
            )
    # Keras' logs of learning rates go by the optimizers' names.
    return {
        name: Adam(name=name) if optimizer is None else keras.optimizers.get(optimizer)
        for name, optimizer in found.items()
    }


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

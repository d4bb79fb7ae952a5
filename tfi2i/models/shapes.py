"""What a trainer's networks take and return."""

import inspect
from typing import NamedTuple

import keras


class Shapes(NamedTuple):
    """Shapes `(batch, height, width, channels)`, None where a side is free."""

    input: tuple
    output: tuple


def check_network(name, network, returns_images=True):
    """Refuses what cannot be trained to make images, or scores, from images.

    Args:
        name: what the trainer calls it.
        network: anything.
        returns_images: whether it is to return images; else scores.

    Returns:
        Its `Shapes`.

    Raises:
        ValueError: it is no `keras.Model`, is not built, has other inputs or outputs
            than one batch of images each, takes no `training`, or has weights of
            another precision than float32.
    """
    kind = type(network).__name__
    if not isinstance(network, keras.Model):
        raise ValueError(
            f"{name} must be a keras.Model that takes a batch of images. Received "
            f"{kind}."
        )
    if not network.built or not any(layer.built for layer in network.layers):
        raise ValueError(
            f"{name} ({kind}) has no weights yet: call it once on a batch of images "
            "before you pass it."
        )
    parameters = inspect.signature(network.call).parameters
    if "training" not in parameters and "kwargs" not in parameters:
        raise ValueError(
            f"{name} ({kind}) must take `training` in its call: write "
            "call(self, inputs, training=None)."
        )
    _check_precision(name, network)
    shapes = shapes_of(network)
    if not (
        _is_shape(shapes.input, rank=4)
        and _is_shape(shapes.output, rank=4 if returns_images else None)
    ):
        raise ValueError(
            f"{name} ({kind}) must take one batch (batch, height, width, channels) and "
            f"return one {'such batch' if returns_images else 'tensor of scores'}. "
            f"Received {shapes.input} and {shapes.output}."
        )
    return shapes


def shapes_of(network):
    """The `Shapes` of a built network, functional or not.

    What is None, a list or a dictionary is not one tensor of known shape.
    """
    if hasattr(network, "output_shape"):
        return Shapes(network.input_shape, network.output_shape)
    # A subclass has seen a batch, whose sides it may depend on.
    taken = (network.get_build_config() or {}).get("input_shape")
    if not _is_shape(taken):
        return Shapes(taken, None)
    returned = network.compute_output_spec(
        keras.KerasTensor(taken, network.compute_dtype)
    )
    return Shapes(tuple(taken), getattr(returned, "shape", None))


def _is_shape(shape, rank=None):
    """Whether it is the shape of one tensor with a known number of channels."""
    return (
        isinstance(shape, tuple | list)
        and not any(isinstance(side, tuple | list) for side in shape)
        and rank in (None, len(shape))
        and shape[-1] is not None
    )


def _check_precision(name, network):
    for weight in network.trainable_weights:
        if weight.dtype != "float32" and weight.dtype.startswith(("float", "bfloat")):
            raise ValueError(
                f"{name} has weights of {weight.dtype}, but trains with float32 "
                "weights only: make it under the policy float32, mixed_float16 or "
                "mixed_bfloat16 (keras.config.set_dtype_policy) and floatx float32."
            )

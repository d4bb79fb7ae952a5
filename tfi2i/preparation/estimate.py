"""Estimates the memory and time of training from the networks' layers."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping

import keras
import tensorflow as tf

from tfi2i.recipes import build
from tfi2i.recipes.config import TrainConfig

# Weights, gradients and Adam's two means, in float32.
_BYTES_PER_PARAMETER = 16
_BYTES_PER_VALUE = 4

# Python with TensorFlow and a traced training step, before any image.
_FRAMEWORK_BYTES = 700_000_000

# Backward costs two forward passes: by the inputs and by the weights.
_TRAINED = 3
_PASSED_THROUGH = 2

# Side of a matrix so large that the time to start its product does not count.
_MATRIX = {"CPU": 1024, "GPU": 4096}
_SECONDS_MEASURED = 0.2


@dataclasses.dataclass(frozen=True)
class Network:
    """The cost of one forward pass of a network on one image.

    Attributes:
        parameters: number of trained values.
        operations: floating-point operations, two for each multiply-add.
        values: number of values that its layers output.
    """

    parameters: int
    operations: float
    values: int


@dataclasses.dataclass(frozen=True)
class Cost:
    """The cost of training; all but the parameters is approximate.

    Attributes:
        parameters: of all networks.
        step_operations: floating-point operations of one step.
        memory: bytes, without the cached images.
        step_seconds: one step on this machine.
        device: what the seconds are for: `CPU` or `GPU`.
    """

    parameters: int
    step_operations: float
    memory: int
    step_seconds: float
    device: str


def cost(config: TrainConfig) -> Cost:
    """Estimates the cost of training.

    Args:
        config: resolved, with the channels of both domains.
    """
    with tf.device("CPU:0"):
        model = build.build_model(config)
    shape = config.data.crop_shape
    networks = {
        name: measure(network, shape) for name, network in model.networks.items()
    }
    operations, values = step(config, networks)
    parameters = sum(network.parameters for network in networks.values())
    device = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    rate = operations_per_second(device) * config.model.efficiency
    return Cost(
        parameters,
        operations,
        _FRAMEWORK_BYTES
        + _BYTES_PER_PARAMETER * parameters
        + _BYTES_PER_VALUE * values,
        operations / rate,
        device,
    )


def step(config: TrainConfig, networks: Mapping[str, Network]) -> tuple[float, int]:
    """Adds up the cost of one step with all networks.

    Args:
        config: resolved.
        networks: by name.

    Returns:
        Floating-point operations, and the number of values kept at the same time.
    """
    operations, values = 0, 0
    for name, passes in config.model.passes().items():
        forward = passes.trained * _TRAINED + passes.passed * _PASSED_THROUGH
        operations += forward * networks[name].operations
        values += passes.kept * networks[name].values
    return config.data.batch_size * operations, config.data.batch_size * values


def measure(network: keras.Model, shape: tuple[int, int]) -> Network:
    """Adds up the cost of a functional network's layers on one image.

    Args:
        network: with one input of free size.
        shape: height and width of the image.
    """
    operations, values = 0, 0

    def call(layer, *args, **kwargs):
        nonlocal operations, values
        outputs = layer(*args, **kwargs)
        inner = getattr(layer, "layer", layer)
        values += _size(outputs.shape)
        if isinstance(inner, keras.layers.Conv2DTranspose):
            operations += 2 * _size(inner.kernel.shape) * _area(args[0].shape)
        elif isinstance(inner, keras.layers.Conv2D):
            operations += 2 * _size(inner.kernel.shape) * _area(outputs.shape)
        return outputs

    # The same layers on an input of that size, without a copy of their weights.
    keras.models.clone_model(
        network,
        input_tensors=keras.Input((*shape, network.input_shape[-1])),
        clone_function=lambda layer: layer,
        call_function=call,
    )
    parameters = sum(math.prod(weight.shape) for weight in network.trainable_weights)
    return Network(parameters, operations, values)


def operations_per_second(device: str) -> float:
    """Measures the rate of a large matrix product.

    Args:
        device: `CPU` or `GPU`.
    """
    side = _MATRIX[device]
    with tf.device(f"{device}:0"):
        matrix = tf.random.stateless_uniform((side, side), seed=(0, 0))
    product = tf.function(lambda x: tf.reduce_sum(tf.matmul(x, x)))
    product(matrix).numpy()
    best, end = float("inf"), time.perf_counter() + _SECONDS_MEASURED
    while time.perf_counter() < end:
        start = time.perf_counter()
        product(matrix).numpy()
        best = min(best, time.perf_counter() - start)
    return 2 * side**3 / best


def _size(shape) -> int:
    # The batch is free, and one image counts.
    return math.prod(side or 1 for side in shape)


def _area(shape) -> int:
    return shape[1] * shape[2]

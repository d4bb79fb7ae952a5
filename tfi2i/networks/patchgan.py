"""Discriminators that judge patches (pix2pix sections 3.2.2 and 6.1.2)."""

import keras

from tfi2i.networks.blocks import Blocks, Norm, image_input, leaky_relu


def patchgan(
    in_channels: int = 3,
    filters: int = 64,
    num_layers: int = 3,
    norm: Norm = "batch",
    seed: int | None = None,
    name: str = "patchgan",
    spectral_norm: bool = False,
    use_bias: bool | None = None,
) -> keras.Model:
    """Scores overlapping patches of an image: the Markovian discriminator.

    With `num_layers=3` a score sees a patch of 70x70 pixels, and an image of 256x256
    has 30x30 scores. 1 sees 16 pixels, 2 sees 34, 4 sees 142, 5 sees 286.

    Args:
        in_channels: of the image; of input and output together where the
            discriminator is conditional.
        filters: of the first convolution; they double with each layer, up to eight
            times.
        num_layers: convolutions of stride 2.
        norm: `"batch"`, `"instance"`, `"instance_affine"` or `"none"`; the first and
            the last convolution have none.
        seed: integer that fixes the initial weights; None draws one.
        name: of the model.
        spectral_norm: whether training holds the largest singular value of each kernel
            at 1.
        use_bias: of all convolutions except the first and the last, which have one;
            None: as in the reference, with instance norm only.

    Returns:
        `keras.Model` from `(batch, height, width, in_channels)` in [-1, 1] to raw
        float32 scores `(batch, rows, columns, 1)`, without a sigmoid.

    Raises:
        ValueError: `num_layers` below 1, an unknown norm.
    """
    if num_layers < 1:
        raise ValueError(f"num_layers must be 1 or more. Received {num_layers}.")
    blocks = Blocks(norm, seed=seed, spectral_norm=spectral_norm, use_bias=use_bias)
    inputs = image_input(in_channels)
    x = blocks.conv(filters, 4, "conv1", strides=2, use_bias=True, pad=1)(inputs)
    x = leaky_relu(x, "conv1_relu")
    for level in range(1, num_layers + 1):
        layer = f"conv{level + 1}"
        stride = 1 if level == num_layers else 2
        width = filters * min(2**level, 8)
        x = blocks.conv(width, 4, layer, strides=stride, pad=1)(x)
        x = leaky_relu(blocks.norm(x, f"{layer}_norm"), f"{layer}_relu")
    x = blocks.conv(1, 4, "scores_conv", use_bias=True, pad=1)(x)
    scores = keras.layers.Activation("linear", dtype="float32", name="scores")(x)
    return keras.Model(inputs, scores, name=name)


def pixel_discriminator(
    in_channels: int = 3,
    filters: int = 64,
    norm: Norm = "batch",
    seed: int | None = None,
    name: str = "pixel_discriminator",
    spectral_norm: bool = False,
    use_bias: bool | None = None,
) -> keras.Model:
    """Scores each pixel independently (the paper's 1x1 PixelGAN).

    Args:
        in_channels: of the input.
        filters: of the first convolution; the second has twice as many.
        norm: `"batch"`, `"instance"`, `"instance_affine"` or `"none"`, after the
            second convolution.
        seed: integer that fixes the initial weights; None draws one.
        name: of the model.
        spectral_norm: as for `patchgan`.
        use_bias: of all convolutions except the first, which has one; None: as in the
            reference, with instance norm only.

    Returns:
        `keras.Model` from `(batch, height, width, in_channels)` in [-1, 1] to raw
        float32 scores `(batch, height, width, 1)`.
    """
    blocks = Blocks(norm, seed=seed, spectral_norm=spectral_norm, use_bias=use_bias)
    inputs = image_input(in_channels)
    x = blocks.conv(filters, 1, "conv1", use_bias=True)(inputs)
    x = leaky_relu(x, "conv1_relu")
    x = blocks.conv(filters * 2, 1, "conv2")(x)
    x = leaky_relu(blocks.norm(x, "conv2_norm"), "conv2_relu")
    x = blocks.conv(1, 1, "scores_conv")(x)
    scores = keras.layers.Activation("linear", dtype="float32", name="scores")(x)
    return keras.Model(inputs, scores, name=name)

"""ResNet generator (CycleGAN section 7.2; Johnson et al., arXiv:1603.08155)."""

import keras

from tfi2i.layers import RequireMultiple
from tfi2i.network_sizes import RESNET_SIZES
from tfi2i.networks.blocks import Blocks, Norm, Statistics, Upsample, image_input, relu


def resnet(
    num_blocks: int = 9,
    in_channels: int = 3,
    out_channels: int = 3,
    filters: int = 64,
    norm: Norm = "instance",
    dropout: float = 0.0,
    statistics: Statistics = "image",
    upsample: Upsample = "transpose",
    seed: int | None = None,
    name: str = "resnet",
    use_bias: bool | None = None,
) -> keras.Model:
    """Two halvings, residual blocks at a quarter of the size, two doublings.

    With `num_blocks=9` and instance norm this is the reference's `resnet_9blocks`:
    11,378,179 trainable parameters, initialized as in the reference.

    Args:
        num_blocks: residual blocks; the paper uses 6 at 128 pixels, 9 at 256.
        in_channels: of the input.
        out_channels: of the output.
        filters: of the first convolution.
        norm: `"batch"`, `"instance"`, `"instance_affine"` or `"none"`.
        dropout: rate inside each residual block; 0 for none.
        statistics: what batch norm uses at inference, `"image"` (each image's own)
            or `"stored"`.
        upsample: `"transpose"`, `"resize_conv"` or `"subpixel"`.
        seed: integer that fixes all initial weights and dropout; None draws one.
        name: of the model.
        use_bias: of all convolutions except the last, which has one; None: as in the
            reference, with instance norm only.

    Returns:
        `keras.Model` from `(batch, height, width, in_channels)` to
        `(batch, height, width, out_channels)`, both in [-1, 1]; height and width
        must be multiples of 4, at least 8. Training refuses crops below 16, and
        `tfi2i.load` pads images to 16 (`tfi2i.network_sizes.RESNET_SIZES`).

    Raises:
        ValueError: `num_blocks` below 0, an unknown choice, a bad rate.
    """
    if num_blocks < 0:
        raise ValueError(f"num_blocks must be 0 or more. Received {num_blocks}.")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be in [0, 1). Received {dropout}.")
    blocks = Blocks(norm, statistics, upsample, seed, use_bias=use_bias)
    inputs = image_input(in_channels)
    multiple, minimum = RESNET_SIZES
    size = RequireMultiple(multiple, "Resize, or crop", minimum, name="size")
    x = size(inputs)
    x = blocks.conv(filters, 7, "stem", pad=3, pad_mode="reflect")(x)
    x = relu(blocks.norm(x, "stem_norm"), "stem_relu")
    for level in (1, 2):
        # "same" would pad bottom and right only and shift the grid by a pixel.
        width = filters * 2**level
        x = blocks.conv(width, 3, f"down{level}", strides=2, pad=1)(x)
        x = relu(blocks.norm(x, f"down{level}_norm"), f"down{level}_relu")
    for index in range(1, num_blocks + 1):
        x = _residual_block(blocks, x, filters * 4, dropout, f"block{index}")
    for level in (2, 1):
        x = blocks.upsample(x, filters * level, 3, f"up{level}")
        x = relu(blocks.norm(x, f"up{level}_norm"), f"up{level}_relu")
    x = blocks.conv(out_channels, 7, "head", use_bias=True, pad=3, pad_mode="reflect")(
        x
    )
    outputs = keras.layers.Activation("tanh", dtype="float32", name="tanh")(x)
    return keras.Model(inputs, outputs, name=name)


def _residual_block(blocks, inputs, filters, dropout, name):
    """Two times padding, convolution and normalization, added to the input."""
    pad = {"pad": 1, "pad_mode": "reflect"}
    x = blocks.conv(filters, 3, f"{name}_conv1", **pad)(inputs)
    x = relu(blocks.norm(x, f"{name}_norm1"), f"{name}_relu")
    x = blocks.dropout(x, dropout, f"{name}_dropout")
    x = blocks.conv(filters, 3, f"{name}_conv2", **pad)(x)
    x = blocks.norm(x, f"{name}_norm2")
    return keras.layers.Add(name=f"{name}_add")([inputs, x])

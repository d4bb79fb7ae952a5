"""U-Net generator (pix2pix section 3.2.1; Ronneberger et al., arXiv:1505.04597)."""

import keras

from tfi2i.layers import RequireMultiple
from tfi2i.network_sizes import unet_sizes
from tfi2i.networks.blocks import (
    Blocks,
    Norm,
    Statistics,
    Upsample,
    image_input,
    leaky_relu,
    relu,
)


def unet(
    num_downs: int = 8,
    in_channels: int = 3,
    out_channels: int = 3,
    filters: int = 64,
    norm: Norm = "batch",
    dropout: float = 0.5,
    statistics: Statistics = "image",
    upsample: Upsample = "transpose",
    skips: bool = True,
    seed: int | None = None,
    name: str = "unet",
    use_bias: bool | None = None,
) -> keras.Model:
    """An encoder and a decoder with a skip connection at every size.

    With `num_downs=8` and batch norm this is the reference's `unet_256`:
    54,413,955 trainable parameters, initialized as in the reference.

    Args:
        num_downs: how many times height and width are halved; inputs must be
            multiples of `2**num_downs`. 8 takes 256 pixels to one.
        in_channels: of the input.
        out_channels: of the output.
        filters: of the first convolution; they double with each halving, up to
            eight times.
        norm: `"batch"`, `"instance"`, `"instance_affine"` or `"none"`. The
            innermost level of the encoder and the outermost have none.
        dropout: rate in the decoder's levels with eight times `filters`, except the
            innermost, as in the PyTorch reference; 0 for none.
        statistics: what batch norm uses at inference, `"image"` (each image's own,
            as pix2pix does at test time) or `"stored"`.
        upsample: `"transpose"`, `"resize_conv"` or `"subpixel"`.
        skips: False gives the encoder-decoder of the paper's ablation.
        seed: integer that fixes all initial weights and dropout; None draws one.
        name: of the model.
        use_bias: of all convolutions except the last, which has one; None: as in the
            reference, with instance norm only.

    Returns:
        `keras.Model` from `(batch, height, width, in_channels)` to
        `(batch, height, width, out_channels)`, both in [-1, 1].

    Raises:
        ValueError: `num_downs` below 2, an unknown choice, a bad rate.
    """
    if num_downs < 2:
        raise ValueError(f"num_downs must be 2 or more. Received {num_downs}.")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be in [0, 1). Received {dropout}.")
    blocks = Blocks(norm, statistics, upsample, seed, use_bias=use_bias)
    widths = [filters * min(2**level, 8) for level in range(num_downs)]
    inputs = image_input(in_channels)
    size = RequireMultiple(
        unet_sizes(num_downs).multiple,
        f"This U-Net halves {num_downs} times: resize, or pass a smaller num_downs",
        name="size",
    )
    levels = _encode(blocks, size(inputs), widths)
    x = levels[-1]
    for level in reversed(range(1, num_downs)):
        x = relu(x, f"up{level + 1}_relu")
        x = blocks.upsample(x, widths[level - 1], 4, f"up{level + 1}")
        x = blocks.norm(x, f"up{level + 1}_norm")
        if 4 <= level < num_downs - 1:
            x = blocks.dropout(x, dropout, f"up{level + 1}_dropout")
        if skips:
            join = keras.layers.Concatenate(name=f"skip{level}")
            x = join([levels[level - 1], x])
    x = relu(x, "up1_relu")
    x = blocks.upsample(x, out_channels, 4, "up1", use_bias=True)
    outputs = keras.layers.Activation("tanh", dtype="float32", name="tanh")(x)
    return keras.Model(inputs, outputs, name=name)


def _encode(blocks, x, widths):
    """Returns the encoder's feature maps, from the largest to the innermost."""
    levels = []
    for level, width in enumerate(widths):
        layer = f"down{level + 1}"
        if level > 0:
            x = leaky_relu(x, f"{layer}_relu")
        x = blocks.conv(width, 4, layer, strides=2, padding="same")(x)
        if 0 < level < len(widths) - 1:
            x = blocks.norm(x, f"{layer}_norm")
        levels.append(x)
    return levels

"""Makes the files beside it with PyTorch: checkpoints, and what their networks paint.

    python make.py

The networks are restated here from the papers and the reference's parameter tables,
with what other projects do differently. Each file holds a state_dict below `weights/`,
`input`, `output_train` (a pass in training mode) and `output_eval` (evaluation mode)
with those weights, images as NHWC; `config` are the options. Tests only read the files;
they need no PyTorch.
"""

import functools
from pathlib import Path

import numpy as np
import torch
from torch import nn

NORMS = {
    "batch": nn.BatchNorm2d,
    "instance": nn.InstanceNorm2d,
    "instance_affine": functools.partial(nn.InstanceNorm2d, affine=True),
    # As of mid-2018.
    "tracking": functools.partial(nn.InstanceNorm2d, track_running_stats=True),
    "none": lambda channels: nn.Identity(),
}


class Options:
    """How one network departs from others of its family."""

    def __init__(self, norm="batch", bias=None, upsample="transpose", spectral=None):
        self.norm = NORMS[norm]
        self.bias = norm not in ("batch", "none") if bias is None else bias
        self.upsampling = upsample
        self.spectral = spectral

    def conv(self, *sizes, bias=None, transposed=False):
        make = nn.ConvTranspose2d if transposed else nn.Conv2d
        layer = make(*sizes, bias=self.bias if bias is None else bias)
        if self.spectral == "hook":
            return nn.utils.spectral_norm(layer)
        if self.spectral == "parametrization":
            return nn.utils.parametrizations.spectral_norm(layer)
        return layer

    def up(self, entering, leaving, size, bias=None):
        if self.upsampling == "resize_conv":
            conv = self.conv(entering, leaving, 3, bias=bias)
            return [nn.Upsample(scale_factor=2), nn.ReflectionPad2d(1), conv]
        if self.upsampling == "subpixel":
            conv = self.conv(entering, 4 * leaving, 3, 1, 1, bias=bias)
            return [conv, nn.PixelShuffle(2)]
        padding = (2, 1, 1) if size == 3 else (2, 1)
        return [
            self.conv(entering, leaving, size, *padding, bias=bias, transposed=True)
        ]


class Level(nn.Module):
    """One size of a U-Net, around all smaller ones."""

    def __init__(self, o, channels, widths, skips, inner=None, dropout=0.0):
        super().__init__()
        outer, entering, width = channels
        joined = 2 if skips and inner else 1
        down = [o.conv(entering, width, 4, 2, 1)]
        if widths == "outermost":
            up = [nn.ReLU(), *o.up(joined * width, outer, 4, bias=True), nn.Tanh()]
        else:
            down.insert(0, nn.LeakyReLU(0.2))
            if inner:
                down.append(o.norm(width))
            up = [nn.ReLU(), *o.up(joined * width, outer, 4), o.norm(outer)]
        if dropout:
            up.append(nn.Dropout(dropout))
        self.skips = skips and widths != "outermost"
        self.model = nn.Sequential(*down, *([inner] if inner else []), *up)

    def forward(self, x):
        y = self.model(x)
        return torch.cat([x, y], 1) if self.skips else y


def unet(downs, f, channels=(3, 3), skips=True, dropout=0.0, **options):
    """The nested form of the reference, of any depth."""
    o = Options(**options)
    widths = [f * min(2**level, 8) for level in range(downs)]
    level = None
    for index in reversed(range(1, downs)):
        outer = entering = widths[index - 1]
        level = Level(o, (outer, entering, widths[index]), "", skips, level, dropout)
    sides = (channels[1], channels[0], f)
    return Level(o, sides, "outermost", skips, level)


class FlatUNet(nn.Module):
    """A U-Net whose encoder is listed whole before its decoder, as others write it."""

    def __init__(self, downs, f, channels=(3, 3), **options):
        super().__init__()
        o = Options(**options)
        widths = [f * min(2**level, 8) for level in range(downs)]
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        for index, width in enumerate(widths):
            entering = widths[index - 1] if index else channels[0]
            block = nn.Sequential()
            if index:
                block.add_module("activation", nn.LeakyReLU(0.2))
            block.add_module("convolve", o.conv(entering, width, 4, 2, 1))
            if 0 < index < downs - 1:
                block.add_module("standardise", o.norm(width))
            self.encoder.append(block)
        entering = widths[-1]
        for width in reversed(widths[:-1]):
            block = nn.Sequential(nn.ReLU(), *o.up(entering, width, 4), o.norm(width))
            self.decoder.append(block)
            entering = 2 * width
        self.paint = nn.Sequential(*o.up(entering, channels[1], 4, bias=True))

    def forward(self, x):
        kept = []
        for block in self.encoder:
            x = block(x)
            kept.append(x)
        for block, skipped in zip(self.decoder, kept[-2::-1], strict=True):
            x = torch.cat([skipped, block(x)], 1)
        return torch.tanh(self.paint(torch.relu(x)))


class Residual(nn.Module):
    """A block of two convolutions whose result is added."""

    def __init__(self, o, width, dropout):
        super().__init__()
        layers = [nn.ReflectionPad2d(1), o.conv(width, width, 3), o.norm(width)]
        dropped = [nn.Dropout(dropout)] if dropout else []
        self.conv_block = nn.Sequential(
            *layers,
            nn.ReLU(),
            *dropped,
            nn.ReflectionPad2d(1),
            o.conv(width, width, 3),
            o.norm(width),
        )

    def forward(self, x):
        return x + self.conv_block(x)


def resnet(blocks, f, channels=(3, 3), dropout=0.0, **options):
    """The ResNet generator."""
    o = Options(**options)
    layers = [nn.ReflectionPad2d(3), o.conv(channels[0], f, 7), o.norm(f), nn.ReLU()]
    for width in (2 * f, 4 * f):
        down = o.conv(width // 2, width, 3, 2, 1)
        layers += [down, o.norm(width), nn.ReLU()]
    layers += [Residual(o, 4 * f, dropout) for _ in range(blocks)]
    for width in (2 * f, f):
        layers += [*o.up(2 * width, width, 3), o.norm(width), nn.ReLU()]
    head = o.conv(f, channels[1], 7, bias=True)
    return nn.Sequential(*layers, nn.ReflectionPad2d(3), head, nn.Tanh())


def patchgan(num_layers, f, channels=3, **options):
    """The discriminator of patches."""
    o = Options(**options)
    layers = [o.conv(channels, f, 4, 2, 1, bias=True), nn.LeakyReLU(0.2)]
    entering = f
    for level in range(1, num_layers + 1):
        width = f * min(2**level, 8)
        stride = 1 if level == num_layers else 2
        conv = o.conv(entering, width, 4, stride, 1)
        layers += [conv, o.norm(width), nn.LeakyReLU(0.2)]
        entering = width
    return nn.Sequential(*layers, o.conv(entering, 1, 4, 1, 1, bias=True))


def pixel(f, channels=3, **options):
    """The discriminator of pixels."""
    o = Options(**options)
    return nn.Sequential(
        o.conv(channels, f, 1, bias=True),
        nn.LeakyReLU(0.2),
        o.conv(f, 2 * f, 1),
        o.norm(2 * f),
        nn.LeakyReLU(0.2),
        o.conv(2 * f, 1, 1),
    )


FAMILIES = {
    "unet": unet,
    "flat_unet": FlatUNet,
    "resnet": resnet,
    "patchgan": patchgan,
    "pixel": pixel,
}


def results(family, side, seed=0, parallel=False, images=1, **options):
    """Returns the arrays of one file."""
    torch.manual_seed(seed)
    network = FAMILIES[family](**options)
    for name, parameter in network.named_parameters():
        # Larger than initial weights, so that errors show, but not so large that
        # values grow from layer to layer.
        if parameter.ndim == 4:
            nn.init.normal_(parameter, 0, parameter[0].numel() ** -0.5)
        elif name.endswith("weight"):
            nn.init.normal_(parameter, 1, 0.2)
        else:
            nn.init.normal_(parameter, 0, 0.2)
    channels = options.get("channels", 3)
    entering = channels if isinstance(channels, int) else channels[0]
    image = torch.empty(images, entering, side, side).uniform_(-1, 1)
    with torch.no_grad():
        # Moves running statistics, and the vectors of spectral norm to where training
        # leaves them: there, PyTorch's two forms of it agree.
        for _ in range(1000 if options.get("spectral") else 20):
            network(image)
        state = network.state_dict()
        stored = {name: value.clone() for name, value in state.items()}
        if options.get("norm") == "tracking":
            # Whose statistics the reference's loader deletes.
            network = FAMILIES[family](**{**options, "norm": "instance"})
            known = network.state_dict()
            network.load_state_dict({k: v for k, v in stored.items() if k in known})
        painted = network.eval()(image)
        train = network.train()(image)
    prefix = "module." if parallel else ""
    arrays = {f"weights/{prefix}{name}": v.numpy() for name, v in stored.items()}
    for name, value in (
        ("input", image),
        ("output_train", train),
        ("output_eval", painted),
    ):
        arrays[name] = value.permute(0, 2, 3, 1).numpy()
    config = dict(options, family=family)
    return {"config": np.array(repr(config)), **arrays}


FILES = {
    "unet_5_affine_1to4": dict(
        family="unet", side=32, downs=5, f=2, channels=(1, 4), norm="instance_affine"
    ),
    "unet_2_none": dict(family="unet", side=16, downs=2, f=3, norm="none"),
    "unet_6_flat_biases": dict(family="flat_unet", side=64, downs=6, f=1, bias=True),
    "unet_5_no_skips": dict(family="unet", side=32, downs=5, f=2, skips=False),
    "unet_3_subpixel": dict(
        family="unet", side=24, downs=3, f=3, upsample="subpixel", bias=True
    ),
    "resnet_2_tracking_parallel": dict(
        family="resnet", side=16, blocks=2, f=3, norm="tracking", parallel=True
    ),
    "resnet_0_none_2to1": dict(
        family="resnet", side=16, blocks=0, f=3, channels=(2, 1), norm="none"
    ),
    "resnet_1_subpixel": dict(
        family="resnet", side=16, blocks=1, f=3, norm="instance", upsample="subpixel"
    ),
    "resnet_1_resize_conv": dict(
        family="resnet", side=16, blocks=1, f=3, norm="instance", upsample="resize_conv"
    ),
    "resnet_1_spectral": dict(
        family="resnet", side=16, blocks=1, f=3, norm="instance", spectral="hook"
    ),
    "patchgan_1_affine": dict(
        family="patchgan", side=32, num_layers=1, f=3, norm="instance_affine"
    ),
    "patchgan_5_none_1ch": dict(
        family="patchgan", side=128, num_layers=5, f=2, channels=1, norm="none"
    ),
    "patchgan_3_spectral": dict(
        family="patchgan", side=32, num_layers=3, f=2, norm="none", spectral="hook"
    ),
    "patchgan_2_spectral_parametrized": dict(
        family="patchgan",
        side=32,
        num_layers=2,
        f=2,
        norm="instance",
        spectral="parametrization",
    ),
    "pixel_instance": dict(family="pixel", side=8, f=3, norm="instance"),
}

if __name__ == "__main__":
    for name, options in FILES.items():
        path = Path(__file__).with_name(f"{name}.npz")
        np.savez_compressed(path, **results(**options))

"""The PyTorch reference's networks and training steps, restated.

The same layers, losses, order of updates and optimizers as pytorch-CycleGAN-and-pix2pix
has at its defaults: `unet_256` with batch norm and dropout, `resnet_9blocks` with
instance norm, `basic` discriminators, Adam at 2e-4 with beta 0.5. Initial weights are
PyTorch's own, which speed does not depend on.
"""

import random

import torch
from torch import nn
from torch.nn import functional


class UNet(nn.Module):
    """`unet_256`: eight halvings, a skip connection at every size."""

    def __init__(self, filters=64, num_downs=8):
        super().__init__()
        widths = [filters * min(2**level, 8) for level in range(num_downs)]
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        last = num_downs - 1
        for level, width in enumerate(widths):
            before = 3 if level == 0 else widths[level - 1]
            layers = [nn.Conv2d(before, width, 4, 2, 1, bias=False)]
            if level:
                layers.insert(0, nn.LeakyReLU(0.2))
            if 0 < level < last:
                layers.append(nn.BatchNorm2d(width))
            self.downs.append(nn.Sequential(*layers))
            joined = width if level == last else 2 * width
            layers = [nn.ReLU()]
            if level == 0:
                layers += [nn.ConvTranspose2d(joined, 3, 4, 2, 1), nn.Tanh()]
            else:
                layers += [
                    nn.ConvTranspose2d(joined, before, 4, 2, 1, bias=False),
                    nn.BatchNorm2d(before),
                ]
            if 4 <= level < last:
                layers.append(nn.Dropout(0.5))
            self.ups.append(nn.Sequential(*layers))

    def forward(self, x):
        levels = []
        for down in self.downs:
            x = down(x)
            levels.append(x)
        for index in reversed(range(len(self.ups))):
            if index < len(self.ups) - 1:
                x = torch.cat([levels[index], x], 1)
            x = self.ups[index](x)
        return x


class ResNet(nn.Module):
    """`resnet_9blocks` with instance norm."""

    def __init__(self, filters=64, num_blocks=9):
        super().__init__()
        f = filters
        layers = [nn.ReflectionPad2d(3), *_normalized(nn.Conv2d(3, f, 7), f)]
        for width in (2 * f, 4 * f):
            conv = nn.Conv2d(width // 2, width, 3, 2, 1)
            layers += _normalized(conv, width)
        layers += [Block(4 * f) for _ in range(num_blocks)]
        for width in (2 * f, f):
            conv = nn.ConvTranspose2d(2 * width, width, 3, 2, 1, output_padding=1)
            layers += _normalized(conv, width)
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(f, 3, 7), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


class Block(nn.Module):
    """A residual block."""

    def __init__(self, width):
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1),
            *_normalized(nn.Conv2d(width, width, 3), width),
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3),
            nn.InstanceNorm2d(width),
        )

    def forward(self, x):
        return x + self.layers(x)


def _normalized(conv, width):
    return [conv, nn.InstanceNorm2d(width), nn.ReLU(True)]


def patchgan(in_channels, filters=64, norm=nn.BatchNorm2d):
    """The discriminator of 70x70 patches."""
    bias = norm is nn.InstanceNorm2d
    layers = [nn.Conv2d(in_channels, filters, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    for level, stride in ((1, 2), (2, 2), (3, 1)):
        before, width = filters * 2 ** (level - 1), filters * 2**level
        layers += [
            nn.Conv2d(before, width, 4, stride, 1, bias=bias),
            norm(width),
            nn.LeakyReLU(0.2, True),
        ]
    layers.append(nn.Conv2d(filters * 8, 1, 4, 1, 1))
    return nn.Sequential(*layers)


def _adam(*networks):
    parameters = [p for network in networks for p in network.parameters()]
    return torch.optim.Adam(parameters, lr=2e-4, betas=(0.5, 0.999))


def _set_requires_grad(networks, value):
    for network in networks:
        for parameter in network.parameters():
            parameter.requires_grad = value


def vanilla(scores, is_real):
    """Cross-entropy of raw scores."""
    target = torch.ones_like(scores) if is_real else torch.zeros_like(scores)
    return functional.binary_cross_entropy_with_logits(scores, target)


def lsgan(scores, is_real):
    """Squared distance from 1 or 0."""
    target = torch.ones_like(scores) if is_real else torch.zeros_like(scores)
    return functional.mse_loss(scores, target)


class Pix2Pix:
    """One step: the discriminator first, then the generator."""

    def __init__(self, prepare=lambda network: network, filters=64, num_downs=8):
        self.generator = prepare(UNet(filters, num_downs))
        self.discriminator = prepare(patchgan(6, filters))
        self.networks = [self.generator, self.discriminator]
        self.g_adam, self.d_adam = map(_adam, self.networks)

    def step(self, real_a, real_b):
        """Updates both; returns the losses."""
        fake_b = self.generator(real_a)
        real, fake = torch.cat([real_a, real_b], 1), torch.cat([real_a, fake_b], 1)
        _set_requires_grad([self.discriminator], True)
        self.d_adam.zero_grad()
        d_fake = vanilla(self.discriminator(fake.detach()), False)
        d_real = vanilla(self.discriminator(real), True)
        ((d_fake + d_real) * 0.5).backward()
        self.d_adam.step()
        _set_requires_grad([self.discriminator], False)
        self.g_adam.zero_grad()
        g_gan = vanilla(self.discriminator(fake), True)
        g_l1 = 100 * functional.l1_loss(fake_b, real_b)
        (g_gan + g_l1).backward()
        self.g_adam.step()
        return [loss.item() for loss in (d_fake, d_real, g_gan, g_l1)]


class CycleGAN:
    """One step: both generators, then both discriminators with their pools."""

    def __init__(self, prepare=lambda network: network, filters=64, num_blocks=9):
        self.g_a, self.g_b = (prepare(ResNet(filters, num_blocks)) for _ in "ab")
        self.d_a, self.d_b = (
            prepare(patchgan(3, filters, nn.InstanceNorm2d)) for _ in "ab"
        )
        self.networks = [self.g_a, self.g_b, self.d_a, self.d_b]
        self.g_adam, self.d_adam = _adam(self.g_a, self.g_b), _adam(self.d_a, self.d_b)
        self.pools = [Pool(), Pool()]

    def step(self, real_a, real_b):
        """Updates all four; returns the losses."""
        fake_b, fake_a = self.g_a(real_a), self.g_b(real_b)
        cycled_a, cycled_b = self.g_b(fake_b), self.g_a(fake_a)
        _set_requires_grad([self.d_a, self.d_b], False)
        self.g_adam.zero_grad()
        l1 = functional.l1_loss
        losses = [
            5 * l1(self.g_a(real_b), real_b),
            5 * l1(self.g_b(real_a), real_a),
            lsgan(self.d_b(fake_b), True),
            lsgan(self.d_a(fake_a), True),
            10 * l1(cycled_a, real_a),
            10 * l1(cycled_b, real_b),
        ]
        sum(losses).backward()
        self.g_adam.step()
        _set_requires_grad([self.d_a, self.d_b], True)
        self.d_adam.zero_grad()
        for judge, real, fake, pool in (
            (self.d_b, real_b, fake_b, self.pools[0]),
            (self.d_a, real_a, fake_a, self.pools[1]),
        ):
            loss = lsgan(judge(real), True) + lsgan(judge(pool(fake.detach())), False)
            loss = loss * 0.5
            loss.backward()
            losses.append(loss)
        self.d_adam.step()
        return [loss.item() for loss in losses]


class Pool:
    """A history of 50 painted images."""

    def __init__(self, size=50):
        self.size, self.images = size, []

    def __call__(self, batch):
        found = []
        for image in batch[:, None]:
            if len(self.images) < self.size:
                self.images.append(image)
            elif random.random() > 0.5:
                index = random.randrange(self.size)
                image, self.images[index] = self.images[index], image.clone()
            found.append(image)
        return torch.cat(found)


def take_weights(restated, network):
    """Gives a restated network the weights of ours.

    Args:
        restated: `UNet`, `ResNet` or `patchgan`.
        network: `keras.Model` of the same architecture.
    """
    for (convolution, norm), name in zip(
        _pairs(restated), _names(restated, network), strict=True
    ):
        layer = network.get_layer(name)
        # Of both kinds of convolution, the last axis of ours is the first of theirs.
        _fill(convolution.weight, layer.kernel.numpy().transpose(3, 2, 0, 1))
        if convolution.bias is not None:
            _fill(convolution.bias, layer.bias.numpy())
        if norm is not None:
            layer = network.get_layer(f"{name}_norm")
            _fill(norm.weight, layer.gamma.numpy())
            _fill(norm.bias, layer.beta.numpy())


def _fill(parameter, values):
    with torch.no_grad():
        parameter.copy_(torch.from_numpy(values.copy()))


def _pairs(restated):
    """Every convolution with the batch norm that follows it, in order."""
    pairs = []
    for module in restated.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            pairs.append([module, None])
        elif isinstance(module, nn.BatchNorm2d):
            pairs[-1][1] = module
    return pairs


def _names(restated, network):
    """What ours calls them."""
    if isinstance(restated, UNet):
        levels = range(1, len(restated.downs) + 1)
        return [f"down{n}" for n in levels] + [f"up{n}" for n in levels]
    return [layer.name for layer in network.layers if hasattr(layer, "kernel")]

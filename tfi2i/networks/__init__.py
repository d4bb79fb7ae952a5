"""Generators and discriminators: functions that return a functional `keras.Model`."""

from tfi2i.networks.patchgan import patchgan, pixel_discriminator
from tfi2i.networks.resnet import resnet
from tfi2i.networks.unet import unet

__all__ = ["patchgan", "pixel_discriminator", "resnet", "unet"]

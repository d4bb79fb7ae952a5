"""Trainers: `keras.Model` subclasses with a `train_step` of their own."""

from tfi2i.layers import ImagePool
from tfi2i.models.adam import Adam
from tfi2i.models.adversarial import AdversarialModel
from tfi2i.models.cyclegan import CycleGAN
from tfi2i.models.pix2pix import Pix2Pix
from tfi2i.models.schedules import ConstantThenLinear

__all__ = [
    "Adam",
    "AdversarialModel",
    "ConstantThenLinear",
    "CycleGAN",
    "ImagePool",
    "Pix2Pix",
]

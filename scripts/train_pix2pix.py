"""Pix2Pix with a `fit` of its own, to read and to copy.

    python scripts/train_pix2pix.py FOLDER [--size 256] [--epochs 200]

FOLDER holds train and test; in each, A and B with equal file names, or images with A on
the left and B on the right. Painted test images go to pix2pix.png.
"""

import argparse
import math

import keras
import numpy as np

import tfi2i

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("folder")
parser.add_argument("--size", type=int, default=256, help="a power of 2, from 32 on")
parser.add_argument("--epochs", type=int, default=200)
parser.add_argument("--batch-size", type=int, default=1)
parser.add_argument("--filters", type=int, default=64)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

keras.utils.set_random_seed(args.seed)
load_size = round(args.size * 286 / 256)
train = tfi2i.data.paired(
    args.folder,
    split="train",
    load_size=load_size,
    crop_size=args.size,
    batch_size=args.batch_size,
    seed=args.seed,
)
test = tfi2i.data.paired(args.folder, split="test", crop_size=args.size)

num_downs = min(8, int(math.log2(args.size)))
model = tfi2i.Pix2Pix(
    generator=tfi2i.networks.unet(num_downs, filters=args.filters),
    discriminator=tfi2i.networks.patchgan(in_channels=6, filters=args.filters),
)
constant = args.epochs - args.epochs // 2
optimizers = [
    tfi2i.models.Adam(
        tfi2i.ConstantThenLinear(2e-4, constant, args.epochs // 2, len(train))
    )
    for _ in range(2)
]
model.compile(*optimizers)
model.fit(train, epochs=args.epochs, callbacks=[keras.callbacks.TensorBoard("logs")])
model.save("pix2pix.keras")

images = model.paint(next(iter(test.rebatch(4))))
panel = np.concatenate(list(images.values()), axis=2)
pixels = (panel.reshape(-1, *panel.shape[2:]) + 1) * 127.5
keras.utils.save_img("pix2pix.png", pixels, scale=False)

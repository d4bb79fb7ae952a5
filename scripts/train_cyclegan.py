"""CycleGAN with a `fit` of its own, to read and to copy.

    python scripts/train_cyclegan.py FOLDER [--size 256] [--epochs 200]

FOLDER holds trainA, trainB, testA and testB, or train and test with A and B in each;
names need not match. Painted test images go to cyclegan.png.
"""

import argparse

import keras
import numpy as np

import tfi2i

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("folder")
parser.add_argument("--size", type=int, default=256, help="a multiple of 4, from 24 on")
parser.add_argument("--epochs", type=int, default=200)
parser.add_argument("--filters", type=int, default=64)
parser.add_argument("--blocks", type=int, default=9, help="6 are enough at size 128")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

keras.utils.set_random_seed(args.seed)
train = tfi2i.data.unpaired(
    args.folder,
    split="train",
    load_size=round(args.size * 286 / 256),
    crop_size=args.size,
    seed=args.seed,
)
test = tfi2i.data.unpaired(args.folder, split="test", crop_size=args.size)

generators = [
    tfi2i.networks.resnet(args.blocks, filters=args.filters) for _ in range(2)
]
discriminators = [
    tfi2i.networks.patchgan(filters=args.filters, norm="instance") for _ in range(2)
]
model = tfi2i.CycleGAN(*generators, *discriminators)
constant = args.epochs - args.epochs // 2
optimizers = [
    tfi2i.models.Adam(
        tfi2i.ConstantThenLinear(2e-4, constant, args.epochs // 2, len(train))
    )
    for _ in range(2)
]
model.compile(*optimizers)
model.fit(train, epochs=args.epochs, callbacks=[keras.callbacks.TensorBoard("logs")])
model.save("cyclegan.keras")

images = model.paint(next(iter(test.rebatch(4))))
panel = np.concatenate(list(images.values()), axis=2)
pixels = (panel.reshape(-1, *panel.shape[2:]) + 1) * 127.5
keras.utils.save_img("cyclegan.png", pixels, scale=False)

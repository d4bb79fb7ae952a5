"""A program of a user, which `mypy` reads and nothing runs: it sees real types."""

from typing import assert_type

import numpy as np
from PIL import Image

import tfi2i
from tfi2i.evaluation import Evaluation
from tfi2i.exports import Export
from tfi2i.inference import Report, Translator
from tfi2i.recipes import Recipe, TrainConfig

translator = tfi2i.load("saved_models/photos", "a2b", size="trained")
assert_type(translator, Translator)
assert_type(translator.direction, str | None)
assert_type(translator(np.zeros((64, 64, 3), np.uint8)), np.ndarray)
assert_type(translator(Image.new("RGB", (64, 64))), Image.Image)

assert_type(tfi2i.translate("saved_models/photos", "in", "out"), Report)
assert_type(tfi2i.evaluate("saved_models/photos", split="val"), list[Evaluation])
assert_type(tfi2i.export("saved_models/photos", formats=["onnx"]), list[Export])
assert_type(tfi2i.__version__, str)
assert_type(tfi2i.recipes.RECIPES["pix2pix"], Recipe)
config = tfi2i.recipes.customize("pix2pix", {"data.dir": "photos", "epochs": 100})
assert_type(config, TrainConfig)
tfi2i.train(config, run="saved_models/photos")

# What is wrong is found before anything runs: an ignored error that is none is one.
tfi2i.lode("saved_models/photos")  # type: ignore[attr-defined]
tfi2i.load("saved_models/photos", size="large")  # type: ignore[arg-type]
tfi2i.load("saved_models/photos", tiles=512)  # type: ignore[call-arg]
tfi2i.translate("saved_models/photos", "in", "out", half="up")  # type: ignore[arg-type]
tfi2i.evaluate("saved_models/photos", split="dev")  # type: ignore[arg-type]
tfi2i.export("saved_models/photos", formats=["h5"])  # type: ignore[list-item]
tfi2i.networks.unet(num_down=8)  # type: ignore[call-arg]
tfi2i.networks.resnet(upsample="nearest")  # type: ignore[arg-type]
tfi2i.layers.InstanceNormalization(affine="no")  # type: ignore[arg-type]
tfi2i.data.paired("photos", split=1)  # type: ignore[arg-type]
tfi2i.interop.from_torch("latest_net_G.pth", dropout="0.5")  # type: ignore[arg-type]
tfi2i.interop.from_addons("model.h5", free_size="no")  # type: ignore[arg-type]
tfi2i.Pix2Pix(None, l1_weight=None)  # type: ignore[arg-type]

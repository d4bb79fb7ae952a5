"""A trainer that the package does not know: three players, a label, two ways."""

from dataclasses import dataclass
from typing import ClassVar

import keras
import tensorflow as tf

from tfi2i.data import PairedData
from tfi2i.losses import l1_loss
from tfi2i.models import AdversarialModel
from tfi2i.models.added_losses import run
from tfi2i.models.extra_inputs import as_batch
from tfi2i.recipes import splits
from tfi2i.recipes.config import ModelConfig
from tfi2i.ways import Way

WAYS = (
    Way("to_b", "a", "b", has_truth=True, defaults={"label": (1.0, 0.0)}),
    Way("to_a", "b", "a", has_truth=False, defaults={"label": (0.0, 1.0)}),
)
NAMES = ("painter", "judge", "sorter")
LOSSES = ("p_l1", "p_gan", "j_real", "j_fake", "s_label")


@keras.saving.register_keras_serializable(package="made_up")
class MadeUp(AdversarialModel):  # Paints what a label asks for.
    network_names = NAMES
    other_entries = ("label",)

    def __init__(self, painter, judge, sorter, **kwargs):
        super().__init__(LOSSES, **kwargs)
        self.painter, self.judge, self.sorter = painter, judge, sorter
        self.built = True

    @property
    def players(self):
        return {name: (name,) for name in NAMES}

    @property
    def ways(self):
        return WAYS

    def translator(self, way):
        return self.painter

    def paint(self, batch):
        fakes = {w.output: self._painted(w, batch[w.input], False) for w in WAYS}
        return {"real_a": batch["a"], "real_b": batch["b"], **fakes}

    def step(self, batch, training=True):
        with self.player("sorter", training) as sorter:
            sorter.minimize(self._sorter_losses, batch, training)
        with self.player("painter", training) as painter:
            fakes = painter.compute(self._painted, WAYS[0], batch["a"], training)
            with self.player("judge", training, 0.5) as judge:
                judge.minimize(self._judge_losses, batch["b"], fakes, training)
            painter.minimize(self._painter_losses, batch["b"], fakes, training)
        return sorter.losses | judge.losses | painter.losses

    def _painted(self, way, images, training):
        label = as_batch(way.defaults["label"], images)
        return run(self.painter, [images, label], training)

    def _sorter_losses(self, batch, training):
        scores = run(self.sorter, batch["b"], training)
        return {"s_label": tf.reduce_mean((scores - batch["label"]) ** 2)}

    def _judge_losses(self, real, fakes, training):
        scores = [run(self.judge, images, training) for images in (real, fakes)]
        j_real, j_fake = self.adversarial.discriminator(*scores)
        return {"j_real": j_real, "j_fake": j_fake}

    def _painter_losses(self, real, fakes, training):
        gan = self.adversarial.generator(run(self.judge, fakes, training))
        return {"p_l1": l1_loss(real, fakes), "p_gan": gan}


class LabelledPairs(PairedData):  # A reader of another kind of data.
    def training(self, **options):
        return super().training(**options).map(_with_label)

    def evaluation(self, *args, **options):
        return super().evaluation(*args, **options).map(_with_label)


def _with_label(batch):
    return batch | {"label": as_batch((0.0, 1.0), batch["a"])}


@dataclass(frozen=True)
class MadeUpConfig(ModelConfig):
    type: ClassVar[str] = "made_up"
    takes_pairs: ClassVar[bool] = True
    filters: int = 4

    def ways(self, data):
        return WAYS

    def losses(self):
        return LOSSES

    def load_data(self, config, split, limit, usual):
        how = splits.preprocessing(config, split)
        pairs = splits.load_pairs(config.data, how, split, limit, usual)
        return LabelledPairs(*pairs.images.values(), pairs.files)

    def build(self, config):
        image, label = keras.Input((None, None, 3)), keras.Input((2,), name="label")
        wide = keras.layers.Conv2D(self.filters, 3, padding="same")(image)
        shift = keras.layers.Dense(self.filters)(label)
        x = wide + keras.layers.Reshape((1, 1, -1))(shift)
        painted = keras.layers.Conv2D(3, 3, padding="same", activation="tanh")(x)
        judged = keras.layers.Conv2D(1, 3)(image)
        sorted_ = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(image))
        outputs = (([image, label], painted), (image, judged), (image, sorted_))
        return MadeUp(*(keras.Model(*ends) for ends in outputs))

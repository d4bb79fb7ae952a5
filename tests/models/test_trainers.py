"""What every trainer is held to, the package's own and one that it does not know."""

import keras
import numpy as np
import pytest

from tests.checks import (
    check_trainer,
    images,
    least_cyclegan,
    least_pix2pix,
    tiny_cyclegan,
    tiny_pix2pix,
)
from tests.made_up import MadeUpConfig
from tfi2i.recipes import build
from tfi2i.recipes.config import TrainConfig

A, B = images(2, 16, 16, 3), images(2, 16, 16, 3, seed=1)


def _made_up():
    keras.utils.set_random_seed(0)
    return build.build_model(TrainConfig(model=MadeUpConfig()))


def test_each_player_has_an_optimizer_of_its_own():
    model = _made_up()
    model.compile("sgd", sorter_optimizer="rmsprop")
    kinds = [type(optimizer).__name__ for optimizer in model.optimizers.values()]
    assert kinds == ["SGD", "Adam", "RMSprop"]
    with pytest.raises(TypeError, match="takes 3 optimizers .*. Received 4"):
        model.compile(*["sgd"] * 4)
    with pytest.raises(TypeError, match="received painter_optimizer twice"):
        model.compile("sgd", painter_optimizer="sgd")
    one = keras.optimizers.SGD()
    with pytest.raises(ValueError, match="^painter_optimizer and judge_.* are one"):
        model.compile(one, one)


@pytest.mark.parametrize(
    ("make", "others"),
    [
        (least_pix2pix, {}),
        (lambda: least_cyclegan(pool_size=3), {}),
        (_made_up, {"label": np.eye(2, dtype=np.float32)}),
        pytest.param(
            lambda: tiny_pix2pix(direction="b2a", l2_weight=1.0),
            {},
            marks=pytest.mark.slow,
        ),
        pytest.param(tiny_cyclegan, {}, marks=pytest.mark.slow),
    ],
    ids=["pix2pix", "cyclegan", "made up", "pix2pix back", "deep cyclegan"],
)
def test_trainer(make, others):
    check_trainer(make, {"a": A, "b": B, **others})

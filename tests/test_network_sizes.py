"""The sizes that networks take, against what networks and configurations do."""

import pytest

from tests.checks import images
from tests.recipes.changes import config
from tfi2i.network_sizes import RESNET_SIZES, unet_sizes
from tfi2i.networks import resnet, unet
from tfi2i.recipes.resolve import resolve


@pytest.mark.parametrize("name", ["unet", "resnet"])
def test_configurations_accept_what_networks_take(name):
    generator, rule = {
        "unet": ({"num_downs": 5}, unet_sizes(5)),
        "resnet": ({"network": "resnet"}, RESNET_SIZES),
    }[name]
    changes = {f"model__generator__{key}": value for key, value in generator.items()}
    for side in range(2, 100, 2):
        changed = config(
            **changes, data__crop_size=side, model__discriminator__num_layers=1
        )
        if rule.fits(side):
            assert resolve(changed).data.crop_size == side
        else:
            with pytest.raises(ValueError, match=f"--data.crop-size is {side}; "):
                resolve(changed)


def test_the_smallest_image_of_each():
    for network, rule in (
        (unet(5, filters=1), unet_sizes(5)),
        (resnet(1, filters=1), RESNET_SIZES),
    ):
        side = rule.minimum
        assert network(images(1, side, side, 3)).shape == (1, side, side, 3)
        with pytest.raises(ValueError, match=f"multiples of {rule.multiple} here"):
            network(images(1, side + rule.multiple // 2, side, 3))

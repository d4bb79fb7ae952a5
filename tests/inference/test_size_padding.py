"""Any size through networks that take certain sizes, against np.pad."""

import numpy as np
import pytest
import tensorflow as tf

from tfi2i.inference.size_padding import run_padded, size_rule
from tfi2i.network_sizes import SizeRule
from tfi2i.networks import resnet, unet


@pytest.mark.parametrize("rule", [SizeRule(8, 8), SizeRule(4, 16), SizeRule(32, 32)])
@pytest.mark.parametrize("shape", [(1, 1), (2, 33), (7, 5), (8, 32), (31, 17)])
def test_pads_by_reflection_and_crops_back(rule, shape):
    image = np.arange(2 * shape[0] * shape[1] * 3, dtype=np.float32)
    image = image.reshape(2, *shape, 3)
    seen = []

    def network(padded):
        seen.append(padded.numpy())
        return padded * 2

    output = run_padded(network, tf.constant(image), rule)
    np.testing.assert_array_equal(output, image * 2)
    pads = [(0, 0)]
    for side in shape:
        target = max(rule.minimum, -(-side // rule.multiple) * rule.multiple)
        before = (target - side) // 2
        pads.append((before, target - side - before))
    expected = np.pad(image, [*pads, (0, 0)], mode="reflect")
    np.testing.assert_array_equal(seen[0], expected)


def test_networks_tell_their_rule():
    assert size_rule(unet(6, filters=1)) == SizeRule(64, 64)
    assert size_rule(resnet(1, filters=1)) == SizeRule(4, 16)

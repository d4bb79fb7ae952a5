"""Networks against the PyTorch reference's outputs, tests/golden/networks."""

import numpy as np
import pytest

from tests import reference

FILES = sorted((reference.GOLDEN / "networks").glob("*.npz"))


def _network(config):
    if "netG" in config:
        return reference.generator(config)
    return reference.discriminator(config, config["input_nc"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_outputs_are_the_reference_s(path):
    arrays, config = reference.read(path)
    network = _network(config)
    reference.load(network, reference.under(arrays, "weights"))
    start, step = arrays.get("output_slice", (0, 1))
    for training, expected in ((True, "output_train"), (False, "output_eval")):
        # The stored weights are those after the pass in training mode, which moved
        # the running statistics only: evaluate before that happens again.
        output = network(arrays["input"], training=training).numpy()
        output = output[:, start::step, start::step]
        np.testing.assert_allclose(output, arrays[expected], rtol=0, atol=2e-5)
        reference.load(network, reference.under(arrays, "weights"))


def test_golden_files_are_found():
    assert len(FILES) >= 3

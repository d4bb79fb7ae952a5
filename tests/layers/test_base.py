"""What layers refuse."""

import pytest

from tfi2i.layers import (
    BatchNormalization,
    InstanceNormalization,
    ReflectionPadding2D,
)


@pytest.mark.parametrize(
    "make", [InstanceNormalization, BatchNormalization, ReflectionPadding2D]
)
@pytest.mark.parametrize("shape", [(None, 8, 8, None), (None, 8, 8), (2, 8, 8, 3, 1)])
def test_layers_need_images(make, shape):
    with pytest.raises(ValueError, match=f"{make.__name__} needs images of shape"):
        make().build(shape)

import keras
import numpy as np
import pytest

from tfi2i.layers import Constant


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(0.5, "float32"), (np.float32([1, 0]), "float32"), ([[3], [7]], "int32")],
)
def test_every_image_of_a_batch_gets_the_value(value, dtype):
    layer = Constant(value, dtype=dtype)
    outputs = layer(np.zeros((3, 4, 5, 1), np.float32))
    expected = np.broadcast_to(np.array(value, dtype), (3, *np.shape(value)))
    assert outputs.dtype == dtype
    np.testing.assert_array_equal(outputs, expected)
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    np.testing.assert_array_equal(again(np.zeros((3, 1))), expected)
    assert layer(keras.Input((None, None, 3))).shape == (None, *np.shape(value))

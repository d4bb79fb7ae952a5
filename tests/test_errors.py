"""Any error in one line."""

import pytest
import tensorflow as tf

from tfi2i.errors import reason


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one line"), "one line"),
        (ValueError("\n  first\nsecond"), "first"),
        (RuntimeError(), "RuntimeError"),
        (RuntimeError(" \n"), "RuntimeError"),
    ],
)
def test_the_first_line_that_is_a_reason(error, line):
    assert reason(error) == line


def test_what_tensorflow_says_below_its_preface():
    @tf.function
    def fail(number):
        return tf.ensure_shape(tf.fill((number,), 1.0), (3,))

    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        fail(tf.constant(2))
    assert str(caught.value).startswith("Graph execution error:\n")
    assert reason(caught.value).startswith("Shape of tensor")

"""The history of generated images."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.checks import two_devices
from tfi2i.layers import ImagePool


def _numbered(numbers):
    """One image of 2 pixels for each number, filled with it."""
    return tf.reshape(tf.cast(numbers, tf.float32), (-1, 1, 1, 1)) * tf.ones((2, 1, 3))


def _query(pool, numbers):
    """What the pool returns for images of these numbers, as numbers."""
    returned = pool(_numbered(numbers)).numpy()
    assert returned.shape == (len(numbers), 2, 1, 3)
    assert (returned == returned[:, :1, :, :1]).all()
    return returned[:, 0, 0, 0]


def test_without_room_images_pass():
    pool = ImagePool(0)
    np.testing.assert_array_equal(_query(pool, range(100)), range(100))


def test_first_images_pass_then_half_come_from_the_past():
    pool = ImagePool(50, seed=3)
    in_graph = tf.function(pool)
    returned = [in_graph(_numbered(range(n, n + 50))) for n in range(0, 5050, 50)]
    returned = tf.concat(returned, 0)[:, 0, 0, 0].numpy()
    np.testing.assert_array_equal(returned[:50], range(50))
    # What went in and has not come out is what is stored, each once.
    stored = pool.images.numpy()[:, 0, 0, 0]
    assert len(stored) == 50
    assert sorted([*returned, *stored]) == sorted([*range(5050), *range(50)])
    is_old = returned[50:] != np.arange(50, 5050)
    assert (returned <= np.arange(5050)).all()
    assert abs(is_old.mean() - 0.5) < 0.03
    # Any place is as likely: an image stays for 100 draws on average.
    ages = (np.arange(50, 5050) - returned[50:])[is_old]
    assert 80 < ages[1000:].mean() < 120


@pytest.mark.parametrize("batch", [1, 3])
def test_batches_are_taken_image_by_image(batch):
    one, many = ImagePool(4, seed=1), ImagePool(4, seed=1)
    expected = _query(one, range(30))
    batches = np.arange(30).reshape(-1, batch)
    got = np.concatenate([_query(many, numbers) for numbers in batches])
    np.testing.assert_array_equal(got, expected)


def test_restored_pool_continues(tmp_path):
    inputs = keras.Input((2, 1, 3))
    pool = ImagePool(5, seed=2)
    model = keras.Model(inputs, pool(inputs))
    _query(pool, range(20))
    model.save(tmp_path / "pool.keras")
    restored = keras.saving.load_model(tmp_path / "pool.keras").layers[-1]
    np.testing.assert_array_equal(restored.images, pool.images)
    expected = _query(pool, range(20, 120))
    np.testing.assert_array_equal(_query(restored, range(20, 120)), expected)
    assert not np.array_equal(_query(ImagePool(5, seed=2), range(20, 120)), expected)


def test_two_devices_hold_what_one_would(tmp_path):
    strategy = two_devices()
    alone = ImagePool(5, seed=2)
    expected = [_query(alone, range(i, i + 4)) for i in range(0, 80, 4)]
    with strategy.scope():
        pool = ImagePool(5, seed=2)

    @tf.function
    def query(images):
        return strategy.run(pool, args=(images,))

    numbers = tf.data.Dataset.range(80).map(lambda n: _numbered([n])[0]).batch(4)
    for images, wanted in zip(
        strategy.experimental_distribute_dataset(numbers), expected, strict=True
    ):
        parts = strategy.experimental_local_results(query(images))
        assert [len(part) for part in parts] == [2, 2]
        np.testing.assert_array_equal(tf.concat(parts, 0)[:, 0, 0, 0], wanted)
    for name, variable in pool.state().items():
        for copy in strategy.experimental_local_results(variable):
            np.testing.assert_array_equal(copy, alone.state()[name])


def test_uneven_replicas_get_their_own_images_back():
    strategy = two_devices()
    with strategy.scope():
        pool = ImagePool(5, seed=2)
    numbers = tf.data.Dataset.range(3).map(lambda n: _numbered([n])[0]).batch(3)
    (images,) = strategy.experimental_distribute_dataset(numbers)
    query = tf.function(lambda x: strategy.run(pool, args=(x,)))
    parts = strategy.experimental_local_results(query(images))
    np.testing.assert_array_equal(tf.concat(parts, 0)[:, 0, 0, 0], [0, 1, 2])


def test_other_sizes_start_anew():
    pool = ImagePool(2, seed=0)
    pool(tf.ones((6, 4, 4, 3)))
    np.testing.assert_array_equal(
        pool(2 * tf.ones((2, 8, 4, 3))), 2 * np.ones((2, 8, 4, 3))
    )
    assert pool.images.shape == (None,) * 4
    assert pool.images.numpy().shape == (2, 8, 4, 3)
    assert pool.seen.numpy() == 2


@pytest.mark.parametrize("size", [-1, 2.5])
def test_sizes_that_are_none_are_refused(size):
    with pytest.raises(ValueError, match=f"0 or more. Received {size}"):
        ImagePool(size)

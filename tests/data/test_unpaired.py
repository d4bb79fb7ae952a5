import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.conftest import levels, save
from tfi2i.data import (
    PairedData,
    UnpairedData,
    bundled,
    headers,
    unpaired,
    unpaired_files,
)

FEW, MANY, EPOCHS = 4, 11, 250


def made_up(count_a: int, count_b: int) -> UnpairedData:
    """Image i: red is i (in B 100 more), green the row, blue the column."""
    rows, columns = np.meshgrid(range(9), range(9), indexing="ij")
    place = np.stack([rows * 0, rows, columns], axis=-1)
    real_a = np.stack([place + (i, 0, 0) for i in range(count_a)])
    real_b = np.stack([place + (100 + i, 0, 0) for i in range(count_b)])
    image = headers.ImageFile(bundled(), 9, 9)
    files = unpaired_files.UnpairedFiles(
        "folders", (), "made up", (image,) * count_a, (image,) * count_b
    )
    return UnpairedData(*(tf.constant(x, tf.uint8) for x in (real_a, real_b)), files)


@pytest.fixture(scope="module")
def data() -> UnpairedData:
    return made_up(FEW, MANY)


def train(data, **arguments):
    defaults = {"batch_size": 1, "crop_size": 6, "seed": 5, "epochs": 3}
    return data.training(**{**defaults, **arguments})


def draws(batches) -> dict[str, np.ndarray]:
    """Which image, top, left and whether mirrored, of A and of B, in order."""
    drawn = {}
    for name, images in zip("ab", zip(*batches, strict=True), strict=True):
        pictures = np.concatenate(images)
        drawn[f"image_{name}"] = pictures[:, 0, 0, 0] - 100 * (name == "b")
        drawn[f"top_{name}"] = pictures[:, 0, 0, 1]
        drawn[f"left_{name}"] = pictures[:, 0, :, 2].min(axis=1)
        drawn[f"mirrored_{name}"] = (
            pictures[:, 0, 0, 2] > pictures[:, 0, 1, 2]
        ).astype(int)
    return drawn


@pytest.fixture(scope="module")
def drawn(data) -> dict[str, np.ndarray]:
    """2,750 draws, 250 epochs of 11."""
    return draws(levels(train(data, batch_size=MANY, epochs=EPOCHS)))


@pytest.fixture(scope="module")
def uninterrupted(data):
    return {size: levels(train(data, batch_size=size)) for size in (1, 4)}


def distance(counts: np.ndarray) -> float:
    """Chi-square of a table from that of independent, evenly drawn entries.

    In standard deviations of chi-square with one degree of freedom for each entry.
    """
    expected = counts.sum() / counts.size
    statistic = ((counts - expected) ** 2 / expected).sum()
    return (statistic - counts.size) / np.sqrt(2 * counts.size)


def table(one: np.ndarray, two: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    counts = np.zeros(shape)
    np.add.at(counts, (one, two), 1)
    return counts


def test_batches(data, uninterrupted):
    assert len(data) == MANY and data.steps_per_epoch(4) == 2
    dataset = train(data, batch_size=4)
    spec = tf.TensorSpec((4, 6, 6, 3), tf.float32)
    assert dataset.element_spec == {"a": spec, "b": spec}
    assert len(uninterrupted[4]) == dataset.cardinality() == 6
    real_a, real_b = (
        np.concatenate(images) for images in zip(*uninterrupted[4], strict=True)
    )
    assert 0 <= real_a.min() and real_a[..., 1:].max() == 8
    assert 100 <= real_b[..., 0].min() and real_b[..., 0].max() <= 110


@pytest.mark.parametrize(
    ("count_a", "count_b", "times"),
    [(FEW, MANY, {2, 3}), (MANY, FEW, {1}), (3, 6, {2})],
)
def test_an_epoch_goes_through_a_equally_often(count_a, count_b, times):
    data = made_up(count_a, count_b)
    length = max(count_a, count_b)
    batches = levels(train(data, epochs=4))
    assert len(batches) == 4 * length
    orders = draws(batches)["image_a"].reshape(4, length)
    for order in orders:
        assert set(np.bincount(order, minlength=count_a)) == times
    assert len({tuple(order) for order in orders}) > 1


def test_places_of_a_are_even(drawn):
    orders = drawn["image_a"].reshape(EPOCHS, MANY)
    counts = np.stack([np.bincount(order, minlength=FEW) for order in orders])
    # 0 to 10 modulo 4, as in the authors' code: the last image comes once less.
    assert (counts == (3, 3, 3, 2)).all()
    for place in (0, 5, 10):
        share = np.bincount(orders[:, place], minlength=FEW) / EPOCHS
        np.testing.assert_allclose(share, np.array([3, 3, 3, 2]) / MANY, atol=0.1)


def test_b_is_drawn_evenly_and_anew_for_each_example(drawn):
    image_b = drawn["image_b"]
    assert abs(distance(np.bincount(image_b, minlength=MANY))) < 4
    following = table(image_b[:-1], image_b[1:], (MANY, MANY))
    assert abs(distance(following)) < 4
    epochs = image_b.reshape(EPOCHS, MANY)
    # 11 of 11 with replacement: (1 - 1/11)**11 are missing.
    missing = np.mean([1 - len(set(epoch)) / MANY for epoch in epochs])
    assert abs(missing - (10 / 11) ** 11) < 0.02


def test_b_does_not_depend_on_a(drawn):
    below = drawn["image_a"] < 3
    pairs = table(drawn["image_a"][below], drawn["image_b"][below], (3, MANY))
    assert abs(distance(pairs)) < 4


@pytest.mark.parametrize("name", ["top", "left", "mirrored"])
def test_crops_and_flips_are_independent(drawn, name):
    choices = 2 if name == "mirrored" else 4
    one, two = drawn[f"{name}_a"], drawn[f"{name}_b"]
    assert abs(distance(table(one, two, (choices, choices)))) < 4
    assert abs(np.corrcoef(one, two)[0, 1]) < 4 / np.sqrt(len(one))
    for choice in ("image_b", "top_b", "left_b", "mirrored_b"):
        for other in (one, two) if not choice.startswith(name) else (one,):
            correlation = np.corrcoef(other, drawn[choice])[0, 1]
            assert abs(correlation) < 4 / np.sqrt(len(one)), choice


def test_flip_may_be_turned_off(data):
    still = draws(levels(train(data, batch_size=MANY, flip=False)))
    assert not still["mirrored_a"].any() and not still["mirrored_b"].any()


def test_draws_depend_on_seed_and_epoch_and_not_on_the_batch_size(data, uninterrupted):
    one, four = (draws(uninterrupted[size]) for size in (1, 4))
    for name, values in one.items():
        kept = values.reshape(3, MANY)[:, :8]
        np.testing.assert_array_equal(kept, four[name].reshape(3, 8))
        assert len({tuple(epoch) for epoch in kept}) == 3
    other = draws(levels(train(data, seed=6)))
    assert all((values != other[name]).any() for name, values in one.items())


@settings(max_examples=4, deadline=None)
@given(st.sampled_from((1, 4)), st.integers(0, 3), st.integers(0, 11))
def test_a_later_start_gives_the_tail(data, uninterrupted, batch_size, epoch, step):
    steps = data.steps_per_epoch(batch_size)
    start = {"start_epoch": epoch, "start_step": min(step, steps)}
    dataset = train(data, batch_size=batch_size, **start)
    tail = levels(dataset)
    left = max(0, (3 - epoch) * steps - start["start_step"])
    assert len(tail) == dataset.cardinality() == left
    expected = uninterrupted[batch_size][3 * steps - left :]
    for one, two in zip(expected, tail, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("larger", ["a", "b"])
def test_evaluation_is_whole_in_order_and_as_long_as_the_shorter(larger):
    counts = (MANY, FEW) if larger == "a" else (FEW, MANY)
    data = made_up(*counts)
    dataset = data.evaluation(3)
    batches = levels(dataset)
    assert [len(a) for a, _ in batches] == [len(b) for _, b in batches] == [3, 1]
    assert dataset.cardinality() == 2
    for seen, stored in zip(
        zip(*batches, strict=True), (data.images["a"], data.images["b"]), strict=True
    ):
        np.testing.assert_array_equal(np.concatenate(seen), stored[:FEW])
    (limited,) = levels(data.evaluation(3, limit=2))
    np.testing.assert_array_equal(limited[1], data.images["b"][:2])
    assert data.evaluation(100, limit=50).cardinality() == 1


def test_bad_arguments(data):
    message = "--data.batch-size is 12, expected 1 to 11, the number of training images"
    with pytest.raises(ValueError, match=f"{message} in the larger domain"):
        train(data, batch_size=12)
    with pytest.raises(ValueError, match="--data.crop-size is 10, expected 1 to 9"):
        train(data, crop_size=10)
    with pytest.raises(ValueError, match="there are 3 epochs of 5 steps"):
        train(data, batch_size=2, start_step=6)
    for arguments, message in (
        ({"load_size": 0}, "--data.load-size is 0, expected at least 1"),
        ({"background": "whit"}, "'whit' is not a colour: --data.background takes"),
    ):
        with pytest.raises(ValueError, match=message):
            UnpairedData.load(bundled(), **arguments)


@pytest.fixture
def animals(tmp_path):
    """Images of several sizes, kinds and names; every value of image i is 10 i."""
    shapes = ((12, 10), (7, 31), (20, 20), (9, 8), (40, 11))
    for i, shape in enumerate(shapes):
        for domain, count, value in (("A", 2, 10 * i), ("B", 5, 10 * i + 1)):
            if i < count:
                pixels = np.full((*shape, 3), value, np.uint8)
                save(tmp_path / f"train{domain}" / f"{domain}{i}.png", pixels)
    save(
        tmp_path / "trainA" / "A0.webp", np.full((5, 6, 3), 90, np.uint8), lossless=True
    )
    return tmp_path


def test_load(animals):
    data = UnpairedData.load(animals, load_size=8)
    assert data.images["a"].image_shape == (8, 8, 3) and len(data) == 5
    assert data.names == (
        *("A/A0.png", "A/A0.webp", "A/A1.png"),
        *(f"B/B{i}.png" for i in range(5)),
    )
    assert data.files.reason.endswith("unpaired, 3 and 5 images")
    for stored, values in (
        (data.images["a"], (0, 90, 10)),
        (data.images["b"], range(1, 50, 10)),
    ):
        assert stored.dtype == tf.uint8
        expected = np.broadcast_to(np.reshape(values, (-1, 1, 1, 1)), stored.shape)
        np.testing.assert_array_equal(stored, expected)


def test_load_side_by_side_as_pairs_are(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(3):
        pixels = rng.integers(0, 256, (10, 20 + 2 * i, 3), np.uint8)
        save(tmp_path / "val" / f"{i}.png", pixels)
    data = UnpairedData.load(tmp_path, "val", load_size=7)
    pairs = PairedData.load(tmp_path, "val", load_size=7)
    np.testing.assert_array_equal(data.images["a"], pairs.images["a"])
    np.testing.assert_array_equal(data.images["b"], pairs.images["b"])
    assert data.names == tuple(f"{d}/{i}.png" for d in "AB" for i in range(3))


def test_damaged_files_are_named(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("trainA/1", "trainB/2", "trainB/3"):
        save(tmp_path / f"{name}.jpg", rng.integers(0, 256, (40, 40, 3), np.uint8))
    for name in ("trainA/1", "trainB/3"):
        path = tmp_path / f"{name}.jpg"
        path.write_bytes(path.read_bytes()[:-300])
    message = r"damaged images \(2\): '.*trainA/1.jpg', '.*trainB/3.jpg'; replace"
    with pytest.raises(ValueError, match=message):
        UnpairedData.load(tmp_path, load_size=8)


def test_each_iteration_is_the_next_epoch(animals):
    sizes = {"batch_size": 2, "crop_size": 6, "seed": 3}
    dataset = unpaired(animals, load_size=8, **sizes)
    assert dataset.cardinality() == 2
    expected = levels(
        UnpairedData.load(animals, load_size=8).training(**sizes, epochs=3)
    )
    seen = itertools.chain(*(levels(dataset) for _ in range(3)))
    for one, two in zip(expected, seen, strict=True):
        np.testing.assert_array_equal(one, two)


def test_unpaired_for_evaluation(animals):
    for domain in "AB":
        (animals / f"train{domain}").rename(animals / f"test{domain}")
    (batch,) = levels(unpaired(animals, "test", batch_size=8, crop_size=6))
    assert batch[0].shape == batch[1].shape == (3, 6, 6, 3)
    assert batch[0][:, 0, 0, 0].tolist() == [0, 90, 10]
    assert batch[1][:, 0, 0, 0].tolist() == [1, 11, 21]
    trained = unpaired(animals, "test", crop_size=6, load_size=7, training=True)
    assert trained.cardinality() == 5
    with pytest.raises(ValueError, match="--data.load-size is 5, expected at least"):
        unpaired(animals, "test", load_size=5, crop_size=6, training=True)

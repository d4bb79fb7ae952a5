import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.data.conftest import in_pairs, levels, save
from tfi2i import data
from tfi2i.data import PairedData, bundled, paired, paired_files

COUNT = 11


@pytest.fixture(scope="module")
def pairs() -> PairedData:
    """Pair i: red is i, green the row, blue the column; B is A plus 100."""
    rows, columns = np.meshgrid(range(9), range(9), indexing="ij")
    place = np.stack([rows * 0, rows, columns], axis=-1)
    real_a = np.stack([place + (i, 0, 0) for i in range(COUNT)]).astype(np.uint8)
    image = paired_files.ImageFile(bundled(), 9, 9)
    samples = tuple(paired_files.Sample(str(i), image, image) for i in range(COUNT))
    files = paired_files.PairedFiles("folders", (), "made up", samples)
    return PairedData(tf.constant(real_a), tf.constant(real_a + 100), files)


def train(pairs, **arguments):
    defaults = {"batch_size": 2, "crop_size": 6, "seed": 5, "epochs": 3}
    return pairs.training(**{**defaults, **arguments})


def draws(batches) -> list[tuple[int, int, int, bool]]:
    """Index, top, left and mirrored of every picture."""
    pictures = np.concatenate([batch[0] for batch in batches])
    return [
        (
            int(p[0, 0, 0]),
            int(p[0, 0, 1]),
            int(p[0, :, 2].min()),
            bool(p[0, 0, 2] > p[0, 1, 2]),
        )
        for p in pictures
    ]


def test_batches(pairs):
    dataset = train(pairs)
    spec = tf.TensorSpec((2, 6, 6, 3), tf.float32)
    assert dataset.element_spec == {"a": spec, "b": spec}
    batches = levels(dataset)
    assert len(batches) == dataset.cardinality() == 15
    assert pairs.steps_per_epoch(2) == 5
    for real_a, real_b in in_pairs(dataset):
        assert -1 <= tf.reduce_min(real_a) and tf.reduce_max(real_b) <= 1


def test_both_sides_are_cropped_and_mirrored_alike(pairs):
    for real_a, real_b in levels(train(pairs)):
        np.testing.assert_array_equal(real_a + 100, real_b)


def test_an_epoch_is_a_permutation(pairs):
    orders = [
        [d[0] for d in draws(levels(train(pairs, batch_size=1)))][i * 11 : i * 11 + 11]
        for i in range(3)
    ]
    for order in orders:
        assert sorted(order) == list(range(COUNT))
    assert orders[0] != orders[1] != orders[2]


def test_draws_vary(pairs):
    seen = draws(levels(train(pairs, epochs=20)))
    assert {d[1] for d in seen} == {d[2] for d in seen} == {0, 1, 2, 3}
    assert 0.35 < np.mean([d[3] for d in seen]) < 0.65
    assert not any(d[3] for d in draws(levels(train(pairs, flip=False))))


def test_draws_depend_on_seed_epoch_and_index_only(pairs):
    by_batches = {}
    for batch_size in (1, 3):
        batches = draws(levels(train(pairs, batch_size=batch_size)))
        per_epoch = pairs.steps_per_epoch(batch_size) * batch_size
        by_batches[batch_size] = {
            (i // per_epoch, drawn[0]): drawn[1:] for i, drawn in enumerate(batches)
        }
    for key, drawn in by_batches[3].items():
        assert by_batches[1][key] == drawn
    other = draws(levels(train(pairs, batch_size=1, seed=6)))
    assert dict(enumerate(other)) != dict(
        enumerate(draws(levels(train(pairs, batch_size=1))))
    )


@pytest.fixture(scope="module")
def uninterrupted(pairs):
    return {size: levels(train(pairs, batch_size=size)) for size in (1, 2, 4)}


@settings(max_examples=12, deadline=None)
@given(st.sampled_from((1, 2, 4)), st.integers(0, 3), st.integers(0, 11))
def test_a_later_start_gives_the_tail(pairs, uninterrupted, batch_size, epoch, step):
    steps = pairs.steps_per_epoch(batch_size)
    start = {"start_epoch": epoch, "start_step": min(step, steps)}
    dataset = train(pairs, batch_size=batch_size, **start)
    tail = levels(dataset)
    left = max(0, (3 - epoch) * steps - start["start_step"])
    assert len(tail) == dataset.cardinality() == left
    expected = uninterrupted[batch_size][3 * steps - left :]
    for one, two in zip(expected, tail, strict=True):
        np.testing.assert_array_equal(one, two)


def test_two_runs_are_equal(pairs):
    for one, two in zip(levels(train(pairs)), levels(train(pairs)), strict=True):
        np.testing.assert_array_equal(one, two)


def test_evaluation_is_whole_and_in_order(pairs):
    dataset = pairs.evaluation(4)
    batches = levels(dataset)
    assert [len(a) for a, _ in batches] == [4, 4, 3]
    assert dataset.cardinality() == 3
    np.testing.assert_array_equal(
        np.concatenate([a for a, _ in batches]), pairs.images["a"]
    )
    np.testing.assert_array_equal(
        np.concatenate([b for _, b in batches]), pairs.images["b"]
    )
    (limited,) = levels(pairs.evaluation(4, limit=3))
    np.testing.assert_array_equal(limited[1], pairs.images["b"][:3])
    assert len(levels(pairs.evaluation(20, limit=50))[0][0]) == COUNT
    # Graphs of known shapes are faster.
    specs = [pairs.evaluation(4, n).element_spec for n in (8, 9)]
    for domain in "ab":
        assert [spec[domain].shape[0] for spec in specs] == [4, None]


def test_bad_arguments(pairs):
    for batch_size in (0, 12):
        message = f"--data.batch-size is {batch_size}, expected 1 to 11, the number"
        with pytest.raises(ValueError, match=message):
            train(pairs, batch_size=batch_size)
    for crop_size in (0, 10):
        message = f"--data.crop-size is {crop_size}, expected 1 to 9, .*--data.load-si"
        with pytest.raises(ValueError, match=message):
            train(pairs, crop_size=crop_size)
    for start in ({"start_epoch": 4}, {"start_step": 6}, {"start_step": -1}):
        with pytest.raises(ValueError, match="there are 3 epochs of 5 steps"):
            train(pairs, **start)
    with pytest.raises(ValueError, match="batch size is 0"):
        pairs.evaluation(0)
    with pytest.raises(ValueError, match="limit is 0"):
        pairs.evaluation(1, limit=0)


def test_each_iteration_of_paired_is_the_next_epoch(two_folders):
    sizes = {"batch_size": 2, "crop_size": 6, "seed": 3}
    dataset = paired(two_folders, load_size=8, **sizes)
    assert dataset.cardinality() == 2
    loaded = PairedData.load(two_folders, load_size=8)
    expected = levels(loaded.training(**sizes, epochs=3))
    iter(dataset)  # one that is never read does not count
    seen = [batch for _ in range(3) for batch in levels(dataset)]
    for one, two in zip(expected, seen, strict=True):
        np.testing.assert_array_equal(one, two)


def test_paired_for_evaluation(two_folders):
    (two_folders / "train").rename(two_folders / "test")
    (batch,) = levels(paired(two_folders, "test", batch_size=8, crop_size=6))
    assert batch[0].shape == (5, 6, 6, 3)
    assert batch[0][:, 0, 0, 0].tolist() == [0, 10, 20, 30, 40]
    trained = paired(two_folders, "test", crop_size=6, load_size=7, training=True)
    assert trained.cardinality() == 5


def test_paired_refuses_a_crop_larger_than_the_images(two_folders):
    with pytest.raises(ValueError, match="--data.load-size is 5, expected at least"):
        paired(two_folders, load_size=5, crop_size=6)


class Recorder(keras.Model):
    """Learns nothing, and keeps the first value of every picture it is given."""

    def __init__(self):
        super().__init__()
        self.built = True
        self.seen = []

    def train_step(self, batch):
        def record(values):
            self.seen.extend(np.rint((values[:, 0, 0, 0] + 1) * 127.5).astype(int))
            return np.float32(0)

        return {"loss": tf.numpy_function(record, [batch["a"]], tf.float32)}


def test_keras_fit(two_folders):
    arguments = {"batch_size": 2, "load_size": 8, "crop_size": 6}
    model = Recorder()
    model.compile()
    model.fit(paired(two_folders, **arguments), epochs=3, verbose=0, shuffle=False)
    again = paired(two_folders, **arguments)
    expected = [batch[0][:, 0, 0, 0] for _ in range(3) for batch in levels(again)]
    np.testing.assert_array_equal(model.seen, np.concatenate(expected))


def test_two_devices(two_folders):
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    arguments = {"batch_size": 4, "load_size": 8, "crop_size": 6}
    with strategy.scope():
        dataset = paired(two_folders, **arguments)
    single = paired(two_folders, **arguments)
    distributed = strategy.experimental_distribute_dataset(dataset)
    for _ in range(3):
        (expected,) = in_pairs(single)
        (batch,) = in_pairs(distributed)
        for whole, shared in zip(expected, batch, strict=True):
            parts = strategy.experimental_local_results(shared)
            assert [len(part) for part in parts] == [2, 2]
            np.testing.assert_array_equal(whole, tf.concat(parts, axis=0))


def test_bundled_images():
    counts = {"train": 1348, "val": 101, "test": 145}
    for split, count in counts.items():
        files = data.find_pairs(bundled(), split)
        assert files.layout == "side_by_side" and len(files) == count
        assert {(s.a.width, s.a.height) for s in files.samples} == {(128, 64)}
        assert all(s.a.path.suffix == ".webp" for s in files.samples)
    stored = sum(path.stat().st_size for path in bundled().rglob("*"))
    assert stored < 8e6
    notice = (bundled() / "NOTICE").read_text()
    assert "MIT License" in notice and "Copyright (c) Microsoft Corporation" in notice


def test_bundled_pairs_are_the_same_drawing_twice():
    pairs = PairedData.load(bundled(), "val", load_size=64)
    real_a, real_b = pairs.images["a"].numpy() / 255, pairs.images["b"].numpy() / 255
    matched = np.abs(real_a - real_b).mean()
    shifted = np.abs(real_a - np.roll(real_b, 1, axis=0)).mean()
    assert 0.01 < matched < 0.1 < shifted
    with Image.open(pairs.files.samples[0].a.path) as image:
        np.testing.assert_array_equal(pairs.images["a"][0], np.asarray(image)[:, :64])


def test_bundled_edges():
    arguments = {"layout": "side_by_side", "input": "edges", "load_size": 64}
    pairs = PairedData.load(bundled(), "val", **arguments)
    plain = PairedData.load(bundled(), "val", load_size=64)
    np.testing.assert_array_equal(pairs.images["b"], plain.images["b"])
    assert 0.02 < (pairs.images["a"].numpy() == 0).mean() < 0.3


def test_targets_of_any_shape(tmp_path):
    save(tmp_path / "train" / "1.png", np.full((7, 31, 3), 9, np.uint8))
    (batch,) = levels(paired(tmp_path, input="edges", load_size=8, crop_size=6))
    assert (batch[0] == 255).all() and (batch[1] == 9).all()

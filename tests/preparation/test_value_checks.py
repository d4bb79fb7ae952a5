import numpy as np

from tests.preparation.conftest import pictures
from tests.preparation.test_problems import found


def arrays(root, dtype, **ranges):
    """Arrays of A that reach from one value to another, by split and name."""
    for place, (low, high) in ranges.items():
        path = root / f"{place.replace('_', '/A/')}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        values = np.linspace(low, high, 256).reshape(16, 16, 1)
        np.save(path, values.astype(dtype))
        pictures(root, f"{place.replace('_', '/B/')}.png", first=len(place) + int(high))


def test_floats_that_train_does_not_have(tmp_path):
    arrays(
        tmp_path,
        np.float32,
        train_1=(-1, 1),
        train_2=(-0.5, 2),
        val_1=(-0.9, 1.9),
        val_2=(-3, 1),
        test_1=(0, 4),
    )
    problem = found(tmp_path)["beyond_train"]
    assert problem.level == "warning" and problem.exclude == ()
    assert problem.names == ("val/A/2.npy", "test/A/1.npy")
    assert problem.text == (
        "images of A with values outside of train's -1 to 2, from -3 to 4: "
        "--data.domain-a.low -3 --data.domain-a.high 4 takes them in"
    )


def test_16_bit_values_that_train_does_not_have(tmp_path):
    ranges = {"train_1": (100, 50000), "test_1": (90, 40000)}
    arrays(tmp_path, np.uint16, **ranges)
    problem = found(tmp_path)["beyond_train"]
    # Hardly beyond.
    assert problem.level == "note" and problem.names == ("test/A/1.npy",)
    assert problem.text.endswith("train's 100 to 50000, from 90 to 40000")


def test_values_that_train_has(tmp_path):
    arrays(tmp_path, np.float32, train_1=(-1, 1), val_1=(-1, 1), test_1=(0, 0.5))
    assert "beyond_train" not in found(tmp_path)


def test_8_bits_are_used_whole(tmp_path):
    arrays(tmp_path, np.uint8, train_1=(100, 200), test_1=(0, 255))
    assert "beyond_train" not in found(tmp_path)

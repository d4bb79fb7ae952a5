import numpy as np
import pytest

from tests.data.conftest import picture, save
from tests.preparation.conftest import cut, plain
from tfi2i.preparation.image_stats import measure, read_header


def facts(path, halves=False):
    return measure(read_header(path), halves)


def test_what_the_pixels_are(tmp_path):
    image = picture(12, 10)
    found = facts(save(tmp_path / "a.png", image)).whole
    assert (found.low, found.high) == (image.min(), image.max())
    spread = image.reshape(-1, 3).astype(float).std(axis=0).max()
    assert found.spread == pytest.approx(spread)
    assert found.colours is None


def test_the_same_pixels_are_known_in_other_files(tmp_path):
    image = picture(12, 10)
    digests = {
        name: facts(save(tmp_path / name, pixels)).whole.digest
        for name, pixels in (
            ("a.png", image),
            ("b.bmp", image),
            ("other.png", np.roll(image, 1)),
            ("turned.png", image.reshape(10, 12, 3)),
        )
    }
    assert digests["a.png"] == digests["b.bmp"]
    assert len(set(digests.values())) == 3


def test_halves(tmp_path):
    left, right = picture(8, 6, 1), picture(8, 6, 2)
    path = save(tmp_path / "ab.png", np.concatenate([left, right], axis=1))
    found = facts(path, halves=True).halves
    single = save(tmp_path / "b.png", right)
    assert found[1] == facts(single).whole != found[0]
    assert facts(single).halves is None


def test_own_channels_and_depth_are_kept_and_transparency_is_filled(tmp_path):
    deep = np.linspace(0, 4095, 80).astype(np.uint16).reshape(8, 10)
    assert facts(save(tmp_path / "deep.png", deep)).whole.high == 4095
    white = np.full((8, 6, 4), 255, np.uint8)
    white[2:5, :, 3] = 0
    white[2:5, :, :3] = 40
    seen = facts(save(tmp_path / "icon.png", white)).whole
    assert seen.spread == 0 and seen.low == 255
    np.save(
        tmp_path / "five.npy", np.arange(8 * 6 * 5, dtype=np.uint8).reshape(8, 6, 5)
    )
    five = facts(tmp_path / "five.npy")
    assert five.header.channels == 5 and (five.whole.low, five.whole.high) == (0, 239)


def test_few_colours(tmp_path):
    label = np.zeros((40, 40, 3), np.uint8)
    label[:20], label[20:, 10:] = (255, 0, 0), (0, 0, 255)
    found = facts(save(tmp_path / "label.png", label)).whole.colours
    assert found == {bytes(3), b"\xff\0\0", b"\0\0\xff"}


def test_faults_are_facts(tmp_path):
    empty, junk = tmp_path / "empty.png", tmp_path / "junk.jpg"
    empty.write_bytes(b"")
    junk.write_bytes(b"nothing of an image")
    half = cut(save(tmp_path / "half.png", picture(60, 60)))
    found = {
        path.name: facts(path) for path in (empty, junk, tmp_path / "no.png", half)
    }
    assert [f.problem for f in found.values()] == ["unreadable"] * 3 + ["damaged"]
    assert found["empty.png"].fault == "empty"
    assert found["half.png"].header.width == 60 and found["half.png"].whole is None
    assert facts(plain(tmp_path / "good.png")).problem is None

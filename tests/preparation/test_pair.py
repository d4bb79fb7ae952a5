import numpy as np
import pytest
from PIL import Image

from tests.data.conftest import one_line, picture, save
from tests.preparation.conftest import cut, pictures
from tfi2i.data.paired_files import find_pairs
from tfi2i.preparation.pair import pair


def read(path):
    return np.asarray(Image.open(path))


def test_pairs_side_by_side_whatever_the_extension(tmp_path):
    a, b = picture(10, 8, 1), picture(10, 8, 2)
    save(tmp_path / "a" / "x y.png", a)
    save(tmp_path / "b" / "x y.bmp", b)
    done = pair(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    assert (done.counts, done.resized, done.is_split) == ({"train": 1}, 0, False)
    joined = read(tmp_path / "out" / "train" / "x y.png")
    np.testing.assert_array_equal(joined, np.concatenate([a, b], axis=1))
    assert find_pairs(tmp_path / "out", "train").layout == "side_by_side"


def test_splits_of_both_folders(tmp_path):
    for i, side in enumerate("ab"):
        names = (f"{side}/train/1.png", f"{side}/train/2.png", f"{side}/test/3.png")
        pictures(tmp_path, *names, first=10 * i)
    done = pair(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    assert done.counts == {"train": 2, "test": 1} and done.is_split
    assert (tmp_path / "out" / "test" / "3.png").is_file()


def test_grey_transparent_and_turned_images_become_rgb_as_they_are_seen(tmp_path):
    icon = np.zeros((6, 4, 4), np.uint8)
    save(tmp_path / "a" / "1.png", icon)
    turned = Image.fromarray(picture(4, 6))
    exif = turned.getexif()
    exif[0x0112] = 6
    (tmp_path / "b").mkdir()
    turned.save(tmp_path / "b" / "1.png", exif=exif)
    pair(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    joined = read(tmp_path / "out" / "train" / "1.png")
    assert joined.shape == (6, 8, 3) and (joined[:, :4] == 255).all()
    upright = np.asarray(turned.transpose(Image.Transpose.ROTATE_270))
    np.testing.assert_array_equal(joined[:, 4:], upright)


def test_sizes_that_differ_are_refused_unless_one_is_chosen(tmp_path):
    pictures(tmp_path, "a/1.png", "a/2.png", "b/2.png", size=(8, 8))
    pictures(tmp_path, "b/1.png", size=(16, 8))
    with pytest.raises(
        ValueError, match=r"1 of 2 .* 1 \(8x8 and 16x8\).*a or"
    ) as error:
        pair(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    one_line(error)
    assert not (tmp_path / "out").exists()
    for choice, width in (("a", 16), ("b", 32)):
        out = tmp_path / choice / ".." / f"out-{choice}"
        assert pair(tmp_path / "a", tmp_path / "b", out, resize=choice).resized == 1
        assert read(out / "train" / "1.png").shape == (8, width, 3)
        assert read(out / "train" / "2.png").shape == (8, 16, 3)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a/1.png", "b/2.png"], r"1 in a without a partner in b \(1.png\)"),
        (["a/1.png", "a/1.jpg", "b/1.png"], "images of one name"),
        (["a/1.txt", "b/1.png"], "no images in '.*a': expected"),
        (["a/train/1.png", "b/1.png"], "has the folder train and '.*b' has images"),
        (["a/train/1.png", "b/val/1.png"], "the folder train and .* the folder val:"),
        (["a/1.png", "a/train/1.png", "b/1.png"], "both images and the folders train"),
    ],
)
def test_what_does_not_match_is_said_and_nothing_is_written(tmp_path, names, expected):
    pictures(tmp_path, *(name for name in names if not name.endswith("txt")))
    for folder in "ab":
        (tmp_path / folder).mkdir(exist_ok=True)
    with pytest.raises(ValueError, match=expected) as error:
        pair(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    one_line(error)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_what_cannot_be_read_is_named_and_nothing_is_written(tmp_path):
    for side in "ab":
        pictures(tmp_path, *(f"{side}/{n}.png" for n in range(4)), size=(60, 60))
    cut(tmp_path / "a" / "1.png")
    cut(tmp_path / "b" / "3.png")
    with pytest.raises(ValueError, match=r"images \(2\): .*1.png.*3.png") as error:
        pair(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    one_line(error)
    (tmp_path / "b" / "0.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"1 unreadable image .*0.png \(empty\)"):
        pair(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_deeper_images_are_left_to_two_folders(tmp_path):
    pictures(tmp_path, "a/1.png")
    deep = np.arange(256, dtype=np.uint16).reshape(16, 16) * 200
    save(tmp_path / "b" / "1.png", deep)
    with pytest.raises(
        ValueError, match=r"1.png \(uint16, 1 chan.*two folders"
    ) as error:
        pair(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    one_line(error)


def test_folders_that_cannot_be_meant(tmp_path):
    pictures(tmp_path, "a/1.png", "b/1.png")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        pair(tmp_path / "a", tmp_path / "none", tmp_path / "out")
    with pytest.raises(ValueError, match="are the same folder"):
        pair(tmp_path / "a", tmp_path / "a", tmp_path / "out")
    with pytest.raises(ValueError, match="whose images are read"):
        pair(tmp_path / "a", tmp_path / "b", tmp_path / "a" / "out")
    with pytest.raises(FileExistsError, match="not empty"):
        pair(tmp_path / "a", tmp_path / "b", tmp_path / "b")


def test_names_that_end_differently(tmp_path):
    pictures(tmp_path, "a/im0_A.png", "a/im1_A.png", "b/im0_B.png", "b/im1_B.png")
    done = pair(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    assert done.counts == {"train": 2}
    assert done.notes == ("names match where A's are '*_A' and B's '*_B'",)
    joined = read(tmp_path / "out/train/im1.png")
    sides = [read(tmp_path / name) for name in ("a/im1_A.png", "b/im1_B.png")]
    np.testing.assert_array_equal(joined, np.concatenate(sides, axis=1))


def test_an_image_that_is_a_circle_of_links(tmp_path):
    pictures(tmp_path, "a/1.png", "b/1.png", "b/2.png")
    (tmp_path / "a/2.png").symlink_to("2.png")
    with pytest.raises(ValueError, match=r"a/2.png \(Too many levels of symb") as error:
        pair(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    one_line(error)

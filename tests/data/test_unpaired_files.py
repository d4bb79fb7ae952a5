import pytest

from tests.data.conftest import one_line, touch
from tfi2i.data import bundled, find_pairs, find_unpaired, headers


def names(images) -> list[str]:
    return [image.path.name for image in images]


@pytest.mark.parametrize(
    ("a", "b", "folder_a", "folder_b"),
    [
        ("A", "B", "trainA", "trainB"),
        ("A", "B", "train/A", "train/B"),
        ("horse", "zebra", "trainhorse", "trainzebra"),
        ("horse", "zebra", "train/horse", "train/zebra"),
        ("horse", "zebra", "trainA", "trainB"),
        # any two, in alphabetical order, or as one name says
        ("A", "B", "train/apple", "train/orange"),
        ("orange", "B", "train/orange", "train/apple"),
    ],
)
def test_two_folders_of_any_names_and_numbers(tmp_path, a, b, folder_a, folder_b):
    # What a recipe calls its own domains is nobody's word on other folders.
    usual = ("horse", "zebra")
    touch(tmp_path, f"{folder_a}/1.jpg", f"{folder_a}/x.png", f"{folder_a}/x.jpg")
    touch(tmp_path, f"{folder_b}/other.webp", f"{folder_b}/.hidden.png", size=(4, 9))
    for layout in ("auto", "folders"):
        files = find_unpaired(tmp_path, "train", layout=layout, a=a, b=b, usual=usual)
        assert files.layout == "folders"
        assert files.folders == (tmp_path / folder_a, tmp_path / folder_b)
        assert names(files.a) == ["1.jpg", "x.jpg", "x.png"]
        assert names(files.b) == ["other.webp"]
        assert {image.half for image in files.a + files.b} == {"whole"}
        assert (files.a[0].width, files.a[0].height) == (12, 6)
        assert (files.b[0].width, files.b[0].height) == (4, 9)
        reason = files.reason
        assert reason.startswith(f"two folders: A is {folder_a}, B is {folder_b}")
        assert reason.endswith("; unpaired, 3 and 1 images") and "\n" not in reason
    with pytest.raises(ValueError, match="unmatched images|images of one name"):
        find_pairs(tmp_path, "train", a=a, b=b, usual=usual)


def test_halves_of_side_by_side_images(tmp_path):
    touch(tmp_path, "train/2.jpg", "train/1.png", "train/1.jpg", size=(12, 6))
    files = find_unpaired(tmp_path, "train")
    assert files.layout == "side_by_side" and files.folders == (tmp_path / "train",)
    assert names(files.a) == names(files.b) == ["1.jpg", "1.png", "2.jpg"]
    assert {image.half for image in files.a} == {"left"}
    assert {image.half for image in files.b} == {"right"}
    assert files.reason == (
        "side by side in train: A is the left half, B the right; unpaired, 3 images"
    )


def test_two_folders_where_halves_are_asked_for(tmp_path):
    touch(tmp_path, "train/A/1.png", "train/B/1.png")
    with pytest.raises(ValueError, match="no images in '.*train': expected .* side by"):
        find_unpaired(tmp_path, "train", layout="side_by_side")


def test_bundled_images():
    files = find_unpaired(bundled(), "val", layout="side_by_side")
    paired = find_pairs(bundled(), "val")
    assert set(files.a) == {sample.a for sample in paired.samples}
    assert set(files.b) == {sample.b for sample in paired.samples}
    assert names(files.a) == names(files.b) == sorted(names(files.a))


def test_single_images_are_not_cut_in_half_unless_asked_for(tmp_path):
    touch(tmp_path, "train/1.png", "train/2.png", "photos/3.png", size=(8, 6))
    with pytest.raises(ValueError) as error:
        find_unpaired(tmp_path, "train")
    text = one_line(error)
    assert "2 of 2 images in" in text and "(most are 8x6)" in text
    assert "--data.a train --data.b photos, or cut them in half" in text
    asked = find_unpaired(tmp_path, "train", layout="side_by_side").reason
    assert asked.endswith("; unpaired, 2 images")


@pytest.mark.parametrize("folder", ["train/{}", "train{}"])
@pytest.mark.parametrize("empty", ["A", "B"])
def test_an_empty_domain(tmp_path, folder, empty):
    full = {"A": "B", "B": "A"}[empty]
    touch(tmp_path, f"{folder.format(full)}/1.png")
    lacking = tmp_path / folder.format(empty)
    suffixes = " ".join(headers.EXTENSIONS)
    expected = f"expected {suffixes} files of both domains, of any names"
    with pytest.raises(FileNotFoundError) as error:
        find_unpaired(tmp_path, "train")
    beside = tmp_path / folder.format(full)
    assert one_line(error) == (
        f"no folder '{lacking}' (domain {empty}) beside '{beside}': {expected}"
    )
    lacking.mkdir()
    (lacking / "1.txt").write_text("")
    with pytest.raises(ValueError) as error:
        find_unpaired(tmp_path, "train")
    assert one_line(error) == f"no images in '{lacking}' (domain {empty}): {expected}"


def test_two_empty_domains(tmp_path):
    for name in ("trainA", "trainB"):
        (tmp_path / name).mkdir()
    with pytest.raises(ValueError, match=r"trainA' \(domain A\) and .*trainB' \(domai"):
        find_unpaired(tmp_path, "train")


@pytest.mark.parametrize("spelling", ["B", "../train/B", "link"])
def test_one_folder_for_both_domains(tmp_path, spelling):
    touch(tmp_path, "train/B/1.png", "train/B/2.png")
    (tmp_path / "train/link").symlink_to("B")
    with pytest.raises(ValueError) as error:
        find_unpaired(tmp_path, "train", a=spelling)
    folder = tmp_path / "train"
    assert one_line(error) == (
        f"A ('{folder / spelling}') and B ('{folder / 'B'}') are the same folder: "
        "expected two, whose names are --data.a and --data.b"
    )


def test_missing_folder_and_split(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere' does not exist"):
        find_unpaired(tmp_path / "nowhere", "train")
    touch(tmp_path, "trainA/1.png", "trainB/1.png")
    for layout in ("auto", "folders", "side_by_side"):
        with pytest.raises(FileNotFoundError) as error:
            find_unpaired(tmp_path, "val", layout=layout)
        assert "has no 'val' split (it has train): expected" in one_line(error)
    with pytest.raises(ValueError, match="unknown split 'valid'"):
        find_unpaired(tmp_path, "valid")


def test_neither_folders_nor_images(tmp_path):
    (tmp_path / "train").mkdir()
    with pytest.raises(ValueError, match="no images in .* or the folders 'A' and 'B'"):
        find_unpaired(tmp_path, "train")
    touch(tmp_path, "train/1.png")
    with pytest.raises(ValueError, match="does not hold two folders of images"):
        find_unpaired(tmp_path, "train", layout="folders")


@pytest.mark.parametrize("layout", ["targets", "pairs"])
def test_other_layouts(tmp_path, layout):
    message = f"--data.layout is '{layout}', expected auto, folders or side_by_side: "
    with pytest.raises(ValueError, match=message):
        find_unpaired(tmp_path, "train", layout=layout)


def test_odd_widths(tmp_path):
    touch(tmp_path, "train/1.png", size=(9, 5))
    with pytest.raises(ValueError, match=r"even width, .* train/1.png \(width 9\)"):
        find_unpaired(tmp_path, "train")


def test_unreadable_headers_are_named_all_at_once(tmp_path):
    touch(tmp_path, *(f"train{domain}/{i}.png" for domain in "AB" for i in range(2)))
    (tmp_path / "trainA/1.png").write_bytes(b"")
    (tmp_path / "trainB/0.png").write_bytes(b"GIF89a nonsense")
    with pytest.raises(ValueError) as error:
        find_unpaired(tmp_path, "train")
    assert one_line(error) == (
        f"2 unreadable images in '{tmp_path}': trainA/1.png (empty), trainB/0.png "
        "(damaged, or no image: expected JPEG, PNG, WebP, BMP, GIF, TIFF, HEIC or "
        "NumPy); replace or remove them"
    )


def test_results_do_not_change():
    files = find_unpaired(bundled(), "val")
    with pytest.raises(AttributeError):
        files.layout = "folders"

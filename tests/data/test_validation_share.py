import pytest

from tests.data.conftest import one_line, picture, save, touch
from tests.preparation.conftest import pictures
from tfi2i.data import find_pairs, find_unpaired
from tfi2i.data.validation_share import Share


def samples(root, split, share, **options):
    return [s.name for s in find_pairs(root, split, share=share, **options).samples]


@pytest.mark.parametrize(
    "names",
    [
        [f"train/{i}.png" for i in range(20)],
        [f"{i}.png" for i in range(20)],
        [f"train/{side}/{i}.png" for i in range(20) for side in "AB"],
        [f"{side}/{i}.png" for i in range(20) for side in ("sketch", "photo")],
    ],
)
def test_a_share_is_set_aside_and_every_pair_is_in_one_split(tmp_path, names):
    pictures(tmp_path, *names, size=(12, 6))
    share = Share(0.2)
    parts = {split: samples(tmp_path, split, share) for split in ("train", "val")}
    assert len(parts["val"]) == 4 and len(parts["train"]) == 16
    assert sorted(parts["train"] + parts["val"]) == sorted(map(str, range(20)))
    assert samples(tmp_path, "val", share) == parts["val"]
    assert samples(tmp_path, "val", Share(0.2, seed=1)) != parts["val"]
    reason = find_pairs(tmp_path, "val", share=share).reason
    assert reason.endswith("; 4 of 20 for validation (--data.val-share 0.2)")


def test_groups_and_copies_do_not_cross(tmp_path):
    for i in range(30):
        pixels = picture(6, 12, i // 2)
        save(tmp_path / f"g{i % 6}_{i}.png", pixels)
    share = Share(0.3, group=r"g(\d)")
    parts = [samples(tmp_path, split, share) for split in ("train", "val")]
    groups = [{name[:2] for name in part} for part in parts]
    assert groups[0] | groups[1] == {f"g{i}" for i in range(6)}
    assert not groups[0] & groups[1] and parts[1]
    # Every image is there twice, in neighbouring groups.
    copies = [{int(name[3:]) // 2 for name in part} for part in parts]
    assert not copies[0] & copies[1]


def test_unpaired_images_are_shared_out_each_on_their_own(tmp_path):
    pictures(tmp_path, *(f"trainA/{i}.png" for i in range(20)))
    pictures(tmp_path, *(f"trainB/{i}.png" for i in range(10)), first=50)
    counts = {}
    for split in ("train", "val"):
        files = find_unpaired(tmp_path, split, share=Share(0.2))
        counts[split] = len(files.a), len(files.b)
    assert counts == {"train": (16, 8), "val": (4, 2)}


def test_what_cannot_be_shared(tmp_path):
    touch(tmp_path, "train/1.png", "train/2.png", "test/1.png")
    with pytest.raises(ValueError, match="--data.group .* finds nothing") as error:
        find_pairs(tmp_path, "train", share=Share(0.5, group="x"))
    one_line(error)
    # The test images stay what they are.
    assert samples(tmp_path, "test", Share(0.5)) == ["1"]
    touch(tmp_path, "val/1.png")
    assert samples(tmp_path, "val", Share(0.5)) == ["1"]
    with pytest.raises(ValueError, match="a split 'val' of its own: leave it out"):
        find_pairs(tmp_path, "train", share=Share(0.5))

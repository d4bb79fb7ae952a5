import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfi2i.data.geometry import PREPROCESS, Geometry

sides = st.integers(1, 3000)


def reference(preprocess, height, width, load, crop):
    """The sizes of the reference's `get_transform`, before its random crop."""
    if "resize" in preprocess:
        height = width = load
    elif "scale_width" in preprocess and not (width == load and height >= crop):
        height, width = int(max(load * height / width, crop)), load
    if preprocess == "none":
        height, width = (int(round(side / 4) * 4) for side in (height, width))
    return height, width


@given(st.sampled_from(PREPROCESS), sides, sides, st.integers(8, 600), sides)
def test_sizes_are_the_references(preprocess, height, width, load, crop):
    geometry = Geometry(preprocess, (load, load), (crop, crop), multiple=4)
    expected = reference(preprocess, height, width, load, crop)
    if geometry.is_cropped and preprocess != "resize_and_crop":
        if min(expected) < crop:
            with pytest.raises(ValueError, match="is smaller than the crop of"):
                geometry.loaded(height, width)
            return
    found = geometry.loaded(height, width)
    if preprocess == "scale_width":
        # Rounded to what a network takes, which the reference leaves out.
        assert all(
            abs(a - b) <= 4 and a % 4 == 0 for a, b in zip(found, expected, strict=True)
        )
    else:
        assert found == tuple(
            max(side, 4) if preprocess == "none" else side for side in expected
        )


def test_oblong_crops():
    geometry = Geometry("resize_and_crop", (143, 286), (128, 256))
    assert geometry.loaded(10, 10) == (143, 286)
    assert geometry.whole().loaded(10, 10) == (128, 256)
    assert Geometry("scale_width_and_crop", (1, 300), (100, 200)).loaded(50, 400) == (
        100,
        300,
    )


def test_whole_images_keep_the_scale_of_training():
    crops = Geometry("crop", crop=(64, 64))
    assert crops.whole().loaded(100, 200) == (100, 200)
    scaled = Geometry("scale_width_and_crop", (512, 512), (64, 64))
    assert scaled.whole().loaded(100, 256) == (200, 512)


@given(sides, sides, st.sampled_from([4, 32, 256]))
def test_what_is_not_cropped_fits_the_network(height, width, multiple):
    found = Geometry("none", multiple=multiple).loaded(height, width)
    for side, before in zip(found, (height, width), strict=True):
        assert side % multiple == 0 and side >= multiple
        assert abs(side - before) <= multiple / 2 or before < multiple


def test_what_cannot_be():
    with pytest.raises(ValueError, match="--data.preprocess is 'warp', expected resiz"):
        Geometry("warp")
    with pytest.raises(ValueError, match="--data.load-size is 0, expected at least 1"):
        Geometry(load=(0, 0))
    with pytest.raises(ValueError, match="--data.crop-size is 8x0, expected at least"):
        Geometry(crop=(8, 0))

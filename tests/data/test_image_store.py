import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tfi2i.data import image_store
from tfi2i.data.pixels import PixelType

SHAPES = np.array([[3, 5], [4, 2], [3, 5]])
TYPES = [PixelType.of(3), PixelType.of(1, "uint16"), PixelType.of(2, "float32", 0, 1)]


def filled(shapes, pixels, on_disk):
    """Images of values that say which they are."""
    buffer = image_store.allocate(shapes, pixels, on_disk)
    for index, view in enumerate(image_store.views(buffer, shapes, pixels)):
        view[:] = np.arange(view.size).reshape(view.shape) + 100 * index
    return image_store.Held(buffer, shapes, pixels)


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize("pixels", TYPES)
def test_images_of_several_sizes(pixels, on_disk):
    images = filled(SHAPES, pixels, on_disk)
    assert images.shape == (3, None, None, pixels.channels)
    assert not images.is_uniform
    inside = tf.data.Dataset.range(3).map(images.get)
    assert inside.element_spec.shape.as_list() == [None, None, pixels.channels]
    for index, image in enumerate(inside):
        expected = np.arange(SHAPES[index].prod() * pixels.channels) + 100 * index
        assert image.dtype == pixels.dtype
        assert image.shape[:2] == tuple(SHAPES[index])
        np.testing.assert_array_equal(tf.reshape(image, -1), expected)
        np.testing.assert_array_equal(images[index], image)


@pytest.mark.parametrize("on_disk", [False, True])
def test_images_of_one_size(on_disk):
    images = filled(SHAPES[[0, 2]], TYPES[0], on_disk)
    assert images.shape == (2, 3, 5, 3) and images.is_uniform
    assert tf.data.Dataset.range(2).map(images.get).element_spec.shape == (3, 5, 3)
    np.testing.assert_array_equal(images, np.stack([images[0], images[1]]))
    np.testing.assert_array_equal(images[-1], images[1])
    with pytest.raises(IndexError):
        images[2]


def test_memory_is_shared():
    shapes = SHAPES[[0, 2]]
    buffer = image_store.allocate(shapes, TYPES[0], on_disk=False)
    images = image_store.Held(buffer, shapes, TYPES[0])
    image_store.views(buffer, shapes, TYPES[0])[1][2, 4, 1] = 9
    assert images[1][2, 4, 1] == 9


def test_a_disk_that_is_full_is_an_error_and_no_crash():
    shapes = np.array([[2**20, 2**20]] * 1000)
    with pytest.raises(OSError, match="need 3298534.9 GB .* --data.cache off"):
        image_store.allocate(shapes, TYPES[0], on_disk=True)


@pytest.mark.skipif(sys.platform != "linux", reason="has no such limit")
def test_a_file_that_may_not_grow_is_an_error_and_no_crash():
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large.*--data.cache off"):
            image_store.allocate(np.array([[1000, 1000]]), TYPES[0], on_disk=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_iterating_copies_no_images():
    """TensorFlow's rewriting of datasets would copy all of them."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    before, after = map(int, done.stdout.split())
    assert after - before < 100_000, "kB, of 400,000 held"


PROGRAM = """
import numpy as np
from tfi2i.data import PairedData, bundled, headers, image_store, paired_files
from tfi2i.data.pixels import RGB

def peak():
    lines = open("/proc/self/status").read().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("VmHWM"))

shapes = np.array([[256, 256]] * 1000)
images = []
for _ in range(2):
    buffer = image_store.allocate(shapes, RGB, on_disk=False)
    buffer[:] = 1
    images.append(image_store.Held(buffer, shapes, RGB))
image = headers.ImageFile(bundled(), 256, 256)
samples = tuple(paired_files.Sample(str(i), image, image) for i in range(1000))
data = PairedData(*images, paired_files.PairedFiles("folders", (), "", samples))
before = peak()
next(iter(data.training(batch_size=1, crop_size=32, epochs=1)))
next(iter(data.evaluation(1)))
print(before, peak())
"""

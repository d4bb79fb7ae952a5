"""Images that are read, painted and written at the same time."""

import threading

import numpy as np
import pytest
from PIL import Image

from tests.translators import NETWORKS, make_run, photos
from tfi2i.data.pixels import PixelType
from tfi2i.data.reading import read_image
from tfi2i.inference import Translator, load, translate_files
from tfi2i.inference.concurrent_translation import ConcurrentTranslation


class Negative:
    """Inverts, and notes the shapes that it is given."""

    together = True

    def __init__(self, refuses=lambda images: False):
        self.shapes = []
        self.refuses = refuses

    def __call__(self, images):
        self.shapes.append(images.shape)
        if self.refuses(images):
            raise MemoryError
        return 255 - images


def _folder(path, sizes):
    path.mkdir()
    for index, (height, width) in enumerate(sizes):
        image = photos(1, height, width, seed=index)[0]
        Image.fromarray(image).save(path / f"{index:02}.png")
    return path


def _check(folder, report):
    for path in report.translated:
        painted, image = read_image(path), read_image(folder / path.name)
        np.testing.assert_array_equal(painted, 255 - image)


def test_images_of_one_size_that_follow_each_other_go_together(tmp_path):
    sizes = [(8, 6)] * 3 + [(6, 8)] + [(8, 6)] * 20
    folder, negative = _folder(tmp_path / "in", sizes), Negative()
    report = translate_files(Translator(negative), folder, tmp_path / "out")
    assert [path.name for path in report.translated] == [
        f"{index:02}.png" for index in range(24)
    ]
    counts = [(shape[0], shape[1]) for shape in negative.shapes]
    assert counts == [(3, 8), (1, 6), (16, 8), (4, 8)]
    _check(folder, report)


@pytest.mark.parametrize(("side", "count"), [(256, 4), (300, 2), (512, 1)])
def test_a_batch_has_as_many_pixels_as_four_images_of_256(tmp_path, side, count):
    negative = Negative()
    folder = _folder(tmp_path / "in", [(side, side)] * count * 2)
    translate_files(Translator(negative), folder, tmp_path / "out")
    assert [shape[0] for shape in negative.shapes] == [count, count]


def test_a_translator_that_does_not_gain_gets_them_one_by_one(tmp_path):
    negative = Negative()
    negative.together = False
    folder = _folder(tmp_path / "in", [(8, 6)] * 3)
    translate_files(Translator(negative), folder, tmp_path / "out")
    assert [shape[0] for shape in negative.shapes] == [1, 1, 1]


def test_an_image_that_fails_hurts_none_of_its_batch(tmp_path):
    folder = _folder(tmp_path / "in", [(8, 6)] * 5)
    bad = read_image(folder / "02.png")
    (folder / "01.png").write_bytes((folder / "01.png").read_bytes()[:60])
    negative = Negative(lambda images: any((image == bad).all() for image in images))
    report = translate_files(Translator(negative), folder, tmp_path / "out")
    assert [path.stem for path in report.translated] == ["00", "03", "04"]
    unread, unpainted = report.failed
    assert "01.png: " in unread
    assert "02.png: not enough memory for it: paint it in tiles" in unpainted
    assert [shape[0] for shape in negative.shapes] == [1, 3, 1, 1, 1]
    _check(folder, report)


def test_what_is_there_is_not_read(tmp_path):
    folder, negative = _folder(tmp_path / "in", [(8, 6)] * 4), Negative()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "01.png").write_bytes(b"mine")
    (folder / "01.png").write_bytes(b"no image")
    report = translate_files(Translator(negative), folder, tmp_path / "out")
    assert [path.stem for path in report.skipped] == ["01"]
    assert len(report.translated) == 3 and report.failed == ()
    assert negative.shapes == [(3, 8, 6, 3)]


def test_stopped_by_hand(tmp_path):
    folder = _folder(tmp_path / "in", [(200, 200)] * 12)

    class Stopped(Negative):
        def __call__(self, images):
            if len(self.shapes) == 1:
                raise KeyboardInterrupt
            return super().__call__(images)

    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        translate_files(Translator(Stopped()), folder, tmp_path / "out")
    assert threading.active_count() == threads
    left = sorted((tmp_path / "out").iterdir()) if (tmp_path / "out").exists() else []
    assert len(left) <= 6
    for path in left:
        image = read_image(folder / path.name)
        np.testing.assert_array_equal(read_image(path), 255 - image)
    report = translate_files(Translator(Negative()), folder, tmp_path / "out")
    assert [*report.skipped] == left
    assert len(report.translated) == 12 - len(left)


def test_an_output_that_cannot_be_written_ends_it(tmp_path):
    folder = _folder(tmp_path / "in", [(8, 6)] * 40)
    (tmp_path / "out").write_text("a file")
    threads = threading.active_count()
    with pytest.raises(NotADirectoryError, match="expected a folder"):
        translate_files(Translator(Negative()), folder, tmp_path / "out")
    assert threading.active_count() == threads


@pytest.mark.parametrize("side", [400, 5000])
def test_images_in_memory_are_few(tmp_path, side):
    lock, now, most = threading.Lock(), [0], [0]
    pixels = PixelType.of(1, "float32", 0, 1)
    image = np.zeros((side, side, 1), np.float32)
    size = 2 * image.nbytes

    def count(by):
        with lock:
            now[0] += by
            most[0] = max(most[0], now[0])

    def read(path, target):
        count(size)
        return image, None

    flow = ConcurrentTranslation(
        Translator(lambda images: images, pixels, pixels),
        read,
        lambda painted, path, beside: count(-size),
    )
    jobs = [(tmp_path / str(i), tmp_path / f"{i}.out") for i in range(150)]
    assert [outcome.target for outcome in flow.outcomes(jobs)] == [
        target for _, target in jobs
    ]
    assert now[0] == 0
    assert most[0] <= 128 * 2**20 + size
    assert most[0] <= 70 * size


@pytest.mark.parametrize("network", ["unet-image", "resnet"])
def test_outputs_do_not_depend_on_their_folder(tmp_path, network):
    make_run(tmp_path / "run", **NETWORKS[network])
    folder = _folder(tmp_path / "in", [(64, 48)] * 4 + [(48, 64)])
    # Images unlike each other, so that statistics of the batch would show.
    dark = read_image(folder / "01.png") // 8
    Image.fromarray(dark).save(folder / "01.png")
    translator = load(tmp_path / "run")
    assert translator.together
    report = translate_files(translator, folder, tmp_path / "out")
    for path in report.translated:
        alone = np.int32(translator(read_image(folder / path.name)))
        assert np.abs(read_image(path) - alone).max() <= 1


def test_who_gains_from_batches(tmp_path):
    make_run(tmp_path / "run")
    assert load(tmp_path / "run").together
    assert not load(tmp_path / "run", noise_seed=0).together
    assert not load(tmp_path / "run", tile=128).together

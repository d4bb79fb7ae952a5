"""Images a second of the training pipeline, beside a PyTorch DataLoader.

On an unpaired folder (trainA, trainB), beside a DataLoader that does what the
reference's training does: PIL decoding, bicubic resizing, random crop, flip, tensor,
normalization.

The clock starts when the process has imported its library. "cold" is the first epoch,
with everything that comes before it: finding, checking and decoding the files. "warm"
is the median of the later epochs. The files have been read once before, so that both
sides read from the page cache. The DataLoader is tried with several numbers of workers,
which stay alive between epochs; its best counts, cold and warm apart.
"""

import statistics
import sys
import time
from pathlib import Path

from benchmarks.turns import in_a_process

OURS = "tfi2i"


def epochs_of_ours(folder, options):
    """Times of the epochs of tfi2i's training pipeline.

    Returns:
        Seconds of each epoch, and the images of one.
    """
    import tfi2i.data

    start = time.perf_counter()
    dataset = tfi2i.data.unpaired(
        folder,
        batch_size=options["batch_size"],
        load_size=options["load_size"],
        crop_size=options["crop_size"],
    )
    return _timed(dataset, options, start)


def epochs_of_torch(folder, options, workers):
    """Times of the epochs of a DataLoader with the reference's transforms.

    Returns:
        As `epochs_of_ours`.
    """
    import torch

    # As DataLoader's workers do: two threads on one small image mostly wait for each
    # other, tens of times longer where the machine does something else besides.
    torch.set_num_threads(1)
    start = time.perf_counter()
    loader = torch.utils.data.DataLoader(
        Unaligned(folder, options["load_size"], options["crop_size"]),
        batch_size=options["batch_size"],
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    return _timed(loader, options, start)


def _images_of(batch):
    """Images of A and of B; a DataLoader has no names for them."""
    return batch.values() if isinstance(batch, dict) else batch


def _timed(batches, options, start):
    seconds = []
    for _ in range(1 + options["warm_epochs"]):
        number = 0
        for real_a, real_b in map(_images_of, batches):
            number += len(real_a) + len(real_b)
        now = time.perf_counter()
        seconds.append(now - start)
        start = now
    side = options["crop_size"]
    assert (
        sorted(real_a.shape[1:]) == sorted(real_b.shape[1:]) == sorted((3, side, side))
    )
    return seconds, number


class Unaligned:
    """The reference's unaligned data set: an image of A, and any one of B."""

    def __init__(self, folder, load_size, crop_size):
        self._a, self._b = (_images(folder / name) for name in ("trainA", "trainB"))
        self._load_size = load_size
        self._crop_size = crop_size

    def __len__(self):
        return max(len(self._a), len(self._b))

    def __getitem__(self, index):
        import random

        return (
            self._prepared(self._a[index % len(self._a)]),
            self._prepared(self._b[random.randrange(len(self._b))]),
        )

    def _prepared(self, path):
        """As torchvision's transforms do it, which may not be installed."""
        import numpy as np
        import torch
        from PIL import Image

        image = Image.open(path).convert("RGB")
        image = image.resize((self._load_size, self._load_size), Image.BICUBIC)
        room = self._load_size - self._crop_size + 1
        left, top = (int(torch.randint(0, room, ())) for _ in range(2))
        image = image.crop((left, top, left + self._crop_size, top + self._crop_size))
        if torch.rand(()) < 0.5:
            image = image.transpose(Image.FLIP_LEFT_RIGHT)
        pixels = torch.from_numpy(np.array(image, np.uint8, copy=True))
        tensor = pixels.permute(2, 0, 1).contiguous().float().div(255)
        return tensor.sub_(0.5).div_(0.5)


def _images(folder):
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".bmp", ".webp")
    )


def measure(folder, options, workers, rounds):
    """Every side in turn, in processes of their own.

    Returns:
        For each side its measurements: seconds of each epoch, and images.
    """
    sides = {OURS: (epochs_of_ours, folder, options)}
    for number in workers:
        sides[f"PyTorch, {number} workers"] = (
            epochs_of_torch,
            folder,
            options,
            number,
        )
    found = {name: [] for name in sides}
    for index in range(rounds):
        # Whoever comes first meets another state of the machine: turn about.
        names = list(sides) if index % 2 == 0 else list(reversed(sides))
        for name in names:
            found[name].append(in_a_process(*sides[name]))
            seconds, images = found[name][-1]
            rates = ", ".join(f"{images / value:.0f}" for value in seconds)
            print(f"round {index + 1}, {name}: {rates} images/s", file=sys.stderr)
    return found


def compared(found):
    """Medians of images a second, and ours over the DataLoader's best."""
    rates = {}
    for name, measured in found.items():
        cold = [images / seconds[0] for seconds, images in measured]
        warm = [images / statistics.median(seconds[1:]) for seconds, images in measured]
        rates[name] = {
            "cold": statistics.median(cold),
            "warm": statistics.median(warm),
        }
    others = [rate for name, rate in rates.items() if name != OURS]
    ratio = {
        state: rates[OURS][state] / max(rate[state] for rate in others)
        for state in ("cold", "warm")
    }
    return {"images_per_second": rates, "ratio": ratio}


def run(args):
    """Measures both sides as the command's arguments say."""
    folder = Path(args.data_dir)
    counts = [len(_images(folder / name)) for name in _sides(folder)]
    for path in folder.glob("train[AB]/*"):
        path.read_bytes()
    options = {
        "batch_size": args.batch_size,
        "load_size": args.load_size,
        "crop_size": args.crop_size,
        "warm_epochs": args.warm_epochs,
    }
    found = measure(folder, options, args.workers, args.rounds)
    return {
        "options": {**options, "rounds": args.rounds, "images": counts},
        **compared(found),
        "measured": found,
    }


def _sides(folder):
    for name in ("trainA", "trainB"):
        if not (folder / name).is_dir():
            raise SystemExit(
                f"benchmark: error: '{folder / name}' is no folder; expected a data "
                "set with trainA and trainB, such as tfi2i data get horse2zebra DIR "
                "makes"
            )
        yield name


def table(result):
    """What was measured, for people."""
    options = result["options"]
    a, b = options["images"]
    lines = [
        f"{a} and {b} images, {options['load_size']} to {options['crop_size']} pixels, "
        f"batches of {options['batch_size']}; medians of {options['rounds']} rounds",
        "",
        f"{'images/s':<22}{'cold':>8}{'warm':>8}",
    ]
    for name, rate in result["images_per_second"].items():
        lines.append(f"{name:<22}{rate['cold']:>8.0f}{rate['warm']:>8.0f}")
    ratio = result["ratio"]
    lines.append(f"{'ours / their best':<22}{ratio['cold']:>8.2f}{ratio['warm']:>8.2f}")
    lines += [
        "",
        "cold: the first epoch, from the start of the data set, with decoding; files "
        "in the page cache on both sides",
        "warm: later epochs",
    ]
    return "\n".join(lines)

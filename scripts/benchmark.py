"""Speed, measured beside PyTorch on the same machine in one run.

    pip install -e ".[bench]"
    python scripts/benchmark.py train [--models pix2pix cyclegan] [--json FILE]
    python scripts/benchmark.py infer [--networks resnet unet] [--json FILE]
    python scripts/benchmark.py data --data.dir FOLDER [--json FILE]

`train`: seconds and memory of a training step. `infer`: milliseconds of an image, and
images a second of a folder. `data`: images a second of the training pipeline. The other
side is the PyTorch reference, restated in `benchmarks/reference.py`.

Each measurement has a process of its own, the sides take turns, and medians are
compared; where PyTorch has several ways, its best one counts.
"""

import argparse
import json
import os
from importlib import metadata
from pathlib import Path

from benchmarks import data, infer, train
from benchmarks.machine import choose_device, described, machine


def main(words=None):
    """Runs one command."""
    args = _parser().parse_args(words)
    # For all processes: TensorFlow tells of itself when it starts.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # As the commands of tfi2i have it.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    try:
        metadata.version("torch")
    except metadata.PackageNotFoundError:
        raise SystemExit(
            "benchmark: error: PyTorch, the other side, is not installed: "
            'pip install -e ".[bench]"'
        ) from None
    choose_device()
    result = {"machine": machine(), **args.measure(args)}
    print(described(result["machine"]))
    print(args.table(result))
    if args.json is not None:
        args.json.write_text(json.dumps(result, indent=2) + "\n")


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_train(commands)
    _add_infer(commands)
    _add_data(commands)
    for command in commands.choices.values():
        command.add_argument("--rounds", type=_natural, default=5)
        command.add_argument("--json", type=_file, help="to write all measurements to")
    return parser


def _add_train(commands):
    command = commands.add_parser("train", help="seconds and memory of a training step")
    command.set_defaults(
        measure=lambda args: train.run(
            args.models,
            {
                "size": args.size,
                "batch_size": args.batch_size,
                "precision": args.precision,
                "xla": args.xla,
                "devices": args.devices,
            },
            args.rounds,
            args.steps,
        ),
        table=train.table,
    )
    command.add_argument(
        "--models", nargs="+", choices=train.MODELS, default=list(train.MODELS)
    )
    command.add_argument("--size", type=_size, default=256, help="side in pixels")
    command.add_argument("--batch-size", type=_natural, default=1)
    command.add_argument("--steps", type=_natural, default=1, help="of each turn")
    command.add_argument(
        "--precision",
        choices=train.PRECISIONS,
        default="float32",
        help="mixed with float32 on both sides",
    )
    command.add_argument("--xla", action="store_true", help="also let XLA compile ours")
    command.add_argument(
        "--devices",
        type=_natural,
        default=1,
        help="also measure our side on several, each with a batch of its own",
    )


def _add_infer(commands):
    command = commands.add_parser("infer", help="milliseconds of an image, and folders")
    command.set_defaults(
        measure=lambda args: infer.run(
            args.networks, args.size, args.images, args.rounds
        ),
        table=infer.table,
    )
    command.add_argument(
        "--networks", nargs="+", choices=infer.NETWORKS, default=list(infer.NETWORKS)
    )
    command.add_argument("--size", type=_size, default=256, help="side in pixels")
    command.add_argument("--images", type=_natural, default=32, help="in the folder")


def _add_data(commands):
    command = commands.add_parser("data", help="images a second of training's pipeline")
    command.set_defaults(measure=data.run, table=data.table)
    command.add_argument(
        "--data.dir", dest="data_dir", required=True, help="with trainA and trainB"
    )
    command.add_argument("--load-size", type=_natural, default=286)
    command.add_argument("--crop-size", type=_natural, default=256)
    command.add_argument("--batch-size", type=_natural, default=1)
    command.add_argument("--warm-epochs", type=_natural, default=2, help="each round")
    command.add_argument(
        "--workers",
        type=int,
        nargs="+",
        default=[0, 1, 2],
        help="of the DataLoader, to try; the best counts",
    )


def _file(word):
    path = Path(word)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"'{word}' is no file in a folder that exists")
    return path


def _natural(word):
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{word} is not 1 or more")
    return number


def _size(word):
    number = int(word)
    if number < 32 or number % 32:
        raise argparse.ArgumentTypeError(f"{word} is no multiple of 32")
    return number


if __name__ == "__main__":
    main()

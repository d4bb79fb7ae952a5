"""Makes the files of this folder: run with the version that they stand for.

python make.py FOLDER

They were made by commit f7b717c, the last one before batches had names (TensorFlow
2.21.0, Keras 3.15.1, x86-64 with AVX-512, two threads). Do not make them again with a
later version: that it reads these is what the tests show.

Each `NAME.zip` is a run folder, or holds `.keras` files saved from Python, or images.
`expected/NAME.npz` holds what this version then computed from it.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

# Each run is small, but large steps make it paint something.
_COMMON = [
    *("--epochs", "3", "--seed", "7", "--deterministic", "--sample-images", "2"),
    *("--data.crop-size", "32", "--data.load-size", "36"),
    *("--model.generator.filters", "2", "--model.discriminator.filters", "2"),
    *("--model.discriminator.num-layers", "1", "--optimizer.learning-rate", "0.01"),
]
_RESNET = ["--model.generator.network", "resnet", "--model.generator.blocks", "1"]
RUNS = {
    # Batch size 2 stores batch statistics, which take a few steps to be of any use.
    "pix2pix_finished": [
        *("pix2pix", *_COMMON, *_RESNET, "--data.direction", "b2a"),
        *("--data.batch-size", "2", "--optimizer.ema-momentum", "0.5"),
        *("--model.generator.dropout", "0.2", "--model.discriminator.spectral-norm"),
        *("--epochs", "20", "--seed", "3"),
    ],
    "cyclegan_finished": [
        *("cyclegan", *_COMMON, "--model.generator.blocks", "1"),
        *("--model.generator.upsample", "subpixel", "--model.pool-size", "3"),
        *("--keep-best", "val_cycle_a"),
    ],
    # From six halvings on a U-Net has a layer that drops.
    "pix2pix_stopped": [
        *("pix2pix", *_COMMON, "--data.crop-size", "64", "--data.load-size", "72"),
        *("--model.generator.filters", "1", "--model.generator.num-downs", "6"),
        *("--model.l2-weight", "1.0", "--model.adversarial-loss", "hinge"),
        *("--optimizer.clip-norm", "10.0"),
    ],
    "cyclegan_stopped": [
        *("cyclegan", *_COMMON, "--model.generator.blocks", "1"),
        *("--model.adversarial-loss", "wgan-gp", "--model.pool-size", "3"),
        *("--optimizer.ema-momentum", "0.5", "--data.batch-size", "2"),
    ],
}
GO_ON = {"pix2pix_finished": 22, "cyclegan_finished": 5}
EVERY_STEP = ["--backup-minutes", "0.00001"]
STOPS = {"pix2pix_stopped": signal.SIGTERM, "cyclegan_stopped": signal.SIGKILL}
_STOP = """
import os, signal, sys
count = {count}
def audit(event, args):
    global count
    if event == "os.rename" and str(args[1]).endswith("state.npz"):
        count -= 1
        if count == 0:
            os.kill(os.getpid(), {signal})
sys.addaudithook(audit)
"""
_CLI = "import sys; from tfi2i.cli import main; main(sys.argv[1:])"
# Folders of images by the first word of a run.
IMAGES = {"pix2pix": "pairs", "cyclegan": "unpaired"}
KEPT = (
    "config.json",
    "model.keras",
    "best.keras",
    "best.json",
    "metrics.jsonl",
    "images.json",
    "backup/state.npz",
    "export",
)


def tfi2i(*words, code=_CLI):
    """Runs a command; returns its exit status and what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    print(" ".join(map(str, words)), "->", done.returncode, flush=True)
    return done.returncode, done.stdout


def check(*words):
    status, printed = tfi2i(*words)
    if status != 0:
        raise SystemExit(printed)
    return printed


def picture(height, width, seed):
    """A colour gradient with a few rectangles, uint8."""
    draw = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    slopes, offsets = draw.integers(1, 6, (2, 3)), draw.integers(0, 120, 3)
    image = rows[..., None] * slopes[0] + columns[..., None] * slopes[1] + offsets
    for _ in range(3):
        top, left = draw.integers(0, height - 8), draw.integers(0, width - 8)
        image[top : top + 8, left : left + 8] = draw.integers(0, 256, 3)
    return np.uint8(np.clip(image, 0, 255))


def make_images(folder):
    from PIL import Image

    def save(path, image):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path, optimize=True)

    for split, count, seed in (("train", 6, 0), ("val", 2, 10), ("test", 2, 20)):
        for index in range(count):
            image = picture(36, 36, seed + index)
            # B is what a function of A can be.
            pair = np.concatenate([image, 255 - image[..., ::-1]], axis=1)
            save(folder / "pairs" / split / f"{index}.png", pair)
    for name, count, seed in (
        *(("trainA", 5, 30), ("trainB", 4, 40)),
        *(("valA", 2, 50), ("valB", 2, 60), ("testA", 2, 70), ("testB", 2, 80)),
    ):
        for index in range(count):
            image = picture(36, 36, seed + index)
            save(folder / "unpaired" / name / f"{index}.png", image)
    save(folder / "photos" / "fits.png", picture(64, 64, 90))
    save(folder / "photos" / "odd.png", picture(41, 57, 91))


def make_runs(folder, images):
    for name, words in RUNS.items():
        place = ["--data.dir", images / IMAGES[words[0]], "--run", folder / name]
        if name not in STOPS:
            check("train", *words, *place)
            continue
        # In the second epoch, of six steps or two.
        count = 9 if name == "pix2pix_stopped" else 4
        code = _STOP.format(count=count, signal=int(STOPS[name])) + _CLI
        status, printed = tfi2i("train", *words, *EVERY_STEP, *place, code=code)
        if status not in (143, -signal.SIGKILL):
            raise SystemExit(printed)
        with np.load(folder / name / "backup" / "state.npz") as state:
            facts = json.loads(str(state["facts"]))
        print(name, "stopped at", facts["epoch"], facts["step"])
        if facts["epoch"] != 1 or facts["step"] == 0:
            raise SystemExit("not within the second epoch")


def make_imported(folder):
    tests = Path(__file__).resolve().parents[1]
    source = tests / "golden" / "networks" / "resnet_6blocks_instance.pth"
    check("import", source, folder / "imported")


def batches():
    """Two batches of two pairs, float32 in [-1, 1]."""
    images = np.stack([picture(32, 32, seed) for seed in range(100, 108)])
    real = np.float32(images) / 127.5 - 1
    return real[:4], real[4:]


def go_on(model):
    """Two steps on `batches`."""
    real_a, real_b = batches()
    model.fit(real_a, real_b, batch_size=2, shuffle=False, verbose=0)


def make_keras_files(folder):
    """Trainers saved from Python, two steps old, and a generator by itself."""
    import keras

    from tfi2i import CycleGAN, Pix2Pix, models, networks

    keras.utils.set_random_seed(0)
    folder.mkdir()
    pix2pix = Pix2Pix(
        networks.unet(3, filters=2, upsample="resize_conv", seed=1),
        networks.patchgan(6, filters=2, num_layers=1, spectral_norm=True, seed=2),
        adversarial_loss="lsgan",
    )
    pix2pix.compile(models.Adam(0.01), keras.optimizers.Adam(0.005))
    schedule = models.ConstantThenLinear(0.01, 1, 3, 2)
    cyclegan = CycleGAN(
        *(networks.resnet(1, filters=2, dropout=0.5, seed=seed) for seed in (1, 2)),
        *(
            networks.pixel_discriminator(filters=2, norm="instance", seed=seed)
            for seed in (3, 4)
        ),
        pool_size=3,
        seed=5,
    )
    cyclegan.compile(
        keras.optimizers.LossScaleOptimizer(models.Adam(schedule)),
        models.Adam(schedule),
    )
    for name, model in (("pix2pix", pix2pix), ("cyclegan", cyclegan)):
        go_on(model)
        model.save(folder / f"{name}.keras")
    cyclegan.generator_ba.save(folder / "generator.keras")


def hashes(model):
    """SHA-256 of each variable of a trainer, by its name in backups."""
    from tfi2i.models.state import named_variables

    return {
        name: hashlib.sha256(variable.numpy().tobytes()).hexdigest()
        for name, variable in named_variables(model).items()
        if not name.startswith("means/")
    }


def variables(model):
    """Weights, random state and pools of a trainer, by their names in backups."""
    from tfi2i.models.state import named_variables

    return {
        name: variable.numpy()
        for name, variable in named_variables(model).items()
        if name.startswith(("model/", "pool_"))
    }


def translations(source, images, scratch, *words):
    """Arrays that `tfi2i translate` writes, by the photo's name."""
    from PIL import Image

    shutil.rmtree(scratch, ignore_errors=True)
    check("translate", source, images / "photos", scratch, *words)
    return {path.stem: np.asarray(Image.open(path)) for path in scratch.glob("*.png")}


def expected_of_run(name, run, images, scratch):
    import keras

    arrays = {}

    def translate(title, source, *words):
        for photo, image in translations(source, images, scratch, *words).items():
            arrays[f"{title}/{photo}"] = image

    directions = ("a2b", "b2a") if name.startswith("cyclegan") else ("",)
    for direction in directions:
        words = ("--direction", direction) if direction else ()
        translate(direction or "only", run, *words)
        if (run / "best.keras").exists():
            translate(f"best_{direction}", run, *words, "--weights", "best")
    if (run / "model.keras").exists():
        model = keras.models.load_model(run / "model.keras")
        if hasattr(model, "generators"):
            arrays["hashes"] = json.dumps(hashes(model))
    if name == "imported":
        return arrays
    arrays["evaluated"] = check("evaluate", run, "--data.dir", images / "pairs")
    resumed = scratch.with_name("resumed")
    shutil.rmtree(resumed, ignore_errors=True)
    shutil.copytree(run, resumed)
    folder = images / IMAGES[name.split("_")[0]]
    words = ["--epochs", GO_ON[name]] if name in GO_ON else []
    check("train", "--resume", resumed, "--data.dir", folder, *words)
    model = keras.models.load_model(resumed / "model.keras")
    arrays |= {f"resumed/{key}": value for key, value in variables(model).items()}
    arrays["metrics"] = (resumed / "metrics.jsonl").read_text()
    translate(
        "resumed_photo", resumed, *(("--direction", "a2b") * (len(directions) > 1))
    )
    return arrays


def expected_of_keras(folder, images, scratch):
    import keras

    arrays = {}
    for name in ("pix2pix", "cyclegan", "generator"):
        path = folder / f"{name}.keras"
        words = ("--direction", "b2a") if name == "cyclegan" else ()
        for photo, image in translations(path, images, scratch, *words).items():
            arrays[f"{name}/{photo}"] = image
        if name == "generator":
            continue
        model = keras.models.load_model(path)
        arrays[f"{name}/hashes"] = json.dumps(hashes(model))
        losses = model.test_on_batch(*batches(), return_dict=True)
        arrays[f"{name}/losses"] = json.dumps({k: float(v) for k, v in losses.items()})
        model = keras.models.load_model(path)
        go_on(model)
        for key, value in variables(model).items():
            arrays[f"{name}/resumed/{key}"] = value
    return arrays


def expected_of_exports(run, images, scratch):
    arrays = {}
    for source in sorted((run / "export").iterdir()):
        if source.suffix == ".json":
            continue
        for photo, image in translations(source, images, scratch).items():
            arrays[f"{source.name}/{photo}"] = image
    return arrays


def pack(folder, target, kept=None):
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in paths:
            name = path.relative_to(folder).as_posix()
            if kept is None or name.startswith(kept):
                archive.write(path, name)


def main(target):
    target = Path(target)
    work = Path("/tmp/made-before")
    shutil.rmtree(work, ignore_errors=True)
    images, scratch = work / "images", work / "scratch"
    make_images(images)
    make_runs(work / "runs", images)
    make_imported(work / "runs")
    check(
        *("export", work / "runs" / "pix2pix_finished", "--formats", "savedmodel"),
        *("tflite", "onnx", "--quantize", "none", "float16"),
    )
    make_keras_files(work / "keras")
    (target / "expected").mkdir(parents=True, exist_ok=True)
    pack(images, target / "images.zip")
    pack(work / "keras", target / "keras.zip")
    for run in sorted((work / "runs").iterdir()):
        pack(run, target / f"{run.name}.zip", KEPT)
        arrays = expected_of_run(run.name, run, images, scratch)
        np.savez_compressed(target / "expected" / f"{run.name}.npz", **arrays)
    arrays = expected_of_exports(work / "runs" / "pix2pix_finished", images, scratch)
    np.savez_compressed(target / "expected" / "exports.npz", **arrays)
    arrays = expected_of_keras(work / "keras", images, scratch)
    np.savez_compressed(target / "expected" / "keras.npz", **arrays)


if __name__ == "__main__":
    main(sys.argv[1])

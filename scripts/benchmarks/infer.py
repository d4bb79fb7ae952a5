"""Milliseconds of an image and images a second of a folder, beside PyTorch.

All sides have the same weights; before the clock starts, their outputs are compared
with those of `generator(image)`, and the largest gap is reported.
"""

import tempfile
from pathlib import Path

from benchmarks import turns
from benchmarks.machine import cores, gpu

OURS = "tfi2i"
NETWORKS = ("resnet", "unet")
LARGEST_GAP = 1e-4
# GPUs round the factors of convolutions to ten bits by default.
LARGEST_GAP_ON_GPUS = 3e-2
TOGETHER = 4
STEPS = 4


def sides(network, size, folder):
    """One image in memory."""
    how = (network, size, folder)
    return {
        OURS: (ours, *how, 1),
        f"{OURS}, {TOGETHER} at once": (ours, *how, TOGETHER),
        f"{OURS}, SavedModel": (saved_model, *how),
        "PyTorch eager": (theirs, *how, False),
        "PyTorch eager, channels last": (theirs, *how, True),
        "ONNX Runtime": (onnx, *how),
        "LiteRT (.tflite)": (tflite, *how),
    }


def folder_sides(network, size, folder):
    """A folder of images to a folder of images."""
    how = (network, size, folder)
    return {
        OURS: (our_folder, *how),
        "PyTorch eager": (their_folder, *how, False),
        "PyTorch eager, channels last": (their_folder, *how, True),
    }


def prepare(network, size, folder, images):
    """Writes the images, weights, and what other runtimes load; in its own process."""
    import numpy as np
    from PIL import Image

    from tfi2i.exports import onnx as exported
    from tfi2i.exports.saved_model import write_float_model, write_saved_model
    from tfi2i.exports.tflite import write_tflite

    draw = np.random.default_rng(0)
    (folder / "images").mkdir()
    for index in range(images):
        small = draw.integers(0, 256, (size // 16, size // 16, 3), np.uint8)
        picture = Image.fromarray(small).resize((size, size), Image.BICUBIC)
        picture.save(folder / "images" / f"{index:04}.png")
    generator = _generator(network, size)
    write_float_model(generator, folder / "float", None)
    write_saved_model(generator, folder / "saved")
    write_tflite(folder / "float", folder / "x.tflite", "none")
    exported.write_onnx(generator, folder / "x.onnx")
    np.save(folder / "input.npy", draw.uniform(-1, 1, (1, size, size, 3)).astype("f"))
    output = generator(np.load(folder / "input.npy"), training=False)
    np.save(folder / "output.npy", output)
    return turns.Side(lambda: None)


def ours(network, size, folder, images):
    """The engine that translates a run's images."""
    from tfi2i.inference.engines import KerasEngine

    return _checked(KerasEngine(_generator(network, size)).run, folder, images)


def saved_model(network, size, folder):
    """What TensorFlow Serving runs."""
    from tfi2i.inference.engines import SavedModelEngine

    return _checked(SavedModelEngine(folder / "saved").run, folder)


def tflite(network, size, folder):
    """The runtime of phones."""
    from tfi2i.inference.engines import TFLiteEngine

    return _checked(TFLiteEngine(folder / "x.tflite").run, folder)


def onnx(network, size, folder):
    """ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores()
    session = onnxruntime.InferenceSession(
        folder / "x.onnx", options, providers=onnxruntime.get_available_providers()
    )
    (name,) = (tensor.name for tensor in session.get_inputs())
    return _checked(lambda image: session.run(None, {name: image})[0], folder)


def theirs(network, size, folder, channels_last):
    """The reference's network in PyTorch."""
    import torch

    paint = _torch_network(network, size, channels_last)

    def run(image):
        with torch.inference_mode():
            tensor = torch.from_numpy(image.transpose(0, 3, 1, 2).copy())
            return paint(tensor).permute(0, 2, 3, 1).cpu().numpy()

    return _checked(run, folder)


def _checked(run, folder, images=1):
    """Paints some images at once; refuses a side that paints something else."""
    import numpy as np

    image, expected = np.load(folder / "input.npy"), np.load(folder / "output.npy")
    image = np.repeat(image, images, axis=0)
    gap = float(np.abs(run(image) - expected).max())
    if gap > (LARGEST_GAP_ON_GPUS if gpu() else LARGEST_GAP):
        raise ValueError(f"paints something else: off by {gap:.2g} in [-1, 1]")
    return turns.Side(lambda: run(image), images=images, facts={"gap": gap})


def our_folder(network, size, folder):
    """`tfi2i translate`, without loading."""
    from tfi2i.inference import translate_files
    from tfi2i.inference.engines import KerasEngine
    from tfi2i.inference.translator import Translator

    engine = KerasEngine(_generator(network, size))
    translator = Translator(engine, engine.input_pixels, engine.output_pixels)
    target = Path(tempfile.mkdtemp(dir=folder))

    def work():
        translate_files(translator, folder / "images", target, overwrite=True)

    return turns.Side(work)


def their_folder(network, size, folder, channels_last):
    """The loop of the reference's test script, without its web page."""
    import numpy as np
    import torch
    from PIL import Image

    paint = _torch_network(network, size, channels_last)
    target = Path(tempfile.mkdtemp(dir=folder))

    def work():
        for path in sorted((folder / "images").iterdir()):
            pixels = np.array(Image.open(path).convert("RGB"))
            tensor = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
            with torch.inference_mode():
                painted = paint(tensor.div(255).sub(0.5).div(0.5))[0]
            painted = (painted.permute(1, 2, 0).cpu().numpy() + 1) / 2 * 255
            Image.fromarray(painted.astype(np.uint8)).save(target / path.name)

    return turns.Side(work)


def _generator(network, size):
    """Ours, whose weights follow from a seed; each image has its own statistics."""
    from tfi2i import networks

    if network == "resnet":
        return networks.resnet(seed=0)
    return networks.unet(min(8, (size & -size).bit_length() - 1), seed=0)


def _torch_network(network, size, channels_last):
    import torch
    from benchmarks import reference

    torch.set_num_threads(cores())
    torch.backends.cudnn.benchmark = True
    generator = _generator(network, size)
    if network == "resnet":
        restated = reference.ResNet()
    else:
        restated = reference.UNet(num_downs=min(8, (size & -size).bit_length() - 1))
        for module in restated.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
    reference.take_weights(restated, generator)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # Each image by its own statistics, as the reference paints with batch norm.
    restated = restated.to(device).train()
    if channels_last:
        restated = restated.to(memory_format=torch.channels_last)

    def paint(images):
        images = images.to(device)
        if channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        return restated(images)

    return paint


def run(networks, size, images, rounds):
    """Measures images and folders of each network."""
    found = {}
    for network in networks:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            made = turns.measure(
                {"weights and images": (prepare, network, size, folder, images)}, 1
            )["weights and images"]
            if "failed" in made:
                raise SystemExit(f"benchmark: error: {network}: {made['failed']}")
            image = turns.measure(sides(network, size, folder), rounds, STEPS)
            whole = turns.measure(folder_sides(network, size, folder), rounds)
        found[network] = {
            "image": {"sides": image, **turns.compared(image, OURS)},
            "folder": {
                "sides": whole,
                **turns.compared(whole, OURS),
                "first_ratio": first_ratio(whole),
            },
        }
    return {"size": size, "images": images, "rounds": rounds, "networks": found}


def first_ratio(found):
    """Our seconds over the best of theirs, of the first folder of a process."""
    firsts = {name: side["first"] for name, side in found.items() if "first" in side}
    ours = firsts.pop(OURS, None)
    return ours / min(firsts.values()) if ours and firsts else None


def table(result):
    """What was measured, for people."""
    lines = []
    for network, measured in result["networks"].items():
        lines += ["", f"{network}, {result['size']} pixels: milliseconds of an image"]
        lines[-1] += "; largest gap in [-1, 1]"
        for name, side in measured["image"]["sides"].items():
            shown = side.get("failed")
            shown = shown or f"{turns.median(side) * 1e3:8.1f}{side['gap']:11.1e}"
            lines.append(f"{name:<34}{shown}")
        lines.append(_ratio(measured["image"], inverse=False))
        lines += ["", f"{network}: images a second, {result['images']} PNG to PNG"]
        lines.append(f"{'':<34}{'later':>8}{'first':>8} (with what is made then)")
        for name, side in measured["folder"]["sides"].items():
            shown = side.get("failed") or "".join(
                f"{result['images'] / seconds:8.2f}"
                for seconds in (turns.median(side), side["first"])
            )
            lines.append(f"{name:<34}{shown}")
        first = measured["folder"]["first_ratio"]
        lines.append(_ratio(measured["folder"], inverse=True))
        lines[-1] += f"{1 / first:8.2f}" if first else ""
        warning = turns.remark(*(measured[what]["sides"] for what in measured))
        lines += [warning] if warning else []
    return "\n".join(lines)


def _ratio(compared, inverse):
    if compared["ratio"] is None:
        return "ours / best: not measured"
    ratio = 1 / compared["ratio"] if inverse else compared["ratio"]
    return f"{'ours / ' + compared['best']:<34}{ratio:8.2f}"

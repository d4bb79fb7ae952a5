"""Seconds of a training step, beside PyTorch's."""

from benchmarks import turns
from benchmarks.machine import cores

OURS = "tfi2i"
MODELS = ("pix2pix", "cyclegan")
PRODUCT = 4096


def sides(model, size, batch_size):
    """What `turns.measure` measures."""
    how = (model, size, batch_size)
    found = {OURS: (ours, *how)}
    for compiled in (False, True):
        for channels_last in (False, True):
            name = "PyTorch " + ("compiled" if compiled else "eager")
            name += ", channels last" if channels_last else ""
            found[name] = (theirs, *how, compiled, channels_last)
    return found


def ours(model, size, batch_size):
    """One step of tfi2i, as `fit` does it with a compiled model's defaults."""
    import tensorflow as tf

    import tfi2i.layers
    import tfi2i.models
    import tfi2i.networks

    imported = turns.resident()
    networks = tfi2i.networks
    if model == "pix2pix":
        trainer = tfi2i.models.Pix2Pix(
            networks.unet(num_downs=_num_downs(size)), networks.patchgan(in_channels=6)
        )
    else:
        trainer = tfi2i.models.CycleGAN(
            networks.resnet(),
            networks.resnet(),
            networks.patchgan(norm="instance"),
            networks.patchgan(norm="instance"),
        )
    trainer.compile()
    pair = tf.random.uniform((2, batch_size, size, size, 3), -1.0, 1.0, seed=0)
    steps = iter(tf.data.Dataset.from_tensors((pair[0], pair[1])).repeat())
    trainer.make_train_function()

    def work():
        logs = trainer.train_function(steps)
        return [float(value) for value in logs.values()]

    def gpu_memory():
        if not tf.config.list_logical_devices("GPU"):
            return None
        return tf.config.experimental.get_memory_info("GPU:0")["peak"]

    return work, gpu_memory, imported


def theirs(model, size, batch_size, compiled, channels_last):
    """One step of the reference."""
    import torch
    from benchmarks import reference

    imported = turns.resident()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(cores())
    torch.manual_seed(0)

    def prepare(network):
        network = network.to(device)
        if channels_last:
            network = network.to(memory_format=torch.channels_last)
        return torch.compile(network) if compiled else network

    if model == "pix2pix":
        trainer = reference.Pix2Pix(prepare, num_downs=_num_downs(size))
    else:
        trainer = reference.CycleGAN(prepare)
    pair = torch.rand(2, batch_size, 3, size, size, device=device) * 2 - 1
    if channels_last:
        pair = [x.contiguous(memory_format=torch.channels_last) for x in pair]

    def work():
        # Its losses are numbers, so it has waited for the device.
        return trainer.step(*pair)

    def gpu_memory():
        return torch.cuda.max_memory_allocated() if device == "cuda" else None

    return work, gpu_memory, imported


def product_of_ours():
    """One product of matrices, in TensorFlow."""
    import tensorflow as tf

    matrix = tf.random.uniform((PRODUCT, PRODUCT), seed=0)
    return lambda: float(tf.matmul(matrix, matrix)[0, 0]), lambda: None, None


def product_of_theirs():
    """One product of matrices, in PyTorch."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(cores())
    matrix = torch.rand(PRODUCT, PRODUCT, device=device)
    return lambda: float((matrix @ matrix)[0, 0]), lambda: None, None


def rate(rounds):
    """Floating point operations a second of a product of matrices, the better one's."""
    found = turns.measure(
        {
            "product, tfi2i": (product_of_ours,),
            "product, PyTorch": (product_of_theirs,),
        },
        rounds,
    )
    return 2 * PRODUCT**3 / min(turns.median(side) for side in found.values())


def operations(model, size, batch_size):
    """Floating point operations of one step of the reference, as PyTorch counts them.

    They are those of the convolutions as their definition has them: an algorithm that
    needs fewer seems to be faster than the machine.
    """
    import torch
    from benchmarks import reference
    from torch.utils.flop_counter import FlopCounterMode

    if model == "pix2pix":
        trainer = reference.Pix2Pix(num_downs=_num_downs(size))
    else:
        trainer = reference.CycleGAN()
    with FlopCounterMode(display=False) as counter:
        trainer.step(*torch.rand(2, batch_size, 3, size, size))
    return counter.get_total_flops()


def table(result):
    """What was measured, for people."""
    lines = []
    for model, measured in result["models"].items():
        lines += [
            "",
            f"{model}, {result['size']} pixels, batches of {result['batch_size']}: "
            f"{measured['operations'] / 1e9:.0f} GFLOP a step",
            f"{'':<34}{'s/step':>8}{'peak MB':>14}{'of the rate':>13}",
        ]
        for name, side in measured["sides"].items():
            if "failed" in side:
                lines.append(f"{name:<34}{side['failed']}")
                continue
            seconds = turns.median(side)
            memory = side["memory"]
            shown = "not measured" if memory is None else f"{memory / 1e6:.0f}"
            share = measured["operations"] / seconds / result["rate"]
            lines.append(f"{name:<34}{seconds:>8.3f}{shown:>14}{share:>13.0%}")
        ratio = measured["ratio"]
        shown = "not measured" if ratio is None else f"{ratio:.2f}"
        lines.append(f"{'ours / ' + str(measured['best']):<34}{shown:>8}")
    lines += [
        "",
        f"rate: {result['rate'] / 1e9:.0f} GFLOP/s, of a product of two matrices of "
        f"{PRODUCT}; GFLOP as the convolutions' definition has them",
        "peak: of resident memory, less what it was after the import"
        if not result["machine"]["gpu"]
        else "peak: of the GPU's memory, as the library tells it",
    ]
    return "\n".join(lines)


def run(models, size, batch_size, rounds):
    """Measures a step of each model."""
    found = {}
    for model in models:
        measured = turns.measure(sides(model, size, batch_size), rounds)
        found[model] = {
            "sides": measured,
            "operations": operations(model, size, batch_size),
            **turns.compared(measured, OURS),
        }
    return {
        "size": size,
        "batch_size": batch_size,
        "rounds": rounds,
        "rate": rate(rounds),
        "models": found,
    }


def _num_downs(size):
    return min(8, (size & -size).bit_length() - 1)

"""Seconds of a training step, beside PyTorch's."""

import contextlib

from benchmarks import turns
from benchmarks.machine import cores

OURS = "tfi2i"
MODELS = ("pix2pix", "cyclegan")
PRECISIONS = ("float32", "bfloat16")
PRODUCT = 4096


def sides(model, options):
    """What `turns.measure` measures."""
    found = {OURS: (ours, model, {**options, "xla": False}, 1)}
    if options["xla"]:
        found[_compared(options)] = (ours, model, options, 1)
    if options["devices"] > 1:
        found[_several(options)] = (ours, model, options, options["devices"])
    for compiled in (False, True):
        for channels_last in (False, True):
            name = "PyTorch " + ("compiled" if compiled else "eager")
            name += ", channels last" if channels_last else ""
            found[name] = (theirs, model, options, compiled, channels_last)
    return found


def _compared(options):
    """Our side that is compared with the others."""
    return f"{OURS}, XLA" if options["xla"] else OURS


def _several(options):
    return f"{_compared(options)}, {options['devices']} devices"


def ours(model, options, devices):
    """One step of tfi2i, as `fit` does it with a compiled model's defaults."""
    import keras
    import tensorflow as tf

    # All that the step needs, before memory is looked at.
    import tfi2i.models
    import tfi2i.networks
    from tfi2i.training.devices import choose_strategy

    imported = turns.resident()
    gpus = tf.config.list_physical_devices("GPU")
    if devices > 1 and not gpus:
        (cpu,) = tf.config.list_physical_devices("CPU")
        parts = [tf.config.LogicalDeviceConfiguration()] * devices
        tf.config.set_logical_device_configuration(cpu, parts)
    if options["precision"] != "float32":
        keras.config.set_dtype_policy(f"mixed_{options['precision']}")
    size, batch_size = options["size"], options["batch_size"] * devices
    pair = tf.random.uniform((2, batch_size, size, size, 3), -1.0, 1.0, seed=0)
    batches = tf.data.Dataset.from_tensors((pair[0], pair[1])).repeat()
    strategy = choose_strategy(devices, batch_size)
    with strategy.scope():
        trainer = _trainer(tfi2i, model, size)
        trainer.compile(jit_compile=options["xla"])
    if devices > 1:
        batches = strategy.experimental_distribute_dataset(batches)
    trainer.make_train_function()
    iterator = iter(batches)

    def work():
        logs = trainer.train_function(iterator)
        return [float(value) for value in logs.values()]

    def gpu_memory():
        return tf.config.experimental.get_memory_info("GPU:0")["peak"] if gpus else None

    return turns.Side(work, imported=imported, gpu_memory=gpu_memory)


def _trainer(tfi2i, model, size):
    models, networks = tfi2i.models, tfi2i.networks
    if model == "pix2pix":
        return models.Pix2Pix(
            networks.unet(num_downs=_num_downs(size)), networks.patchgan(in_channels=6)
        )
    return models.CycleGAN(
        networks.resnet(),
        networks.resnet(),
        networks.patchgan(norm="instance"),
        networks.patchgan(norm="instance"),
    )


def theirs(model, options, compiled, channels_last):
    """One step of the reference."""
    import torch
    from benchmarks import reference

    imported = turns.resident()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(cores())
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    size = options["size"]

    def prepare(network):
        network = network.to(device)
        if channels_last:
            network = network.to(memory_format=torch.channels_last)
        return torch.compile(network) if compiled else network

    if model == "pix2pix":
        trainer = reference.Pix2Pix(prepare, num_downs=_num_downs(size))
    else:
        trainer = reference.CycleGAN(prepare)
    pair = torch.rand(2, options["batch_size"], 3, size, size, device=device) * 2 - 1
    if channels_last:
        pair = [x.contiguous(memory_format=torch.channels_last) for x in pair]

    def precise():
        if options["precision"] == "float32":
            return contextlib.nullcontext()
        return torch.autocast(device, getattr(torch, options["precision"]))

    def work():
        # Its losses are numbers, so it has waited for the device.
        with precise():
            return trainer.step(*pair)

    def gpu_memory():
        return torch.cuda.max_memory_allocated() if device == "cuda" else None

    return turns.Side(work, imported=imported, gpu_memory=gpu_memory)


def product_of_ours(precision):
    """One product of matrices, in TensorFlow."""
    import tensorflow as tf

    matrix = tf.cast(tf.random.uniform((PRODUCT, PRODUCT), seed=0), precision)
    return turns.Side(lambda: float(tf.matmul(matrix, matrix)[0, 0]))


def product_of_theirs(precision):
    """One product of matrices, in PyTorch."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(cores())
    matrix = torch.rand(
        PRODUCT, PRODUCT, device=device, dtype=getattr(torch, precision)
    )
    return turns.Side(lambda: float((matrix @ matrix)[0, 0]))


def rate(rounds, precision):
    """Floating point operations a second of a product of matrices, the better one's."""
    found = turns.measure(
        {
            "product, tfi2i": (product_of_ours, precision),
            "product, PyTorch": (product_of_theirs, precision),
        },
        rounds,
    )
    medians = [turns.median(side) for side in found.values()]
    medians = [value for value in medians if value is not None]
    return 2 * PRODUCT**3 / min(medians) if medians else None


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


def run(models, options, rounds, steps):
    """Measures a step of each model."""
    found = {}
    for model in models:
        measured = turns.measure(sides(model, options), rounds, steps)
        found[model] = {
            "sides": measured,
            "operations": operations(model, options["size"], options["batch_size"]),
            **turns.compared(measured, _compared(options)),
            "scaling": scaling(measured, options),
        }
    return {
        **options,
        "rounds": rounds,
        "steps": steps,
        "rate": rate(rounds, options["precision"]),
        "models": found,
    }


def scaling(measured, options):
    """Images a second on several devices, over as many times those on one."""
    one = turns.median(measured[_compared(options)])
    several = turns.median(measured.get(_several(options), {}))
    # Each device has as many images as the one alone.
    return one / several if one and several else None


def table(result):
    """What was measured, for people."""
    lines = []
    for model, measured in result["models"].items():
        lines += [
            "",
            f"{model}, {result['size']} pixels, batches of {result['batch_size']}, "
            f"{result['precision']}: {measured['operations'] / 1e9:.0f} GFLOP a step",
            f"{'':<34}{'s/step':>8}{'peak MB':>14}{'of the rate':>14}{'images/s':>14}",
        ]
        for name, side in measured["sides"].items():
            devices = result["devices"] if name == _several(result) else 1
            lines.append(f"{name:<34}" + _row(side, measured, result, devices))
        ratios = _shown(measured["ratio"], ".2f", 8)
        ratios += _shown(measured["memory_ratio"], ".2f", 14)
        name = "ours, XLA" if result["xla"] else "ours"
        lines.append(f"{name + ' / ' + str(measured['best']):<34}{ratios}")
        if result["devices"] > 1:
            scaling = _shown(measured["scaling"], ".0%")
            lines.append(f"efficiency of {result['devices']} devices: {scaling}")
    lines += ["", _legend(result)]
    warning = turns.remark(*(model["sides"] for model in result["models"].values()))
    return "\n".join([*lines, *([warning] if warning else [])])


def _row(side, measured, result, devices):
    if "failed" in side:
        return side["failed"]
    seconds, memory = turns.median(side), side.get("memory")
    speed = devices * measured["operations"] / seconds
    return (
        f"{seconds:>8.4f}"
        + _shown(memory and memory / 1e6, ".0f", 14)
        + _shown(result["rate"] and speed / result["rate"], ".0%", 14)
        + f"{devices * result['batch_size'] / seconds:>14.2f}"
    )


def _shown(value, form, width=0):
    return f"{'not measured' if value is None else format(value, form):>{width}}"


def _legend(result):
    peak = "of resident memory, less what it was after the import"
    if result["machine"]["gpu"]:
        peak = "of the GPU's memory, as the library tells it"
    rate = _shown(result["rate"] and result["rate"] / 1e9, ".0f")
    return (
        f"rate: {rate} GFLOP/s, of a product of two {result['precision']} matrices of "
        f"{PRODUCT}; GFLOP as the convolutions' definition has them\npeak: {peak}\n"
        f"medians of {result['rounds']} rounds of {result['steps']} steps"
    )


def _num_downs(size):
    return min(8, (size & -size).bit_length() - 1)

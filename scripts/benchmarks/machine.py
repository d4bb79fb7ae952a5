"""What the figures were measured on."""

import os
import platform
from importlib import metadata
from pathlib import Path

import psutil
from benchmarks.turns import in_a_process

NAMES = ("tfi2i", "tensorflow", "keras", "torch", "onnxruntime", "pillow")


def cores():
    """Processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count()


def machine():
    """Processor, load, and versions; the name of the GPU."""
    return {
        "cores": cores(),
        "processor": _processor(),
        "memory": psutil.virtual_memory().total,
        "gpu": gpu(),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        **{name: _version(name) for name in NAMES},
    }


def described(found):
    """A line for people."""
    gpu = f"{found['gpu'] or 'no GPU that both see'}; "
    return (
        f"{gpu}{found['cores']} cores, {found['processor']}, "
        f"{found['memory'] / 2**30:.0f} GiB; TensorFlow {found['tensorflow']}, "
        f"PyTorch {found['torch']}, ONNX Runtime {found['onnxruntime']}"
    )


def _version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def choose_device():
    """Leaves a GPU to both libraries, or hides it from both; before either starts."""
    # TensorFlow would take all memory of a GPU that the sides share.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    # A process that has looked for GPUs cannot hide them any more.
    if not (in_a_process(_torch_sees_one) and in_a_process(_tensorflow_sees_one)):
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"


def _torch_sees_one():
    import torch

    return torch.cuda.is_available()


def _tensorflow_sees_one():
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def gpu():
    """Name of the GPU that both sides use, None on a CPU."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()

"""What the figures were measured on."""

import os
import platform
from importlib import metadata
from pathlib import Path

NAMES = ("tfi2i", "tensorflow", "keras", "torch", "onnxruntime", "pillow")


def cores():
    """Processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count()


def machine():
    """Processor, load, and versions; the names of GPUs that PyTorch sees."""
    return {
        "cores": cores(),
        "processor": _processor(),
        "gpu": _gpu(),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        **{name: _version(name) for name in NAMES},
    }


def described(found):
    """A line for people."""
    gpu = f"{found['gpu']}; " if found["gpu"] else ""
    return (
        f"{gpu}{found['cores']} cores, {found['processor']}; TensorFlow "
        f"{found['tensorflow']}, PyTorch {found['torch']}"
    )


def _version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _gpu():
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()

"""Make the checkpoints that tests/interop/pytorch/test_checkpoint.py reads.

Needs PyTorch, which neither the package nor its tests do. Run with torch 2.13.0:

    python tests/interop/pytorch/checkpoints/make.py
"""

import argparse
import collections
import pathlib
import zipfile

import numpy as np
import torch
from torch import nn

HERE = pathlib.Path(__file__).parent
LEGACY = {"_use_new_zipfile_serialization": False}


class Whole(nn.Sequential):
    """A class of the user's own."""


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Conv2d(3, 1, 1))


def layouts() -> dict[str, torch.Tensor]:
    """Tensors that share memory, lie across it, or are empty."""
    table = torch.randn(6, 8)
    kernel = torch.randn(3, 2, 4, 4)
    return {
        "whole.weight": table,
        "again.weight": table,
        "transposed.weight": table.t(),
        "part.weight": table[1:4, 2:7],
        "stepped.weight": table[::2, 1::3],
        "row.bias": table[3],
        "column.bias": table[:, 5],
        "number": table[2, 2],
        "channels_last.weight": kernel.to(memory_format=torch.channels_last),
        "permuted.weight": kernel.permute(2, 3, 1, 0),
        "empty.weight": torch.empty(0, 3),
        "wide_one.weight": kernel[:1].expand(1, 2, 4, 4),
    }


def numbers() -> dict[str, torch.Tensor]:
    """One tensor of each type that can be read, with its special values."""
    values = torch.tensor([[0.0, -0.0, 1.5, -3.25], [1e-7, 6e4, torch.inf, torch.nan]])
    found = {
        f"{dtype}.weight".removeprefix("torch."): values.to(dtype)
        for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16)
    }
    whole = torch.tensor([[0, 1, 2], [100, 127, 3]])
    for dtype in (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64):
        found[f"{dtype}.weight".removeprefix("torch.")] = whole.to(dtype)
    found["bool.weight"] = whole > 1
    return found


def training(net: nn.Module) -> dict[str, object]:
    """A training script's checkpoint: a network beside other things."""
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.randn(1, 2, 5, 5)).sum().backward()
    optimizer.step()
    return {
        "epoch": 12,
        "args": argparse.Namespace(lr=2e-4, name="facades", out=pathlib.PurePath("a")),
        "best": np.float64(0.25),
        "losses": [0.5, 0.25, float("nan")],
        "history": collections.defaultdict(list, {"g": [1.0]}),
        "array": np.arange(3),
        "seen": {"a", "b"},
        "rng": torch.get_rng_state()[:16].clone(),
        "netG": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": {"last_epoch": 3, "_last_lr": [2e-4]},
    }


def readable() -> dict[str, dict[str, torch.Tensor]]:
    """Write what can be read; give the tensors that reading must return."""
    net = network()
    state = net.state_dict()
    torch.save(state, HERE / "zip.pth")
    torch.save(state, HERE / "legacy.pth", **LEGACY)
    torch.save(state, HERE / "protocol4.pth", pickle_protocol=4)
    torch.save(state, HERE / "legacy_protocol5.pth", pickle_protocol=5, **LEGACY)
    torch.save(layouts_ := layouts(), HERE / "layouts.pth")
    torch.save(layouts_, HERE / "layouts_legacy.pth", **LEGACY)
    torch.save(numbers_ := numbers(), HERE / "numbers.pth")
    torch.save(numbers_, HERE / "numbers_legacy.pth", **LEGACY)
    parameters = dict(net.named_parameters())
    parameters["0.weight"].note = "an attribute"
    tagged = torch.randn(2, 2)
    tagged.note = "an attribute"
    parameters["tagged.weight"] = tagged
    torch.save(parameters, HERE / "parameters.pth")
    torch.serialization.set_crc32_options(False)
    torch.save(state, HERE / "no_checksums.pth")
    torch.serialization.set_crc32_options(True)
    trained = network()
    script_state = training(trained)
    torch.save(script_state, HERE / "training.pth")
    torch.save(script_state, HERE / "training_legacy.pth", **LEGACY)
    other = network().state_dict()
    averages = {name: value + 1 for name, value in state.items()}
    several = {"models": {"netG": state, "netD": other}, "ema": averages, "epoch": 3}
    torch.save(several, HERE / "several.pth")
    return {
        **dict.fromkeys(("zip", "legacy", "no_checksums"), state),
        **dict.fromkeys(("protocol4", "legacy_protocol5"), state),
        **dict.fromkeys(("layouts", "layouts_legacy"), layouts_),
        **dict.fromkeys(("numbers", "numbers_legacy"), numbers_),
        **dict.fromkeys(("training", "training_legacy"), trained.state_dict()),
        "parameters": parameters,
        "several": other,
    }


def script(path: pathlib.Path) -> None:
    """Write a TorchScript archive, without the entries that name this file's place."""
    torch.jit.save(torch.jit.trace(nn.Conv2d(1, 1, 1), torch.zeros(1, 1, 2, 2)), path)
    with zipfile.ZipFile(path) as archive:
        entries = {x: archive.read(x) for x in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for info, content in entries.items():
            if not info.filename.endswith(".debug_pkl"):
                archive.writestr(info, content)


def refused() -> None:
    """Write what PyTorch writes too, and cannot be read."""
    net = network()
    folder = HERE / "refused"
    folder.mkdir(exist_ok=True)
    torch.save(nn.Sequential(nn.Conv2d(1, 1, 1)), folder / "whole_model.pth")
    torch.save(Whole(nn.Conv2d(1, 1, 1)), folder / "whole_class.pth")
    script(folder / "script.pt")
    optimizer = torch.optim.SGD(net.parameters())
    torch.save(optimizer.state_dict(), folder / "optimizer.pth")
    torch.save(torch.randn(2, 2), folder / "tensor.pth")
    torch.save({"epoch": 3, "lr": 0.1}, folder / "nothing.pth")
    two = torch.randn(2, 2)
    kernel = torch.randn(2, 2, dtype=torch.complex64)
    special = {
        "sparse": two.to_sparse(),
        "quantized": torch.quantize_per_tensor(two, 0.1, 0, torch.qint8),
        "complex": kernel,
        "negated": kernel.conj().imag,
        "float8": two.to(torch.float8_e4m3fn),
        "meta": two.to("meta"),
        "expanded": torch.randn(1, 2).expand(4, 2),
    }
    for name, tensor in special.items():
        torch.save({"a.weight": tensor}, folder / f"{name}.pth")


def main() -> None:
    torch.manual_seed(0)
    expected = {
        f"{file}/{name}": tensor.detach().float().numpy()
        if tensor.dtype == torch.bfloat16
        else tensor.detach().numpy()
        for file, tensors in readable().items()
        for name, tensor in tensors.items()
    }
    with zipfile.ZipFile(HERE / "expected.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in expected.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, array)
    refused()


if __name__ == "__main__":
    main()

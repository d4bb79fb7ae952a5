"""How sizes, times and pixels are written for people."""

from __future__ import annotations

from tfi2i.data.pixels import PixelType


def named(counts: dict[str, int]) -> str:
    """Values and how many have each; a single one by itself."""
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{name} ({count})" for name, count in counts.items())


def number(value: float) -> str:
    """Few digits."""
    return f"{value:.0f}" if value == round(value) else f"{value:.4g}"


def shape(shape: tuple[int, int]) -> str:
    """As people write it, the width first."""
    return f"{shape[1]}x{shape[0]}"


def amount(count: float) -> str:
    """Bytes in a unit that people read."""
    for size, unit in ((1e9, "GB"), (1e6, "MB")):
        if count >= size:
            return f"{count / size:.{1 if size > 1e6 else 0}f} {unit}"
    return f"{count / 1e3:.0f} kB"


def duration(seconds: float) -> str:
    """Seconds in a unit that people read."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds" if seconds >= 2 else "a second"


def described(pixels: PixelType) -> str:
    """What the pixels of a domain are."""
    names = {1: "grey", 3: "colour"}
    channels = names.get(pixels.channels, f"{pixels.channels} channels")
    bits = {"uint8": "8-bit ", "uint16": "16-bit ", "float32": "floating-point "}
    text = f"{bits[pixels.dtype]}{channels}"
    if pixels != PixelType.of(pixels.channels):
        text += f", {pixels.low:g} black and {pixels.high:g} white"
    return text


def printable(text: str) -> str:
    """Names may hold bytes that are no text."""
    return text.encode(errors="backslashreplace").decode()

"""Sizes, times and pixels in words."""

from __future__ import annotations

from tfi2i.data.pixels import PixelType


def counts(numbers: dict[str, int]) -> str:
    """Values with the number of images that have each; a single value alone."""
    if len(numbers) == 1:
        return next(iter(numbers))
    return ", ".join(f"{value} ({number})" for value, number in numbers.items())


def number(value: float) -> str:
    """At most four digits, or a whole number."""
    return f"{value:.0f}" if value == round(value) else f"{value:.4g}"


def shape(shape: tuple[int, int]) -> str:
    """Height and width as WIDTHxHEIGHT."""
    return f"{shape[1]}x{shape[0]}"


def file_size(count: float) -> str:
    """Bytes as kB, MB or GB."""
    for size, unit in ((1e9, "GB"), (1e6, "MB")):
        if count >= size:
            return f"{count / size:.{1 if size > 1e6 else 0}f} {unit}"
    return f"{count / 1e3:.0f} kB"


def duration(seconds: float) -> str:
    """Seconds as seconds, minutes, hours or days."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds" if seconds >= 2 else "a second"


def pixel_kind(dtype: str, channels: int) -> str:
    """Depth and channels, such as "8-bit colour"."""
    depth = {"uint8": "8-bit", "uint16": "16-bit", "float32": "floating-point"}
    colours = {1: "grey", 3: "colour"}
    return f"{depth[dtype]} {colours.get(channels, f'{channels} channels')}"


def pixel_type(pixels: PixelType) -> str:
    """Depth, channels, and the range of values where it is not the usual one."""
    text = pixel_kind(pixels.dtype, pixels.channels)
    if pixels != PixelType.of(pixels.channels):
        text += f", {pixels.low:g} black and {pixels.high:g} white"
    return text


def printable(text: str) -> str:
    """A name whose bytes are not text, with these escaped."""
    return text.encode(errors="backslashreplace").decode()

"""Limits of an image's claimed size, checked before memory is allocated for it."""

from __future__ import annotations

MAX_SIDE = 65_535
"""Pixels; the limit of JPEG."""

MAX_PIXELS = 2**27
"""134 million: 11,585 pixels squared."""

MAX_BYTES = 2**31
"""Bytes of an image's values, whatever their dtype."""


class Refused(ValueError):
    """An image that is not read; the message is one line that says why."""


def check_size(height: int, width: int, bytes_per_pixel: int = 1) -> None:
    """Refuses an image that would take too much memory, or has no pixels.

    Args:
        height: as the file claims, in pixels.
        width: likewise.
        bytes_per_pixel: of all channels together.

    Raises:
        Refused: naming the limit.
    """
    if height < 1 or width < 1:
        raise Refused(f"{width}x{height} pixels: it has none")
    if max(height, width) > MAX_SIDE or height * width > MAX_PIXELS:
        raise Refused(
            f"{width}x{height} pixels are too many: expected at most {MAX_PIXELS:,}, "
            f"and {MAX_SIDE:,} a side; cut it into parts, or make it smaller"
        )
    if height * width * bytes_per_pixel > MAX_BYTES:
        raise Refused(
            f"{height * width * bytes_per_pixel / 1e9:.1f} GB of numbers are too many: "
            f"expected at most {MAX_BYTES / 1e9:.1f}; cut it into parts"
        )

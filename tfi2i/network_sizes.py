"""Which heights and widths each kind of generator takes.

The one place that says so. It needs the standard library alone, so that a
configuration can be checked before TensorFlow is loaded.
"""

from typing import NamedTuple


class SizeRule(NamedTuple):
    """Which heights and widths a generator takes.

    Attributes:
        multiple: both sides must be multiples of it, in pixels.
        minimum: the smallest side, in pixels, itself a multiple.
    """

    multiple: int
    minimum: int

    def fits(self, side: int) -> bool:
        """Whether an image with this side, in pixels, needs no padding."""
        return side >= self.minimum and side % self.multiple == 0


ANY_SIZE = SizeRule(1, 1)

RESNET_SIZES = SizeRule(4, 16)
"""Two halvings. Residual blocks pad their maps by reflection, which needs 8 pixels; 16
leaves them more than a border."""


def unet_sizes(num_downs: int) -> SizeRule:
    """The sizes that a U-Net of `num_downs` halvings takes."""
    return SizeRule(2**num_downs, 2**num_downs)

"""The ways in which a model translates: which image becomes which."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple


class Way(NamedTuple):
    """One translation that a model learns.

    Attributes:
        name: such as `"a2b"`; None where nothing says it.
        input: entry of a batch that is translated.
        target: entry of a batch that shows what outputs should look like.
        has_truth: whether it shows the true output of the input beside it.
        defaults: values of the translator's extra inputs, by name, for one image.
    """

    name: str | None
    input: str
    target: str
    has_truth: bool
    defaults: Mapping[str, Sequence[float]] = MappingProxyType({})

    @property
    def label(self) -> str:
        """The name, or where there is none what it would be."""
        return self.name or f"{self.input}2{self.target}"

    @property
    def output(self) -> str:
        """What a trainer's `paint` calls the translated image: `"fake_b"`.

        Ways to one target, such as `"to_smiling"` and `"to_old"`, each have their own.
        """
        is_of_domains = self.label == f"{self.input}2{self.target}"
        return f"fake_{self.target}" if is_of_domains else f"fake_{self.name}"


A2B = Way("a2b", "a", "b", has_truth=False)
B2A = Way("b2a", "b", "a", has_truth=False)
BOTH = (A2B, B2A)

DIRECTIONS = tuple(way.name for way in BOTH)
"""Names of the ways between two domains."""


def paired(direction: str | None = None) -> tuple[Way]:
    """The one way of a model that learns from pairs.

    Args:
        direction: `"a2b"` or `"b2a"`; None is `"a2b"` without the name.

    Raises:
        ValueError: it is another word.
    """
    if direction not in (None, *DIRECTIONS):
        raise ValueError(f"direction is {direction!r}; expected 'a2b' or 'b2a'.")
    way = B2A if direction == "b2a" else A2B
    return (way._replace(name=direction, has_truth=True),)


def input_only(ways: Iterable[Way]) -> str | None:
    """The entry of a batch that is an input and never a target; None where none is."""
    ways = list(ways)
    targets = {way.target for way in ways}
    return next((way.input for way in ways if way.input not in targets), None)


def named(name: str | None) -> Way:
    """The way between two domains of a name; A to B where there is none."""
    return next((way for way in BOTH if way.name == name), A2B)

"""Weights in HDF5, in both layouts that Keras 2 wrote."""

import collections
import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass

import h5py

from tfi2i.interop.keras2.weighted_layers import (
    StoredArray,
    StoredLayer,
    WeightedLayer,
    choose_part,
)


@dataclass
class LegacyWeights:
    """HDF5 with one group per layer, and lists of names as attributes."""

    group: h5py.Group
    what: str

    def layers(
        self, part: str | None, wanted: Sequence[WeightedLayer] | None
    ) -> list[StoredLayer]:
        """See `StoredWeights.layers`; layers and variables have names."""
        found = {name: self._layer(name) for name in _names(self.group, "layer_names")}
        every = [layer for layers in found.values() for layer in layers]
        is_network = any(
            layer.name == name for name, layers in found.items() for layer in layers
        )
        if part is None and (is_network or len(every) == len(wanted or ())):
            return every
        parts = [name for name, layers in found.items() if len(layers) > 1]
        return found[choose_part(part, parts, self.what)]

    def _layer(self, name):
        """Groups arrays by layer, the last but one part of their names."""
        group = member(self.group, name, self.what)
        by_prefix = {}
        for full in _names(group, "weight_names"):
            prefix, _, last = full.rpartition("/")
            array = _stored(group, full, last.partition(":")[0], self.what)
            by_prefix.setdefault(prefix, []).append(array)
        return [
            StoredLayer(prefix.rpartition("/")[2], arrays)
            for prefix, arrays in by_prefix.items()
        ]


@dataclass
class NumberedWeights:
    """HDF5 as Keras 2.12 and later write it: `layers/conv2d_1/vars/0`."""

    root: h5py.Group
    what: str

    def layers(
        self, part: str | None, wanted: Sequence[WeightedLayer] | None
    ) -> list[StoredLayer]:
        """See `StoredWeights.layers`; the file has only classes and numbers.

        Without `wanted`, returns the convolutions only.
        """
        found = dict(self._arrays_by_path(self._network(part), ()))
        if wanted is None:
            return _convolutions(found)
        layers = []
        for layer in wanted:
            if layer.keys not in found:
                raise ValueError(
                    f"{self.what} has no weights for layer '{layer.name}', expected "
                    f"at {'/'.join(layer.keys)}: is this the right architecture?"
                )
            layers.append(StoredLayer(layer.name, found.pop(layer.keys)))
        if found:
            keys = "/".join(next(iter(found)))
            raise ValueError(
                f"{self.what} has weights at {keys}, for which the architecture has "
                "no layer: is this the right one?"
            )
        return layers

    def _network(self, part):
        layers = dict(self._layers(self.root))
        if part is None and any(self._arrays(child) for child in layers.values()):
            return self.root
        # Keras 2.12 names the networks of a subclassed model by its attributes.
        others = {name: self.root[name] for name in networks_in(self.root) if name}
        parts = {
            name: group
            for name, group in {**others, **layers}.items()
            if any(container in group for container in _CONTAINERS)
        }
        return parts[choose_part(part, list(parts), self.what)]

    def _arrays_by_path(self, network, keys):
        for name, child in self._layers(network):
            path = (*keys, "layers", name)
            if arrays := self._arrays(child):
                yield path, arrays
            yield from self._arrays_by_path(child, path)

    def _layers(self, network):
        """Yields the keys and groups of a network's layers."""
        for container in _CONTAINERS:
            if container not in network:
                continue
            group = member(network, container, self.what)
            names = sorted(group, key=_base_and_number)
            # Keras 2.12 also counts aliases of the same layers and leaves gaps.
            used = collections.Counter()
            for name in names:
                base, _ = _base_and_number(name)
                rank, used[base] = used[base], used[base] + 1
                child = member(group, name, self.what)
                if not isinstance(child, h5py.Group):
                    raise ValueError(f"{self.what} is damaged at '{child.name}'.")
                yield f"{base}_{rank}" if rank else base, child
            return

    def _arrays(self, layer):
        """Returns the arrays `vars/0`, `vars/1` and so on."""
        if "vars" not in layer:
            return []
        variables = member(layer, "vars", self.what)
        names = sorted((name for name in variables if name.isdecimal()), key=int)
        return [_stored(variables, name, None, self.what) for name in names]


# The list of a network's layers in Keras 2.13 and in 2.12.
_CONTAINERS = ("layers", "_layer_checkpoint_dependencies")


def networks_in(root: h5py.Group) -> list[str]:
    """Returns the names of networks in a `NumberedWeights` file; `""` is the root."""
    found = [""] if any(container in root for container in _CONTAINERS) else []
    for name in root:
        is_own = isinstance(root.get(name, getlink=True), h5py.HardLink)
        if name in _CONTAINERS or not is_own or not isinstance(root[name], h5py.Group):
            continue
        if any(container in root[name] for container in _CONTAINERS):
            found.append(name)
    return found


def _base_and_number(name):
    base, number = re.fullmatch(r"(.*?)(?:_(\d+))?", name, re.DOTALL).groups()
    return base, int(number or 0)


def _convolutions(found):
    """Returns convolutions in ResNet order: transposed ones before the last plain."""
    by_base = {"conv2d": [], "conv2d_transpose": []}
    for (*_, name), arrays in found.items():
        base, number = _base_and_number(name)
        if base in by_base:
            by_base[base].append((number, arrays))
    plain, transposed = (
        [
            StoredLayer(None, arrays)
            for _, arrays in sorted(pairs, key=operator.itemgetter(0))
        ]
        for pairs in by_base.values()
    )
    return [*plain[:-1], *transposed, *plain[-1:]]


def _names(group, attribute):
    """Returns a list of strings, which HDF5 may split over several attributes."""
    attributes = group.attrs
    if attribute in attributes:
        parts = [attributes[attribute]]
    else:
        parts = []
        while f"{attribute}{len(parts)}" in attributes:
            parts.append(attributes[f"{attribute}{len(parts)}"])
    names = [name for part in parts for name in part]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def member(group: h5py.Group, name: str, what: str) -> h5py.Group | h5py.Dataset:
    """Returns a group or array below a group, and follows no link out of the file."""
    for step in name.split("/"):
        link = group.get(step, getlink=True)
        if link is None:
            raise ValueError(f"{what} is damaged: it has no '{name}'.")
        if not isinstance(link, h5py.HardLink):
            raise ValueError(
                f"{what} holds a link in place of '{name}', which is not followed: "
                "save the weights anew."
            )
        group = group[step]
    return group


def _stored(group, path, name, what):
    array = member(group, path, what)
    if not isinstance(array, h5py.Dataset) or array.external or array.is_virtual:
        raise ValueError(
            f"{what} does not hold '{path}' itself, only where it is: save the weights "
            "anew."
        )
    return StoredArray(name, tuple(array.shape or ()), lambda: array[()])

"""Weights of other networks as a run's first, as far as they fit."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import keras


@dataclass
class Transfer:
    """What became of one network's weights.

    Attributes:
        network: its name in the trainer.
        loaded: weights that were set.
        skipped: weights of the source that have no place, and why.
        fresh: weights that nothing was found for.
    """

    network: str
    loaded: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    fresh: list[str] = field(default_factory=list)


def transfer(model: keras.Model, sources: Mapping[str, keras.Model]) -> list[Transfer]:
    """Sets what fits: weights of the same name and shape.

    A network begins with the source of its own way or domain. A trainer of one way
    takes those of the other way from a source that has one way only.

    Args:
        model: the trainer.
        sources: networks by what they are called in a trainer of both ways.

    Returns:
        An account for every network of the trainer.

    Raises:
        ValueError: nothing of the generators fits.
    """
    translating = model.translating_networks
    kinds = {_kind(model.roles[name]) for name in translating}
    generators = [role for role in sources if _kind(role) in kinds]
    is_one_way = len(model.ways) == 1 and len(generators) <= 1
    accounts = [
        _transfer(name, network, _source(model.roles[name], sources, is_one_way))
        for name, network in model.networks.items()
    ]
    loaded = [
        path
        for account in accounts
        if account.network in translating or not generators
        for path in account.loaded
    ]
    # One bias or two fit everywhere.
    if not any(path.endswith("kernel") for path in loaded):
        # One alone need not know of other ways.
        named = map(_kind, generators) if len(generators) == 1 else generators
        raise ValueError(
            f"nothing of {' and '.join(named) or 'it'} fits: "
            "sizes of the networks, or their kinds, are others. Give the recipe the "
            "source's, such as --model.generator.network, .filters, .blocks and .norm."
        )
    return accounts


def lines(accounts: list[Transfer]) -> Iterator[str]:
    """A table of loaded, skipped and fresh weights, then the names of the last two."""
    width = max(len(account.network) for account in accounts)
    yield f"{'initial weights':{width}}  loaded  skipped  fresh"
    for account in accounts:
        counts = len(account.loaded), len(account.skipped), len(account.fresh)
        yield "{:{}}  {:6}  {:7}  {:5}".format(account.network, width, *counts)
    for account in accounts:
        for name, why in account.skipped.items():
            yield f"skipped: {account.network} {name}: {why}"
        # All of a network is one line.
        if account.loaded and account.fresh:
            yield f"fresh: {account.network} {', '.join(account.fresh)}"


def _kind(role):
    """`"generator"` of `"generator_ab"`."""
    return role.partition("_")[0]


def _source(role, sources, is_one_way):
    """The network to begin with, None where there is none."""
    if role in sources or not is_one_way:
        return sources.get(role)
    return next(
        (sources[other] for other in sources if _kind(other) == _kind(role)), None
    )


def _transfer(name, network, source):
    account = Transfer(name)
    given = {} if source is None else _weights(source)
    for path, weight in _weights(network).items():
        if path not in given:
            account.fresh.append(path)
        elif given[path].shape != weight.shape:
            there, here = (
                "x".join(map(str, shape)) for shape in (given[path].shape, weight.shape)
            )
            account.skipped[path] = f"its shape is {there}, here {here}"
            account.fresh.append(path)
        else:
            weight.assign(given[path].numpy())
            account.loaded.append(path)
    places = _weights(network)
    for path in given:
        if path not in places:
            account.skipped[path] = "no weight here is called so"
    return account


def _weights(network):
    """Weights by layer and name; seeds of random numbers are none."""
    return {
        f"{layer.name}/{weight.path.rpartition('/')[2]}": weight
        for layer in network.layers
        for weight in layer.weights
        if "seed_generator" not in weight.path
    }

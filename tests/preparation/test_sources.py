"""The table of public sets."""

import pytest

from tfi2i.preparation import sources
from tfi2i.recipes.named import RECIPES


def test_there_are_six_and_twelve():
    kinds = [source.kind for source in sources.SOURCES.values()]
    assert (kinds.count("pix2pix"), kinds.count("cyclegan")) == (6, 12)
    for name, source in sources.SOURCES.items():
        assert sources.find(name) is source
        assert sources.find(f"{source.kind}/{source.file}") is source


def test_a_name_of_two_is_the_pairs():
    for name in ("facades", "maps", "cityscapes"):
        assert sources.find(name).kind == "pix2pix"
        assert sources.find(f"cyclegan/{name}").kind == "cyclegan"


def test_suggests_the_nearest():
    with pytest.raises(ValueError, match="no public set 'horse3zebra'. Did you mean '"):
        sources.find("horse3zebra")


def test_addresses_are_the_authors_and_those_that_are_documented():
    facades = sources.find("facades").addresses()
    assert facades == (
        "https://efrosgans.eecs.berkeley.edu/pix2pix/datasets/facades.tar.gz",
        "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/facades.tar.gz",
        "https://people.eecs.berkeley.edu/~tinghuiz/projects/pix2pix/datasets/"
        "facades.tar.gz",
    )
    horses = sources.find("horse2zebra").addresses()
    assert horses[:3] == (
        "https://efrosgans.eecs.berkeley.edu/cyclegan/datasets/horse2zebra.zip",
        "http://efrosgans.eecs.berkeley.edu/cyclegan/datasets/horse2zebra.zip",
        "https://people.eecs.berkeley.edu/~taesung_park/CycleGAN/datasets/"
        "horse2zebra.zip",
    )


def test_a_mirror_is_the_only_address():
    addresses = sources.find("cyclegan/maps").addresses("http://host/copies/")
    assert addresses == ("http://host/copies/cyclegan/datasets/maps.zip",)


def test_other_peoples_copies_need_a_checksum():
    for source in sources.SOURCES.values():
        hosts = {address.split("/")[2] for address in source.addresses()}
        others = {host for host in hosts if not host.endswith(".berkeley.edu")}
        assert bool(others) == (source.sha256 is not None)
        if source.sha256 is not None:
            assert len(source.sha256) == 64
            assert source.size is not None and not source.rounded


def test_recipes_exist():
    for source in sources.SOURCES.values():
        assert source.recipe is None or source.recipe.split()[0] in RECIPES


def test_says_what_is_not_known():
    for source in sources.SOURCES.values():
        assert source.verified == "never"
        assert source.terms.endswith(".")
    assert sources.shown_size(sources.find("facades")) == "30.2 MB"
    assert sources.shown_size(sources.find("edges2handbags")) == "about 8.0 GB"
    unknown = sources.shown_size(sources.find("cyclegan/cityscapes"))
    assert unknown == "size unknown until the server says"

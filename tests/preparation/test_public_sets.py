"""The table of public sets."""

import pytest

from tfi2i.preparation import public_sets
from tfi2i.recipes.named import RECIPES


def test_there_are_six_and_twelve():
    kinds = [source.kind for source in public_sets.SOURCES.values()]
    assert (kinds.count("pix2pix"), kinds.count("cyclegan")) == (6, 12)
    for name, source in public_sets.SOURCES.items():
        assert public_sets.find(name) is source
        assert public_sets.find(f"{source.kind}/{source.file}") is source


def test_a_name_of_two_is_the_pairs():
    for name in ("facades", "maps", "cityscapes"):
        assert public_sets.find(name).kind == "pix2pix"
        assert public_sets.find(f"cyclegan/{name}").kind == "cyclegan"


def test_suggests_the_nearest():
    with pytest.raises(ValueError, match="no public set 'horse3zebra'. Did you mean '"):
        public_sets.find("horse3zebra")


def test_addresses_are_the_authors_and_those_that_are_documented():
    facades = public_sets.find("facades").addresses()
    assert facades == (
        "https://efrosgans.eecs.berkeley.edu/pix2pix/datasets/facades.tar.gz",
        "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/facades.tar.gz",
        "https://people.eecs.berkeley.edu/~tinghuiz/projects/pix2pix/datasets/"
        "facades.tar.gz",
    )
    horses = public_sets.find("horse2zebra").addresses()
    assert horses[:3] == (
        "https://efrosgans.eecs.berkeley.edu/cyclegan/datasets/horse2zebra.zip",
        "http://efrosgans.eecs.berkeley.edu/cyclegan/datasets/horse2zebra.zip",
        "https://people.eecs.berkeley.edu/~taesung_park/CycleGAN/datasets/"
        "horse2zebra.zip",
    )


def test_a_mirror_is_the_only_address():
    addresses = public_sets.find("cyclegan/maps").addresses("http://host/copies/")
    assert addresses == ("http://host/copies/cyclegan/datasets/maps.zip",)


def test_other_peoples_copies_need_a_checksum():
    for source in public_sets.SOURCES.values():
        hosts = {address.split("/")[2] for address in source.addresses()}
        others = {host for host in hosts if not host.endswith(".berkeley.edu")}
        assert bool(others) == (source.sha256 is not None)
        if source.sha256 is not None:
            assert len(source.sha256) == 64
            assert source.size is not None and not source.rounded


def test_recipes_exist():
    for source in public_sets.SOURCES.values():
        assert source.recipe is None or source.recipe.split()[0] in RECIPES


def test_says_what_is_not_known():
    for source in public_sets.SOURCES.values():
        assert source.verified == "never"
        assert source.terms.endswith(".")
    assert public_sets.shown_size(public_sets.find("facades")) == "30.2 MB"
    assert public_sets.shown_size(public_sets.find("edges2handbags")) == "about 8.0 GB"
    unknown = public_sets.shown_size(public_sets.find("cyclegan/cityscapes"))
    assert unknown == "size unknown until the server says"

import collections
import logging
import shutil

import psutil
import pytest

from tests.data.conftest import picture, save
from tfi2i.data import PairedData, memory, store

Usage = collections.namedtuple("Usage", "total used free")


@pytest.fixture
def room(monkeypatch):
    """Sets how many bytes of memory and of disk are free."""

    def set_room(free_memory, free_disk):
        monkeypatch.setattr(memory, "available", lambda: free_memory)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, free_disk))

    return set_room


def test_the_first_that_has_room(room, caplog):
    room(200, 0)
    with caplog.at_level(logging.INFO):
        assert memory.choose("auto", 100) == "memory"
    assert not caplog.records
    room(199, 10**9)
    assert memory.choose("auto", 100) == "disk"
    assert "more than half of the free memory" in caplog.messages[-1]
    assert "gone at the end" in caplog.messages[-1]
    room(199, 150)
    assert memory.choose("auto", 100) == "off"
    assert "decoded anew in every epoch" in caplog.messages[-1]
    for name in ("memory", "disk", "off"):
        assert memory.choose(name, 10**18) == name
    with pytest.raises(
        ValueError, match="--data.cache is 'ram', expected auto, memory"
    ):
        memory.choose("ram", 1)


def test_free_memory_is_what_there_is():
    there = psutil.virtual_memory()
    assert 0 < memory.available() <= there.total


@pytest.mark.parametrize("free_disk, kept", [(10**9, True), (0, False)])
def test_more_images_than_memory(tmp_path, room, free_disk, kept, caplog):
    for name in "AB":
        save(tmp_path / "train" / name / "1.png", picture(20, 20))
    room(1000, free_disk)
    data = PairedData.load(tmp_path, load_size=16)
    assert isinstance(data.real_a, store.Held) == kept
    assert data.real_a[0].shape == (16, 16, 3)
    assert len(caplog.records) == 1

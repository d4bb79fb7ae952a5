import collections
import logging
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from tests.data.conftest import one_line, picture, save
from tfi2i.data import PairedData, image_store, memory

Usage = collections.namedtuple("Usage", "total used free")


@pytest.fixture
def room(monkeypatch):
    """Sets how many bytes of memory and of disk are free."""

    def set_room(free_memory, free_disk):
        monkeypatch.setattr(memory, "available", lambda: free_memory)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, free_disk))
        monkeypatch.setattr(memory, "lies_in_memory", lambda _: False)

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


def test_what_a_container_may_take(tmp_path):
    def write(**numbers):
        for name, text in numbers.items():
            path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{text}\n")

    most = psutil.virtual_memory().available
    assert memory.available(tmp_path) > most // 2
    write(memory_dot_max="max", memory_dot_current=500)
    assert memory.available(tmp_path) > most // 2
    write(memory_dot_max=900)
    assert memory.available(tmp_path) == 400
    # Files that were read are given up for whoever needs memory.
    write(memory_dot_stat="anon 150\ninactive_file 300\nactive_file 50")
    assert memory.available(tmp_path) == 700
    write(memory_dot_current=2000)
    assert memory.available(tmp_path) == 0
    (tmp_path / "memory.max").unlink()
    write(
        memory__memory_dot_limit_in_bytes=900,
        memory__memory_dot_usage_in_bytes=500,
        memory__memory_dot_stat="inactive_file 1\ntotal_inactive_file 300",
    )
    assert memory.available(tmp_path) == 700


@pytest.mark.skipif(sys.platform != "linux", reason="kinds of disks are Linux's")
def test_which_folders_lie_in_memory(tmp_path):
    (tmp_path / "link").symlink_to("/dev/shm")
    for folder in (tmp_path, tmp_path / "link", Path("/"), Path("/proc")):
        command = ["stat", "-L", "-f", "-c", "%T", folder]
        kind = subprocess.run(command, capture_output=True, text=True, check=True)
        assert memory.lies_in_memory(folder) == (kind.stdout.strip() == "tmpfs")


def test_a_disk_that_is_memory_is_not_chosen(room, monkeypatch, caplog):
    room(199, 10**9)
    monkeypatch.setattr(memory, "lies_in_memory", lambda _: True)
    assert memory.choose("auto", 100) == "off"
    assert "lies in memory, too: decoded anew in every epoch" in caplog.messages[-1]
    assert "TMPDIR" in caplog.messages[-1]
    assert memory.choose("disk", 100) == "disk"


def test_no_room_says_how_much_and_what_to_do(tmp_path, room):
    for name in "AB":
        save(tmp_path / "train" / name / "1.png", picture(20, 20))
    room(10**9, 1000)
    memory.check_room(1000)
    with pytest.raises(OSError) as error:
        PairedData.load(tmp_path, load_size=20_000, cache="disk")
    # Both domains together.
    assert one_line(error) == (
        f"decoded images need 2.4 GB in '{tempfile.gettempdir()}', where 0.0 GB are "
        "free (No space left on device): choose --data.cache off or a smaller "
        "--data.load-size, or name another disk with the environment variable TMPDIR"
    )


@pytest.mark.parametrize("free_disk, kept", [(10**9, True), (0, False)])
def test_more_images_than_memory(tmp_path, room, free_disk, kept, caplog):
    for name in "AB":
        save(tmp_path / "train" / name / "1.png", picture(20, 20))
    room(1000, free_disk)
    data = PairedData.load(tmp_path, load_size=16)
    assert isinstance(data.images["a"], image_store.Held) == kept
    assert data.images["a"][0].shape == (16, 16, 3)
    assert len(caplog.records) == 1

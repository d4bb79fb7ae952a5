"""Files are written whole or not at all."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tfi2i.files import (
    check_is_new,
    stderr_aside,
    temporary_folder,
    whole,
    whole_folder,
)


def test_replaces_the_old_file_at_the_end(tmp_path):
    path = tmp_path / "new" / "numbers.txt"
    with whole(path) as partial:
        partial.write_text("one")
        assert not path.exists()
    with whole(path) as partial:
        partial.write_text("two")
        assert path.read_text() == "one"
    assert path.read_text() == "two"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "numbers.txt"
    path.write_text("old")
    with pytest.raises(KeyError), whole(path) as partial:
        partial.write_text("half")
        raise KeyError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_those_who_write_the_same_do_not_meet(tmp_path):
    path = tmp_path / "numbers.npy"
    with whole(path) as first, whole(path) as second:
        assert first != second
        assert {first.suffix, second.suffix} == {".npy"}
        assert first.name.startswith(".") and second.name.startswith(".")
        first.write_text("one")
        second.write_text("two")
    assert path.read_text() == "one"
    assert os.listdir(tmp_path) == ["numbers.npy"]


@pytest.mark.parametrize("name", ["a" * 255, "a" * 251 + ".png", "a." + "b" * 253])
def test_names_as_long_as_can_be(tmp_path, name):
    with whole(tmp_path / name) as partial:
        partial.write_text("one")
    assert os.listdir(tmp_path) == [name]


def test_folders_take_their_place_or_leave_nothing(tmp_path):
    path = tmp_path / "new" / ("a" * 255)
    with temporary_folder(path) as first, temporary_folder(path) as second:
        (first / "one.txt").write_text("one")
        (second / "two.txt").write_text("two")
        first.rename(path)
    assert os.listdir(path.parent) == [path.name]
    assert os.listdir(path) == ["one.txt"]
    with pytest.raises(KeyError), temporary_folder(path) as partial:
        (partial / "three.txt").write_text("three")
        raise KeyError
    assert os.listdir(path.parent) == [path.name]


WRITER = """
import pathlib, sys, time
from tfi2i import files
kind, path = sys.argv[1:]
with getattr(files, kind)(pathlib.Path(path)) as partial:
    inside = partial if kind == "whole" else partial / "inside"
    inside.write_text("half")
    print(partial.name, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("kind", ["whole", "temporary_folder"])
def test_what_a_killed_process_leaves_is_removed_and_no_other(tmp_path, kind):
    command = [sys.executable, "-c", WRITER, kind]
    writers = [
        subprocess.Popen([*command, tmp_path / name], stdout=subprocess.PIPE, text=True)
        for name in ("killed.txt", "alive.txt")
    ]
    try:
        killed, alive = (writer.stdout.readline().strip() for writer in writers)
        writers[0].kill()
        writers[0].wait()
        (tmp_path / ".partial-mine.txt").write_text("a user's")
        assert {killed, alive} <= set(os.listdir(tmp_path))
        with whole(tmp_path / "next.txt") as partial:
            partial.write_text("whole")
        left = sorted(os.listdir(tmp_path))
        assert left == sorted([alive, ".partial-mine.txt", "next.txt"])
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()


def test_a_folder_that_may_not_be_written_names_the_file(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o555)
    if os.access(tmp_path / "locked", os.W_OK):
        pytest.skip("this user may write everywhere")
    with pytest.raises(OSError, match="Cannot write: Permission .*locked/a.txt'"):
        with whole(tmp_path / "locked" / "a.txt"):
            pass


def test_a_full_disk_names_the_file(tmp_path):
    resource = pytest.importorskip("resource", reason="POSIX only")
    path = tmp_path / "numbers.txt"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The kernel refuses to let files grow beyond this, as on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="Cannot write: .*numbers.txt") as error:
            with whole(path) as partial:
                partial.write_bytes(bytes(10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert error.value.errno == errno.EFBIG
    assert list(tmp_path.iterdir()) == []


def test_whole_folders_appear_at_the_end_or_not_at_all(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    for name in ("new", "empty", "link"):
        with whole_folder(tmp_path / name) as partial:
            (partial / f"{name}.txt").write_text("one")
            assert not list(tmp_path.rglob(f"{name}/*.txt"))
        assert (tmp_path / name / f"{name}.txt").read_text() == "one"
        (tmp_path / name / f"{name}.txt").unlink()
    assert (tmp_path / "link").is_symlink()
    with pytest.raises(KeyError), whole_folder(tmp_path / "new") as partial:
        (partial / "two.txt").write_text("two")
        raise KeyError
    assert sorted(os.listdir(tmp_path)) == ["empty", "link", "new"]
    assert os.listdir(tmp_path / "new") == []
    # A shell that is in the folder finds the files there.
    monkeypatch.chdir(tmp_path / "new")
    with whole_folder(Path(".")) as partial:
        (partial / "three.txt").write_text("three")
    assert os.listdir(".") == ["three.txt"]


def test_new_folders_alone_are_accepted(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "full" / "inside").mkdir(parents=True)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "nowhere").symlink_to("missing")
    check_is_new(tmp_path / "new" / "below", tmp_path / "full")
    check_is_new(tmp_path / "empty")
    check_is_new(tmp_path / "full", allowed=("inside", "more"))
    for name, message in [
        ("full", "full' exists and is not empty: name a new folder$"),
        ("file", "file' is a file, expected a new folder"),
        ("nowhere", "nowhere' is a link that leads nowhere"),
    ]:
        with pytest.raises(FileExistsError, match=message):
            check_is_new(tmp_path / name)
    with pytest.raises(OSError, match="file' is not a folder that you may.*Choose x."):
        check_is_new(tmp_path / "file" / "below", remedy="choose x")
    with pytest.raises(ValueError, match="new' lies in '.*full', whose images are rea"):
        check_is_new(tmp_path / "full" / "new", tmp_path / "full")


def test_a_file_where_a_folder_is_meant(tmp_path):
    (tmp_path / "out").write_text("mine")
    for path in (tmp_path / "out" / "a.txt", tmp_path / "out" / "below" / "a.txt"):
        with pytest.raises(NotADirectoryError, match="is a file; expected a f.*/out'$"):
            with whole(path) as partial:
                partial.write_text("one")
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("error, is_shown", [(RuntimeError, True), (ValueError, False)])
def test_what_was_kept_from_stderr_is_shown_with_errors_that_explain_nothing(
    capfd, error, is_shown
):
    with pytest.raises(error), stderr_aside():
        os.write(2, b"note of a library")
        raise error
    assert ("note of a library" in capfd.readouterr().err) == is_shown

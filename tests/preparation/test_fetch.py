"""Public sets from a server of our own, which serves well or badly."""

import contextlib
import dataclasses
import hashlib
import io
import subprocess
import sys
import threading
import time

import pytest
from rich.console import Console

from tests.preparation.server import PATH, PIXELS, TAR, serving
from tests.preparation.test_unpack import found
from tfi2i.downloads import Timeouts
from tfi2i.files import locked
from tfi2i.preparation import fetch, public_sets

HURRIED = Timeouts(silence=0.4, window=0.4, least=1000)


@pytest.fixture(scope="module")
def running():
    with serving() as server:
        yield server


@pytest.fixture
def server(running):
    running.asked.clear()
    return running


@pytest.fixture
def host(server):
    return f"http://127.0.0.1:{server.server_port}"


@pytest.fixture
def place(tmp_path):
    return tmp_path / "images"


def left(place):
    return sorted(path.name for path in place.parent.iterdir())


def refused(host, way, place, match):
    """One line, and nothing left but what came."""
    with pytest.raises(OSError, match=match) as caught:
        fetch.get("facades", place, mirror=f"{host}/{way}", timeouts=HURRIED)
    assert "\n" not in str(caught.value)
    assert not place.exists()


PART = ".images-pix2pix-facades.tar.gz.part"
BOTH = {"train/1.jpg": PIXELS, "val/1.jpg": b"2"}


def test_fetches_and_unpacks(server, host, place):
    assert fetch.get("facades", str(place), mirror=f"{host}/plain") == 2
    assert found(place) == BOTH
    assert left(place) == ["images"]
    assert server.asked == [("plain", None)]


def test_a_zip_into_an_empty_folder(host, place):
    place.mkdir()
    assert fetch.get("ae_photos", place, mirror=f"{host}/zip") == 2
    assert found(place) == {"trainA/1.jpg": PIXELS, "trainB/1.jpg": b"2"}


def test_size_and_terms_come_first(host, place):
    text = io.StringIO()
    console = Console(file=text, width=200)
    fetch.get("facades", place, mirror=f"{host}/plain", console=console)
    lines = text.getvalue().splitlines()
    assert (
        lines[0].startswith("facades: photographs of facades")
        and "30.2 MB" in (lines[0])
    )
    assert lines[1].startswith("Terms: Research; credit the CMP facade database. Cite")
    assert lines[2] == "Addresses last verified: never; checksum: none known."
    assert lines[3] == "Train: tfi2i train pix2pix-facades --data.dir DIR"
    assert lines[4] == f"From {host}/plain{PATH}"
    assert lines[5] == "  0.1 MB says the server"
    assert lines[-1] == f"2 files in {place}."


def test_goes_on_where_it_broke_off(server, host, place):
    refused(host, "cut", place, "broke off after 20,000 of .* the same command goes on")
    assert left(place) == [PART, f"{PART}.json"]
    assert fetch.get("facades", place, mirror=f"{host}/cut") == 2
    assert found(place) == BOTH
    assert server.asked == [("cut", None), ("cut", "bytes=20000-")]
    assert left(place) == ["images"]


def test_starts_anew_where_the_file_has_changed(server, host, place):
    refused(host, "changed", place, "broke off")
    assert fetch.get("facades", place, mirror=f"{host}/changed") == 1
    assert found(place) == {"train/9.jpg": PIXELS}


def test_starts_anew_without_ranges(server, host, place):
    # Nothing tells whether the file is the same, so nothing is kept.
    refused(host, "no_ranges", place, "broke off .*: try again later;")
    assert left(place) == []
    assert fetch.get("facades", place, mirror=f"{host}/no_ranges") == 2
    assert found(place) == BOTH


def test_another_part_than_asked_for(host, place):
    refused(host, "other_part", place, "broke off")
    refused(host, "other_part", place, "sent another part")


def test_what_was_whole_already_is_not_fetched_again(server, host, place):
    # Killed after the last byte, before it was renamed.
    refused(host, "cut", place, "broke off")
    with place.with_name(PART).open("ab") as file:
        file.write(TAR[20_000:])
    assert fetch.get("facades", place, mirror=f"{host}/cut") == 2
    assert server.asked[-1] == ("cut", f"bytes={len(TAR)}-")
    # Killed, or out of space, while unpacking.
    archive = place.with_name(".again-pix2pix-facades.tar.gz")
    archive.write_bytes(TAR)
    server.asked.clear()
    assert fetch.get("facades", place.with_name("again"), mirror=host) == 2
    assert server.asked == []


def test_too_long_a_part_is_forgotten(host, place):
    refused(host, "cut", place, "broke off")
    with place.with_name(PART).open("ab") as file:
        file.write(bytes(10**6))
    refused(host, "cut", place, "another file than before")
    assert left(place) == []


def test_redirects(host, place):
    assert fetch.get("facades", place, mirror=f"{host}/moved") == 2


def test_length_unknown(host, place):
    assert fetch.get("facades", place, mirror=f"{host}/unknown_length") == 2


@pytest.mark.parametrize(
    ("way", "match"),
    [
        ("missing", "the server answers 404"),
        ("circle", "it leads on to nowhere"),
        ("elsewhere", "it leads on to nowhere"),
        ("page", "it sent a web page"),
        ("text", r"it sent something else \(text/plain\)"),
        ("empty", "it is empty"),
        ("broken", "it is truncated or damaged"),
        ("wicked", "'../../out.jpg' in it leads out of the folder"),
        ("huge", "far too many"),
        ("hangs", "silent for 0.4 s"),
        ("drips_headers", "silent for 0.4 s"),
    ],
)
def test_servers_that_serve_badly(host, place, way, match):
    refused(host, way, place, f"Cannot fetch 'facades' from {host}/{way}.*{match}")
    assert left(place) == []


@pytest.mark.parametrize(
    ("way", "match"), [("hangs_midway", "silent for 0.4 s"), ("drips", "sent only")]
)
def test_servers_that_tire_can_be_gone_on_with(host, place, way, match):
    start = time.monotonic()
    refused(host, way, place, match)
    assert time.monotonic() - start < 3
    came = place.with_name(PART).read_bytes()
    assert len(came) >= 20_000 and TAR.startswith(came)


def test_nobody_there(place):
    refused("http://127.0.0.1:9", "", place, "Connection refused")
    refused("http://no-such-host.invalid", "", place, "Cannot fetch 'facades'")


def known(content):
    """A set with a checksum."""
    return dataclasses.replace(
        public_sets.find("facades"),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def test_the_next_mirror_is_tried_and_goes_on(server, host, place):
    ways = ["missing", "page", "always_cut", "plain"]
    addresses = [f"{host}/{way}{PATH}" for way in ways]
    text = io.StringIO()
    console = Console(file=text, width=200)
    fetch.fetch(known(TAR), addresses, place, console)
    assert found(place) == BOTH
    assert server.asked[-1] == ("plain", "bytes=20000-")
    reasons = [line for line in text.getvalue().splitlines() if "nothing" in line]
    assert "404" in reasons[0] and "a web page" in reasons[1] and "broke" in reasons[2]


def test_every_reason_is_told(host, place):
    addresses = [f"{host}/{way}{PATH}" for way in ("missing", "page")]
    with pytest.raises(OSError, match="missing.* 404; .*page.*a web page.* --mirror"):
        fetch.fetch(known(TAR), addresses, place)


def test_a_page_does_not_cost_what_came(host, place):
    for way in ("always_cut", "page", "missing"):
        with pytest.raises(OSError, match="Cannot fetch"):
            fetch.fetch(known(TAR), [f"{host}/{way}{PATH}"], place)
        assert place.with_name(PART).read_bytes() == TAR[:20_000]


def test_checksum(host, place):
    other = TAR[:-1] + bytes([TAR[-1] ^ 1])
    with pytest.raises(OSError, match="another checksum than is documented"):
        fetch.fetch(known(other), [f"{host}/plain{PATH}"], place)
    assert left(place) == []


def test_size_that_is_not_the_documented_one(server, host, place):
    with pytest.raises(OSError, match="another file, of .* bytes"):
        fetch.fetch(known(TAR + b"x"), [f"{host}/plain{PATH}"], place)
    assert left(place) == []


def test_what_never_ends(host, place):
    with pytest.raises(OSError, match="far too many"):
        fetch.fetch(known(TAR), [f"{host}/endless{PATH}"], place)
    assert left(place) == []


def test_no_room(host, place):
    vast = dataclasses.replace(public_sets.find("facades"), size=10**16)
    with pytest.raises(OSError, match="are free, and 20000000.0 GB are needed"):
        fetch.fetch(vast, [f"{host}/plain{PATH}"], place)
    assert left(place) == []


def test_a_full_disk_names_the_archive_and_keeps_what_came(server, host, place):
    resource = pytest.importorskip("resource", reason="POSIX only")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The kernel refuses to let files grow beyond this, as on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, limits[1]))
    try:
        refused(host, "plain", place, "Cannot write: .*images-pix2pix-facades.tar.gz'")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert TAR.startswith(place.with_name(PART).read_bytes())
    assert fetch.get("facades", place, mirror=f"{host}/plain") == 2
    assert server.asked[-1] == ("plain", "bytes=30000-")
    assert found(place) == BOTH


def test_a_folder_in_use(host, place):
    place.mkdir()
    (place / "mine.png").write_bytes(b"1")
    with pytest.raises(FileExistsError, match="images"):
        fetch.get("facades", place, mirror=host)
    assert left(place) == ["images"]


def test_two_at_once(host, place):
    pytest.importorskip("fcntl")
    # Of any sets: what they fill is the same.
    with locked(place), pytest.raises(OSError, match="Another process is"):
        fetch.get("facades", place, mirror=f"{host}/plain")
    assert left(place) == []
    assert fetch.get("facades", place, mirror=f"{host}/plain") == 2


def test_only_one_has_the_lock(place):
    pytest.importorskip("fcntl")
    inside, most = [], []

    def enter():
        for _ in range(300):
            with contextlib.suppress(OSError), locked(place):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0)
                inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert left(place) == []


def test_the_lock_of_a_killed_process_is_taken_over(host, place):
    pytest.importorskip("fcntl")
    code = (
        "import pathlib, sys, time\n"
        "from tfi2i.files import locked\n"
        "with locked(pathlib.Path(sys.argv[1])):\n"
        "    print('locked', flush=True)\n"
        "    time.sleep(60)\n"
    )
    words = [sys.executable, "-c", code, str(place)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"locked\n"
        with pytest.raises(OSError, match="Another process is fetching to"):
            fetch.get("facades", place, mirror=f"{host}/plain")
        process.kill()
    assert left(place) == [".images.lock"]
    assert fetch.get("facades", place, mirror=f"{host}/plain") == 2
    assert left(place) == ["images"]


def test_bad_names():
    with pytest.raises(ValueError, match="no public set 'facade'. Did you mean 'fac"):
        fetch.get("facade", "images")
    with pytest.raises(ValueError, match="--mirror is 'host'; expected an address"):
        fetch.get("facades", "images", mirror="host")

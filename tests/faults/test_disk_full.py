"""Full disks under real processes: of the output, of the store and its logs, of both."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.locations import Locations
from core.locks import is_locked
from tests.cli.conftest import Offramp
from tests.faults.conftest import Mount, mount

__all__ = ["mount"]

ROWS = 150
VALUE = 20_000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """3 MB in few rows, so that estimates say less than 1 MB; and a view that takes a while."""
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE large (id INTEGER PRIMARY KEY, t TEXT)")
        db.executemany("INSERT INTO large VALUES (?, ?)", ((n, "x" * VALUE) for n in range(ROWS)))
        db.execute("CREATE TABLE small (id INTEGER PRIMARY KEY)")
        db.execute(
            "CREATE VIEW slow AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) "
            "SELECT max(i) FROM n"
        )
    db.close()
    return path


@pytest.fixture
def outside(tmp_path: Path, source: Path) -> Iterator[Offramp]:
    """The home is on an ordinary disk."""
    yield from command(tmp_path, source)


@pytest.fixture
def inside(mount: Mount, source: Path) -> Iterator[Offramp]:
    """The home is on the file system that will be full."""
    yield from command(mount.path, source)


def command(directory: Path, source: Path) -> Iterator[Offramp]:
    made = Offramp(directory)
    made.quick("connection", "add", "shop", f"sqlite:///{source}")
    yield made
    made.stop_engine()


def until(reached: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def fill(mount: Mount, leave: int = 0) -> Path:
    """Take all of the room but `leave` bytes."""
    filler = mount.path / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            pass
    os.truncate(filler, max(0, filler.stat().st_size - leave) // 4096 * 4096)
    return filler


def complete(offramp: Offramp, number: int) -> bool:
    return bool(offramp.quick("verify", str(number), "--against-source", "--json").json["verify"]["ok"])


def task(offramp: Offramp, number: int) -> dict[str, Any]:
    found: dict[str, Any] = offramp.quick("show", str(number), "--json").json["task"]
    return found


def test_output_that_finds_no_room_fails_and_the_next_task_runs(outside: Offramp, mount: Mount) -> None:
    engine = None
    # Seen before anything is read; while reading; at the very end.
    for size, said in (("1400k", "are free"), ("2000k", "large.csv: No space"), ("2936k", "No room for")):
        mount.change(f"size={size}")
        failed = outside("dump", "shop", "large", "--to", str(mount.path / "out"), code=1)
        number = int(failed.err.split("retry ")[1].split()[0])
        assert said in failed.err
        assert str(mount.path) in failed.err
        assert "free" in failed.err
        # The amount is said once, by the checks or by what met the full disk.
        assert failed.err.count("may take") == 1
        assert "Make room" in failed.err
        assert task(outside, number)["status"] == "Failed"
        engine = engine or outside.engine()
        assert said in outside.quick("logs", str(number), "--alert").out
        left = [path.name for path in mount.path.iterdir()]
        if left:
            # All of the object's data had been written: it is kept for Retry, under a name that nobody reads.
            assert size == "2936k"
            assert all(name.startswith(".partial-") for name in left)
            continue
        outside("dump", "shop", "small", "--to", str(mount.path / f"small{number}"))
        shutil.rmtree(mount.path / f"small{number}")
        assert outside.engine() == engine, "the same engine serves on"
    mount.change("size=16m")
    outside.quick("retry", str(number))
    outside("wait", str(number))
    assert complete(outside, number)


def test_one_disk_for_output_store_and_logs_is_full(inside: Offramp, mount: Mount) -> None:
    """The output takes the last byte, which the store would need for being told so."""
    mount.change("size=2400k")
    out = mount.path / "out"
    failed = inside("dump", "shop", "large", "--to", str(out), code=1)
    assert "No room for" in failed.err or "its disk is full" in failed.err
    assert task(inside, 1)["status"] == "Failed"
    assert not out.exists()
    assert sorted(p.name for p in mount.path.iterdir()) == ["home"]
    engine = inside.engine()
    inside("dump", "shop", "small", "--to", str(mount.path / "small"))
    mount.change("size=16m")
    inside.quick("retry", "1")
    inside("wait", "1")
    assert complete(inside, 1)
    assert inside.engine() == engine


def test_a_store_without_room_says_so_and_goes_on_later(
    inside: Offramp, mount: Mount, tmp_path: Path
) -> None:
    mount.change("size=4m")
    out = tmp_path / "out"
    inside("dump", "shop", "small", "--to", str(tmp_path / "first"))
    engine = inside.engine()
    slow = int(inside("dump", "shop", "slow", "--content", "data", "--to", str(out), "--detach").out)
    waiting = int(
        inside("dump", "shop", "small", "--to", str(tmp_path / "second"), "--at", "+1h", "--detach").out
    )
    until(lambda: task(inside, slow)["stage"])
    filler = fill(mount)
    # Looking needs no room.
    assert inside("ls", code=0).out
    assert inside.quick("show", str(slow)).out
    for refused in (
        ("dump", "shop", "small", "--to", str(tmp_path / "third"), "--detach"),
        ("abort", str(waiting)),
        ("connection", "add", "other", f"sqlite:///{tmp_path}/shop.db"),
        ("export", "create", "nightly", "--connection", "shop", "--all"),
        ("store", "backup"),
    ):
        said = inside(*refused, code=1).err
        assert "disk is full" in said, (refused, said)
        assert "Make room there" in said
    # The worker comes to where it must tell the store, and can't; nor can it say that it ends.
    until(lambda: not is_locked(Locations(inside.home).task_lock(slow)))
    assert task(inside, slow)["status"] == "Running"
    assert not out.exists()
    os.kill(engine or 0, 0)
    filler.unlink()
    until(lambda: task(inside, slow)["state"].startswith("retry 1 of 3"))
    inside.quick("retry", str(slow))
    inside("wait", str(slow))
    assert task(inside, slow)["status"] == "Completed"
    assert task(inside, waiting)["status"] == "Scheduled", "nothing in the queue is lost"
    inside.quick("abort", str(waiting))
    inside("dump", "shop", "small", "--to", str(tmp_path / "fourth"))
    assert inside.engine() == engine
    assert inside.quick("store", "check").err == "The store is sound.\n"


def test_a_first_run_without_room_leaves_no_half_store(mount: Mount) -> None:
    offramp = Offramp(mount.path)
    filler = fill(mount)
    for leave in (0, 8192, 40960):
        os.truncate(filler, filler.stat().st_size - leave)
        said = offramp("ls", code=1).err
        assert "full" in said or "No space" in said
        assert "oom" in said
        fill_up(filler)
    assert not list(offramp.home.glob("store.sqlite3*"))
    filler.unlink()
    assert offramp("ls").err == "No task in the last 48 hours.\n"


def fill_up(filler: Path) -> None:
    with filler.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            return


def test_a_home_that_becomes_read_only(inside: Offramp, mount: Mount, tmp_path: Path) -> None:
    inside("dump", "shop", "small", "--to", str(tmp_path / "first"))
    inside.stop_engine()
    mount.change("ro")
    assert inside("ls").out
    said = inside("dump", "shop", "small", "--to", str(tmp_path / "second"), "--detach", code=1).err
    assert "can't be opened for writing" in said
    assert "Read-only file system" in inside("--headless", "--drain", code=1).err
    mount.change("rw")
    inside("dump", "shop", "small", "--to", str(tmp_path / "third"))

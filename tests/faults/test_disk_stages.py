"""A disk that is full, or fails, at each of the stages of a task: page by page on a real file system that is
too small, and by each system call in turn."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.model.vocabulary import Consistency, Format
from core.pipeline import disk as disks
from tests.faults.conftest import Mount, mount
from tests.pipeline.conftest import Bench, bench
from tests.pipeline.scripted import table, view

__all__ = ["bench", "mount"]

Make = Callable[..., Bench]
CASES: dict[str, dict[str, Any]] = {
    "object": {"format": Format.SQL},
    "part": {"consistency": Consistency.PART},
    "task, reopens": {"consistency": Consistency.TASK, "reopens": True, "format": Format.SQL},
}
LARGE = 500


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.pipeline.plan.ROWS_PER_PART", 200)
    # The checks before reading would see that there is too little: estimates may be wrong.
    monkeypatch.setattr("core.pipeline.room.SMALLEST_FREE", 0)
    monkeypatch.setattr("core.pipeline.checked.ROW_BYTES", 0)
    monkeypatch.setattr("core.pipeline.checked.SCHEMA_BYTES", 0)


def make(bench: Make, where: Path, rows: int = LARGE, **case: Any) -> Bench:
    return bench(table("a", rows), table("b", 0), view("v", "a"), output=where / "export", **case)


def incomplete_nowhere(b: Bench) -> None:
    """What has a final name is whole."""
    assert not b.output.exists() or (b.output / "manifest.json").exists()


@pytest.mark.parametrize("case", CASES)
def test_a_file_system_that_is_too_small_page_by_page(
    bench: Make, mount: Mount, tmp_path: Path, case: str
) -> None:
    undisturbed = make(bench, tmp_path / "undisturbed", **CASES[case])
    undisturbed.good()
    expected = undisturbed.files()
    failures: set[str] = set()
    for pages in range(1, 200):
        mount.change(f"size={pages * 4}k")
        b = make(bench, mount.path, **CASES[case])
        error = b.run().error
        if error is None:
            assert b.files() == expected
            assert len(failures) > 4, failures
            return
        assert error.code == "no-space", error
        assert str(mount.path) in error.message
        assert "free" in error.message
        assert "Make room" in error.hint
        failures.add(error.message.partition(" for ")[2].partition(": ")[0].rpartition("/")[2])
        incomplete_nowhere(b)
        left = [name for name in b.beside if name.startswith(".partial")]
        assert left == b.beside
        if case != "part":
            # Where nothing can be gone on with, nothing stays.
            assert left == [] or b.journal.objects()[0].checkpoint or any(o.done for o in b.journal.objects())
        mount.change("size=16m")
        b.good()
        assert b.files() == expected
        assert b.beside == []
        shutil.rmtree(b.output)
    pytest.fail("never came to its end")


class Failing:
    """The `nth` call of one of the system's functions fails, as it may at any time."""

    def __init__(self, name: str, nth: int, number: int) -> None:
        self.name, self.left, self.number, self.fired = name, nth, number, False
        self.real = getattr(os, name)

    def __call__(self, *args: Any, **more: Any) -> Any:
        if self.name == "open" and not args[1] & os.O_CREAT:
            return self.real(*args, **more)
        self.left -= 1
        if self.left == 0:
            self.fired = True
            if self.name == "close":
                # close(2): the descriptor is gone all the same.
                self.real(*args)
            raise OSError(self.number, os.strerror(self.number))
        return None if self.name == "fsync" else self.real(*args, **more)


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT], ids=errno.errorcode.get)
@pytest.mark.parametrize("name", ["open", "write", "fsync", "ftruncate", "rename", "mkdir", "link"])
def test_each_system_call_in_turn_fails(
    bench: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int
) -> None:
    """`link` is called where the target is a mount point, so that nothing can be renamed to it."""
    if name == "link":
        monkeypatch.setattr("core.pipeline.place.builds_inside", lambda target: target.is_dir())
    with monkeypatch.context() as patch:
        patch.setattr(disks.os, "fsync", lambda _: None)
        undisturbed = make(bench, tmp_path / "undisturbed", 7, format=Format.SQL)
        undisturbed.good()
    for nth in range(1, 200):
        b = make(bench, tmp_path / str(nth), 7, format=Format.SQL)
        if name == "link":
            b.output.mkdir()
        failing = Failing(name, nth, number)
        with monkeypatch.context() as patch:
            patch.setattr(disks.os, name, failing)
            if name != "fsync":
                patch.setattr(disks.os, "fsync", lambda _: None)
            error = b.run().error
        if not failing.fired:
            assert nth > 1
            return
        if error is not None:
            assert error.code == ("output" if number == errno.EIO else "no-space")
            assert str(tmp_path / str(nth)) in error.message
            assert error.hint
            if name != "link":
                incomplete_nowhere(b)
            with monkeypatch.context() as patch:
                patch.setattr(disks.os, "fsync", lambda _: None)
                b.good()
        assert b.files() == undisturbed.files()
        assert b.beside == []
    pytest.fail("never came to its end")

"""A large file is brought to the disk while it is written, and nothing waits for that."""

from __future__ import annotations

import ctypes
import hashlib
import os
import threading
import time
from pathlib import Path

import pytest

from core.pipeline import early
from core.pipeline.disk import Disk, OpenFile
from core.pipeline.sink import Sink

_CACHESTAT = 451


def dirty_pages(descriptor: int) -> int:
    """How many pages of a file wait to be written or are being written: cachestat(2), Linux 6.5."""
    libc = ctypes.CDLL(None, use_errno=True)
    found = (ctypes.c_uint64 * 5)()
    if libc.syscall(_CACHESTAT, descriptor, (ctypes.c_uint64 * 2)(0, 0), found, 0) != 0:
        pytest.skip(f"the kernel doesn't tell: {os.strerror(ctypes.get_errno())}")
    return found[1] + found[2]


class Told(Disk):
    """Remembers what was asked for; `go` lets the asking go on."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.ranges: list[tuple[int, int]] = []
        self.asked, self.go = threading.Event(), threading.Event()

    def write_out(self, file: OpenFile, begin: int, size: int) -> None:
        self.ranges.append((begin, size))
        self.asked.set()
        assert self.go.wait(20)
        super().write_out(file, begin, size)


def test_what_is_asked_for_reaches_the_disk_without_a_sync(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    file = disk.open("f")
    disk.write(file, b"x" * (4 << 20))
    if not dirty_pages(file.descriptor):
        pytest.skip("this file system keeps nothing back")
    disk.write_out(file, 0, 4 << 20)
    until = time.monotonic() + 20  # the kernel by itself begins after 30
    while dirty_pages(file.descriptor) and time.monotonic() < until:
        time.sleep(0.01)
    assert not dirty_pages(file.descriptor)
    disk.close(file)


def test_whole_steps_are_asked_for_in_order_and_nobody_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(early, "STEP_BYTES", 100)
    disk = Told(tmp_path)
    sink = Sink(disk, disk.open("f"), hashlib.sha256())
    sink.put(b"x" * 99)
    sink.put(b"y" * 350)
    assert disk.asked.wait(20)
    sink.put(b"z" * 50)  # while what was asked for hangs
    sink.drain()
    assert disk.ranges == [(0, 100)]
    disk.go.set()
    while len(disk.ranges) < 4:
        time.sleep(0.001)
    sink.close()
    assert disk.ranges == [(0, 100), (100, 100), (200, 100), (300, 100)]
    assert (tmp_path / "f").read_bytes() == b"x" * 99 + b"y" * 350 + b"z" * 50


def test_closing_waits_for_one_step_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early, "STEP_BYTES", 100)
    disk = Told(tmp_path)
    before = threading.active_count()
    sink = Sink(disk, disk.open("f"), hashlib.sha256())
    sink.put(b"x" * 10_000)
    assert disk.asked.wait(20)
    closing = threading.Thread(target=sink.close)
    closing.start()
    closing.join(0.2)
    assert closing.is_alive()
    disk.go.set()
    closing.join(20)
    assert disk.ranges == [(0, 100)]
    assert threading.active_count() == before


def test_a_file_that_is_gone_on_with_asks_for_what_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(early, "STEP_BYTES", 100)
    disk = Told(tmp_path)
    disk.go.set()
    sink = Sink(disk, disk.open("f"), hashlib.sha256(), written=1000)
    sink.put(b"x" * 150)
    assert disk.asked.wait(20)
    sink.close()
    assert disk.ranges == [(1000, 100)]


def test_where_no_thread_can_be_had_fsync_does_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(early, "STEP_BYTES", 100)

    class Refused(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(early, "Thread", Refused)
    disk = Told(tmp_path)
    file = disk.open("f")
    sink = Sink(disk, file, hashlib.sha256())
    sink.put(b"x" * 350)
    sink.drain()
    sink.close()
    disk.sync(file)
    assert not disk.ranges
    assert (tmp_path / "f").read_bytes() == b"x" * 350

"""Bytes that go through the sink's thread arrive whole, in order and hashed; its errors come back."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from core.errors import NoSpace
from core.pipeline import sink as module
from core.pipeline.disk import Disk, OpenFile
from core.pipeline.sink import DEPTH, Sink


class FullAfter(Disk):
    """A disk with room for so many pieces."""

    def __init__(self, root: Path, pieces: int) -> None:
        super().__init__(root)
        self.pieces = pieces
        self.threads: set[int] = set()

    def write(self, file: OpenFile, data: bytes | memoryview) -> None:
        self.threads.add(threading.get_ident())
        if not self.pieces:
            raise NoSpace("No room.", "Make room.")
        self.pieces -= 1
        super().write(file, data)


def opened(tmp_path: Path, pieces: int = 10**6) -> tuple[FullAfter, Sink, hashlib._Hash]:
    disk, digest = FullAfter(tmp_path, pieces), hashlib.sha256()
    return disk, Sink(disk, disk.open("f"), digest), digest


def test_many_pieces_arrive_in_order_beside_the_thread_that_brings_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INLINE_BYTES", 100)
    disk, sink, digest = opened(tmp_path)
    pieces = [bytes([i % 256]) * (i % 50) for i in range(1000)]
    for number, piece in enumerate(pieces, start=1):
        sink.put(piece)
        if number == 500:
            sink.drain()
            assert (tmp_path / "f").read_bytes() == b"".join(pieces[:500])
    sink.drain()
    sink.close()
    assert (tmp_path / "f").read_bytes() == b"".join(pieces)
    assert digest.digest() == hashlib.sha256(b"".join(pieces)).digest()
    assert len(disk.threads) == 2


def test_a_small_file_needs_no_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    disk, sink, _ = opened(tmp_path)
    sink.put(b"x" * 1000)
    sink.drain()
    assert disk.threads == {threading.get_ident()}
    assert threading.active_count() == before
    sink.close()


@pytest.mark.parametrize("inline", [0, 10**9])
def test_an_error_comes_back_and_nothing_waits_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inline: int
) -> None:
    monkeypatch.setattr(module, "INLINE_BYTES", inline)
    _, sink, _ = opened(tmp_path, pieces=3)
    with pytest.raises(NoSpace):  # noqa: PT012 - with a thread any of these may be the one that tells
        for _ in range(10 * DEPTH):
            sink.put(b"piece")
        sink.drain()
    sink.close()
    assert (tmp_path / "f").read_bytes() == b"piece" * 3


def test_an_error_of_the_last_piece_is_told_by_drain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INLINE_BYTES", 0)
    _, sink, _ = opened(tmp_path, pieces=0)
    sink.put(b"piece")
    with pytest.raises(NoSpace):
        sink.drain()
    sink.close()


def test_what_waits_is_bounded_by_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INLINE_BYTES", 0)
    monkeypatch.setattr(module, "WAITING_BYTES", 100)
    release, brought = threading.Event(), []

    class Slow(Disk):
        def write(self, file: OpenFile, data: bytes | memoryview) -> None:
            assert release.wait(20)
            super().write(file, data)

    disk = Slow(tmp_path)
    sink = Sink(disk, disk.open("f"), hashlib.sha256())

    def bring() -> None:
        for size in (60, 500, 60, 40, 1):  # a piece past the bound comes alone
            sink.put(b"x" * size)
            brought.append(size)

    bringer = threading.Thread(target=bring)
    bringer.start()
    bringer.join(0.2)
    assert brought == [60]  # what is larger waits for others, and is waited for
    release.set()
    bringer.join(20)
    sink.drain()
    sink.close()
    assert (tmp_path / "f").read_bytes() == b"x" * 661

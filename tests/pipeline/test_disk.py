"""The file seam: nothing beyond the root, no link followed, errors that say what to do."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from core.errors import NoSpace, NotWritable, OutputDamaged, OutputError, TargetExists
from core.pipeline import disk as disks
from core.pipeline.disk import Disk
from core.pipeline.disk_errors import Gone


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def put(disk: Disk, path: str, data: bytes = b"x") -> None:
    file = disk.open(path)
    disk.write(file, data)
    disk.sync(file)
    disk.close(file)


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", "a//b", "./a", "a/", "a\0b"])
def test_no_path_leaves_the_root(disk: Disk, path: str) -> None:
    for attempt in (disk.open, disk.size, disk.remove, disk.make_directory, lambda p: list(disk.read(p))):
        with pytest.raises(OutputError):
            attempt(path)


def test_no_link_is_followed(disk: Disk, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"theirs")
    root = tmp_path / "root"
    root.mkdir()
    (root / "directory").symlink_to(outside)
    (root / "file").symlink_to(outside / "file")
    disk = Disk(root)
    with pytest.raises(TargetExists):
        disk.open("file")
    with pytest.raises(TargetExists):
        disk.open("directory/file")
    with pytest.raises(TargetExists):
        disk.make_directory("directory")
    with pytest.raises(OutputError):
        disk.remove_tree("directory")
    with pytest.raises(TargetExists):
        list(disk.read("file"))
    assert disk.size("file") is None
    assert disk.tree("") == ["directory", "file"]
    assert (outside / "file").read_bytes() == b"theirs"


def test_what_is_no_regular_file_is_not_written(disk: Disk, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError):
        disk.open("pipe")
    with pytest.raises(OutputDamaged):
        list(disk.read("pipe"))
    (tmp_path / "directory").mkdir()
    with pytest.raises(TargetExists):
        disk.open("directory")


def test_a_link_or_rename_takes_no_name_that_is_taken(disk: Disk, tmp_path: Path) -> None:
    put(disk, "a", b"ours")
    put(disk, "b", b"theirs")
    with pytest.raises(TargetExists):
        disk.link("a", "b")
    disk.make_directory("work")
    disk.make_directory("taken")
    put(disk, "taken/file")
    with pytest.raises(TargetExists):
        disk.rename_directory("work", "taken")
    with pytest.raises(TargetExists):
        disk.rename_directory("work", "b")
    (tmp_path / "loose").symlink_to(tmp_path / "nowhere")
    with pytest.raises(TargetExists):
        disk.rename_directory("work", "loose")
    assert (tmp_path / "b").read_bytes() == b"theirs"


def test_a_link_falls_back_where_the_file_system_has_none(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    monkeypatch.setattr(disks.os, "link", refuse)
    put(disk, "a", b"ours")
    put(disk, "b", b"theirs")
    with pytest.raises(TargetExists):
        disk.link("a", "b")
    disk.link("a", "c")
    assert (tmp_path / "c").read_bytes() == b"ours"
    assert (tmp_path / "b").read_bytes() == b"theirs"


def test_a_write_that_the_system_takes_in_pieces_is_whole(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    monkeypatch.setattr(disks.os, "write", lambda fd, data: real(fd, bytes(data[:3])))
    put(disk, "a", b"0123456789")
    assert b"".join(disk.read("a")) == b"0123456789"


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, NoSpace),
        (errno.EDQUOT, NoSpace),
        (errno.EFBIG, NoSpace),
        (errno.EROFS, NotWritable),
        (errno.EACCES, NotWritable),
        (errno.EIO, OutputError),
    ],
)
def test_errors_name_the_file_and_what_to_do(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[OutputError]
) -> None:
    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    file = disk.open("orders.csv")
    for call in ("write", "fsync", "ftruncate"):
        monkeypatch.setattr(disks.os, call, fail)
    for attempt in (lambda: disk.write(file, b"x"), lambda: disk.sync(file), lambda: disk.truncate(file, 0)):
        with pytest.raises(kind) as found:
            attempt()
        assert "orders.csv" in found.value.message
        assert found.value.hint


def test_what_is_missing(disk: Disk) -> None:
    assert disk.size("nothing") is None
    assert disk.size("nothing/below") is None
    assert disk.entries("nothing") == []
    disk.remove("nothing")
    disk.remove_tree("nothing")
    disk.remove_directory("nothing")
    with pytest.raises(Gone):
        disk.open("nothing/below")
    put(disk, "short", b"123")
    assert b"".join(disk.read("short", 2)) == b"12"
    with pytest.raises(OutputDamaged):
        list(disk.read("short", 4))


def test_directories_above_the_root_are_made_and_taken_back(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "a" / "b")
    disk.make_root()
    assert oct((tmp_path / "a").stat().st_mode & 0o777) == "0o700"
    disk.drop_root()
    assert list(tmp_path.iterdir()) == []
    disk.make_root()
    put(disk, "file")
    disk.drop_root()
    assert (tmp_path / "a" / "b" / "file").exists()

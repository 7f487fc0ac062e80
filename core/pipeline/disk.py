"""The file seam: every effect that a task has on files is a method of `Disk`, and nothing more is in it.

Paths are relative to one root, with `/`. Below the root no symbolic link is ever followed: each directory is
opened by name from its parent (openat with O_NOFOLLOW, POSIX.1-2008). Files are 0600, directories 0700.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.errors import OutputDamaged, OutputError, TargetExists
from core.pipeline.disk_errors import Gone, in_words

READ_BYTES = 1 << 20

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_INSIDE = _DIRECTORY | os.O_NOFOLLOW
_EXCHANGE = 2
_WRITE = 2


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that is open for writing, and its path below the disk's root."""

    descriptor: int
    path: str


class Disk:
    """Files below `root`, which need not exist before `make_root`. Making a Disk touches nothing.

    Every method raises NoSpace, NotWritable, TargetExists or another OutputError that names the path.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._made: list[Path] = []

    def where(self, path: str) -> str:
        """A path as people know it."""
        return str(self.root / path)

    # Directories

    def make_root(self) -> None:
        """Make the root and what is missing above it, durably."""
        missing = []
        place = self.root
        while not place.exists():
            missing.append(place)
            place = place.parent
        for directory in reversed(missing):
            with in_words(str(directory)):
                directory.mkdir(mode=0o700)
                self._made.append(directory)
                above = os.open(directory.parent, _DIRECTORY)
                try:
                    os.fsync(above)
                finally:
                    os.close(above)

    def drop_root(self) -> None:
        """Take back those directories of `make_root` that are still empty."""
        while self._made:
            directory = self._made.pop()
            try:
                directory.rmdir()
            except OSError:
                return

    def make_directory(self, path: str) -> None:
        """Make a directory; one that is there already is fine, a link or file in its place isn't."""
        with self._parent(path) as (above, name):
            try:
                os.mkdir(name, 0o700, dir_fd=above)
            except FileExistsError:
                os.close(os.open(name, _INSIDE, dir_fd=above))

    def make_directories(self, path: str) -> None:
        """Make a directory and those above it, below the root."""
        names = _names(path)
        for length in range(1, len(names) + 1):
            self.make_directory("/".join(names[:length]))

    def sync_directory(self, path: str) -> None:
        with self._directory(path) as descriptor:
            os.fsync(descriptor)

    def entries(self, path: str) -> list[str]:
        """The names in a directory, sorted; empty where there is no such directory."""
        try:
            with self._directory(path) as descriptor, os.scandir(descriptor) as found:
                return sorted(entry.name for entry in found)
        except Gone:
            return []

    def tree(self, path: str) -> list[str]:
        """All that is no directory below `path`, as paths relative to it, sorted. Links are listed, not
        followed."""
        found = []
        for name in self.entries(path):
            below = join(path, name)
            if self.is_directory(below):
                found += [f"{name}/{inner}" for inner in self.tree(below)]
            else:
                found.append(name)
        return sorted(found)

    def remove_tree(self, path: str) -> None:
        """Remove a directory with all in it, durably; nothing happens where there is none."""
        with contextlib.suppress(Gone), self._parent(path) as (above, name):
            shutil.rmtree(name, dir_fd=above)
            os.fsync(above)

    def remove_directory(self, path: str) -> None:
        """Remove a directory if it is there and empty."""
        with contextlib.suppress(Gone), self._parent(path) as (above, name):
            os.rmdir(name, dir_fd=above)

    # What is there

    def status(self, path: str) -> os.stat_result | None:
        """What stands at `path`, a link itself; None for nothing."""
        try:
            with self._parent(path) as (above, name):
                return os.stat(name, dir_fd=above, follow_symlinks=False)
        except Gone:
            return None

    def is_directory(self, path: str) -> bool:
        found = self.status(path)
        return found is not None and stat.S_ISDIR(found.st_mode)

    def size(self, path: str) -> int | None:
        """The length of a regular file in bytes, None where there is no such file."""
        found = self.status(path)
        return found.st_size if found is not None and stat.S_ISREG(found.st_mode) else None

    def read(self, path: str, limit: int | None = None) -> Iterator[bytes]:
        """The first `limit` bytes of a regular file (None: all), in pieces. Raises OutputDamaged where it is
        none, or shorter than `limit`."""
        with self._parent(path) as (above, name):
            descriptor = os.open(
                name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=above
            )
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OutputDamaged(f"{self.root / path} is no regular file.")
            left = limit
            while left is None or left > 0:
                with in_words(str(self.root / path)):
                    piece = os.read(descriptor, READ_BYTES if left is None else min(left, READ_BYTES))
                if not piece:
                    break
                left = None if left is None else left - len(piece)
                yield piece
            if left:
                raise OutputDamaged(f"{self.root / path} is {left} bytes shorter than it was.")
        finally:
            os.close(descriptor)

    # Files

    def open(self, path: str) -> OpenFile:
        """Open a file for writing at its beginning, as it is, or a new one."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        with self._parent(path) as (above, name):
            descriptor = os.open(name, flags, 0o600, dir_fd=above)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise TargetExists(f"{self.root / path} is there and is no regular file.", "Take it away.")
        return OpenFile(descriptor, path)

    def truncate(self, file: OpenFile, size: int) -> None:
        """Cut the file to `size` bytes and go on writing there."""
        with in_words(str(self.root / file.path)):
            os.ftruncate(file.descriptor, size)
            os.lseek(file.descriptor, size, os.SEEK_SET)

    def write(self, file: OpenFile, data: bytes | memoryview) -> None:
        """Write all of `data`."""
        with in_words(str(self.root / file.path)):
            rest = memoryview(data).cast("B")
            while rest:
                rest = rest[os.write(file.descriptor, rest) :]

    def write_out(self, file: OpenFile, begin: int, size: int) -> None:
        """Have the system begin to bring these bytes of the file to the disk. It may wait for other bytes
        while the disk is busy, and promises nothing: `sync` does. Nothing happens where the system can't.
        Source: sync_file_range(2) of Linux with SYNC_FILE_RANGE_WRITE, which leaves errors to fsync."""
        import ctypes  # noqa: PLC0415 - for large files

        call = getattr(ctypes.CDLL(None), "sync_file_range", None)
        if call is not None:
            call(file.descriptor, ctypes.c_int64(begin), ctypes.c_int64(size), ctypes.c_uint(_WRITE))

    def sync(self, file: OpenFile) -> None:
        """Returns when the file's content has reached the disk."""
        with in_words(str(self.root / file.path)):
            os.fsync(file.descriptor)

    def close(self, file: OpenFile) -> None:
        with in_words(str(self.root / file.path)):
            os.close(file.descriptor)

    def remove(self, path: str) -> None:
        """Remove a file; nothing happens where there is none."""
        with contextlib.suppress(Gone), self._parent(path) as (above, name):
            os.unlink(name, dir_fd=above)

    # Names

    def replace(self, source: str, target: str) -> None:
        """Give a file its final name, in place of one of that name."""
        self._rename(source, target)

    def rename_directory(self, source: str, target: str) -> None:
        """Give a directory its final name, in one step. Raises TargetExists where something other than an
        empty directory stands there; rename(2) itself sees to that, for links too."""
        self._rename(source, target)

    def exchange(self, first: str, second: str) -> bool:
        """Have two directories change their names, in one step. False where the system or the file system
        can't: then nothing has happened. Source: renameat2(2) of Linux with RENAME_EXCHANGE, renameatx_np(2)
        of macOS with RENAME_SWAP, which is the same number."""
        import ctypes  # noqa: PLC0415 - few tasks put a directory into another's place

        libc = ctypes.CDLL(None, use_errno=True)
        call = getattr(libc, "renameat2", None) or getattr(libc, "renameatx_np", None)
        if call is None:
            return False
        with self._parent(first) as (there, old), self._parent(second) as (here, new):
            if call(there, os.fsencode(old), here, os.fsencode(new), ctypes.c_uint(_EXCHANGE)) == 0:
                return True
            number = ctypes.get_errno()
            if number in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP):
                return False
            raise OSError(number, os.strerror(number))

    def symlink(self, text: str, path: str) -> None:
        """Make a symbolic link at `path` that says `text`. Raises TargetExists where something is there."""
        with self._parent(path) as (above, name):
            os.symlink(text, name, dir_fd=above)

    def read_link(self, path: str) -> str | None:
        """What a symbolic link says, None where there is none."""
        found = self.status(path)
        if found is None or not stat.S_ISLNK(found.st_mode):
            return None
        with self._parent(path) as (above, name):
            return os.readlink(name, dir_fd=above)

    def link(self, source: str, target: str) -> None:
        """Give a file a second name. Raises TargetExists where something has that name already."""
        with self._parent(source) as (there, old), self._parent(target) as (here, new):
            try:
                os.link(old, new, src_dir_fd=there, dst_dir_fd=here, follow_symlinks=False)
            except OSError as error:
                if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
                    raise
                # A file system without hard links: the next best is a name that was free a moment ago.
                if self.status(target) is not None:
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
                os.rename(old, new, src_dir_fd=there, dst_dir_fd=here)

    def _rename(self, source: str, target: str) -> None:
        with self._parent(source) as (there, old), self._parent(target) as (here, new):
            os.rename(old, new, src_dir_fd=there, dst_dir_fd=here)

    # Descriptors

    @contextmanager
    def _directory(self, path: str) -> Iterator[int]:
        """A descriptor of a directory, found without following links below the root."""
        with in_words(str(self.root / path)):
            descriptor = os.open(self.root, _DIRECTORY)
            try:
                for name in _names(path):
                    inner = os.open(name, _INSIDE, dir_fd=descriptor)
                    os.close(descriptor)
                    descriptor = inner
                yield descriptor
            finally:
                os.close(descriptor)

    @contextmanager
    def _parent(self, path: str) -> Iterator[tuple[int, str]]:
        """A descriptor of the directory that holds `path`, and the last name of `path`."""
        if not _names(path):
            raise OutputError("The output directory itself is no file in it.")
        above, _, name = path.rpartition("/")
        with self._directory(above) as descriptor, in_words(str(self.root / path)):
            yield descriptor, name


def join(directory: str, name: str) -> str:
    """`directory/name`, or `name` alone for the root."""
    return f"{directory}/{name}" if directory else name


def _names(path: str) -> list[str]:
    """The steps of a path. Raises OutputError for one that would leave the root."""
    names = path.split("/") if path else []
    if any(name in ("", ".", "..") or "\0" in name for name in names):
        raise OutputError(f"{path!r} is no path below the output directory.")
    return names

"""The interface of a destination: `Elsewhere` gets in, `RemoteFiles` is open.

A destination that isn't a local directory is a subclass of `Elsewhere` and an entry point of the group
`offramp.destinations` whose name is the URL's scheme. Paths are relative to the destination's own URL, with
`/`.
"""

from __future__ import annotations

import hashlib
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from connectors.base import TestStep
from connectors.opened import Opened
from core.errors import OfframpError, OutputDamaged
from core.model.destination import Destination

Told = Callable[[int], None]
"""Called with the number of bytes that have gone since the last call; may raise, which ends the transfer."""


class Found(NamedTuple):
    """Something at a path: the length of a file in bytes, or a directory."""

    bytes: int
    directory: bool = False


class RemoteFiles(Opened):
    """The files of a destination, open, for one thread. To be used by `with`.

    Every method raises DestinationLost (transient), NotWritable, NoSpace, TargetExists, or another
    OutputError that names the path.
    """

    def __init__(self, destination: Destination) -> None:
        self.destination = destination

    @property
    def renames(self) -> bool:
        """Whether directories get another name in one step: then it is a `RenamingFiles`. Otherwise each file
        appears by itself, whole."""
        return isinstance(self, RenamingFiles)

    def where(self, path: str) -> str:
        """A path as people know it."""
        return f"{self.destination.url.rstrip('/')}/{path}" if path else self.destination.url

    @abstractmethod
    def entries(self, path: str) -> dict[str, Found]:
        """What is in a directory, by name; empty where there is no such directory."""

    @abstractmethod
    def status(self, path: str) -> Found | None:
        """What is at a path, None for nothing. Where directories are only in names, nothing is one."""

    @abstractmethod
    def read(self, path: str) -> Iterator[bytes]:
        """A file's content, in pieces."""

    @abstractmethod
    def put(self, path: str, source: Path, told: Told, *, replace: bool = False) -> bool:
        """Send a local file. When this returns, the destination has all of it, and its length was compared;
        whether the destination itself has compared a checksum, too. Without `replace` nothing is replaced
        where the destination can see to that by itself: raises TargetExists. Directories above are there or
        not needed. What was sent of a file before it failed stands under no final name, or is removed with
        `remove_tree`."""

    def same(self, path: str, source: Path) -> bool:
        """Whether a file is there with the content of a local one: here by its length, and where the
        destination is read back by all of it."""
        found = self.status(path)
        if found is None or found.directory or found.bytes != source.stat().st_size:
            return False
        if not self.destination.reads_back:
            return True
        there = hashlib.sha256()
        for piece in self.read(path):
            there.update(piece)
        with source.open("rb") as local:
            return there.digest() == hashlib.file_digest(local, "sha256").digest()

    def abandon(self, path: str) -> None:
        """End a transfer to this path that an earlier process had begun and left. Most destinations have
        nothing to do for that."""

    @abstractmethod
    def make_directory(self, path: str) -> None:
        """Make a directory and those above it; nothing happens where it is there, or not needed."""

    @abstractmethod
    def remove(self, path: str) -> None:
        """Remove a file; nothing happens where there is none."""

    @abstractmethod
    def remove_tree(self, path: str) -> None:
        """Remove a directory with all in it, unfinished transfers too, if it is there."""

    @abstractmethod
    def remove_directory(self, path: str) -> None:
        """Remove a directory if it is there and empty."""

    def tree(self, path: str) -> dict[str, int]:
        """Every file below a directory, by its path relative to that, with its length."""
        found: dict[str, int] = {}
        for name, item in self.entries(path).items():
            if item.directory:
                inner = self.tree(f"{path}/{name}" if path else name)
                found |= {f"{name}/{below}": size for below, size in inner.items()}
            else:
                found[name] = item.bytes
        return found


class RenamingFiles(RemoteFiles):
    """Where directories get another name in one step, with all in them."""

    @abstractmethod
    def rename(self, source: str, target: str) -> None:
        """Give a file or directory another name. Raises TargetExists where that is taken."""

    @abstractmethod
    def replace(self, source: str, target: str) -> None:
        """Give a file another name, in place of the file of that name."""


class Elsewhere(ABC):
    """A destination. Making one contacts nobody. `password` is what its secret led to."""

    def __init__(self, destination: Destination, password: str | None) -> None:
        self.destination = destination
        self.password = password

    @abstractmethod
    def connect(self) -> RemoteFiles:
        """Get in, within the destination's timeout. Raises ConnectError and its kinds; OutputError where the
        place itself (a bucket) isn't there or may not be looked into."""

    def test(self, scratch: Path) -> Iterator[TestStep]:
        """Try it step by step, the last step is the last yielded: get in, look, write, read, remove.
        `scratch` is a local directory for what is sent. Raises nothing of OfframpError: a failed step says
        it."""
        name = "connect"
        try:
            with self.connect() as files:
                yield TestStep(name, ok=True, detail=self.destination.url)
                name = "list"
                there = files.entries("")
                yield TestStep(name, ok=True, detail=f"{len(there):,} files and directories")
                name = "write"
                yield TestStep(name, ok=True, detail=_write(files, scratch))
        except OfframpError as error:
            yield TestStep(name, ok=False, detail=str(error))


def _write(files: RemoteFiles, scratch: Path) -> str:
    """Send something, read it back, and take it away again."""
    content = secrets.token_bytes(2048)
    name = f".offramp-test-{secrets.token_hex(6)}"
    source = scratch / name
    source.write_bytes(content)
    try:
        files.make_directory("")
        files.put(name, source, lambda _: None)
        back = b"".join(files.read(name))
    finally:
        source.unlink()
        files.remove(name)
    if back != content:
        raise OutputDamaged(f"{files.where(name)} was sent, and what comes back differs.")
    return "a file was written, read back and removed"

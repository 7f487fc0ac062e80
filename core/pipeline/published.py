"""What a task has published, to be read: in a local directory, which a `Disk` is, or at a destination."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from core.errors import OutputDamaged
from core.pipeline.disk import Disk, join

if TYPE_CHECKING:
    from connectors.elsewhere import RemoteFiles


class Readable(Protocol):
    """Files below the directory of a task; paths are relative to it. Each method raises OutputError."""

    def where(self, path: str) -> str:
        """A path as people know it."""

    def size(self, path: str) -> int | None:
        """The length of a file in bytes, None where there is no such file."""

    def read(self, path: str, limit: int | None = None) -> Iterator[bytes]:
        """The first `limit` bytes of a file (None: all), in pieces. Raises OutputDamaged where it has
        fewer."""

    def tree(self, path: str) -> list[str]:
        """All files below a directory, as paths relative to it, sorted."""


def readable(where: Path | Readable) -> Readable:
    """What is in a local directory, or what is given."""
    return Disk(where.resolve()) if isinstance(where, Path) else where


class RemoteReading:
    """The directory at `base` of a destination that is open. `known` is what it was seen to hold."""

    def __init__(self, files: RemoteFiles, base: str) -> None:
        self._files = files
        self._base = base
        self._known: dict[str, int] | None = None

    def where(self, path: str) -> str:
        return self._files.where(join(self._base, path) if path else self._base)

    def _listed(self) -> dict[str, int]:
        if self._known is None:
            self._known = self._files.tree(self._base)
        return self._known

    def size(self, path: str) -> int | None:
        """As of when the directory was first looked into."""
        return self._listed().get(path)

    def read(self, path: str, limit: int | None = None) -> Iterator[bytes]:
        left = limit
        for piece in self._files.read(join(self._base, path)):
            part = piece if left is None else piece[:left]
            left = None if left is None else left - len(part)
            yield part
            if left == 0:
                return
        if left:
            raise OutputDamaged(f"{self.where(path)} is {left} bytes shorter than it was.")

    def tree(self, path: str) -> list[str]:
        begin = f"{path}/" if path else ""
        return sorted(name[len(begin) :] for name in self._listed() if name.startswith(begin))

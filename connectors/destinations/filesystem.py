"""Files through a file system of fsspec: what is the same for all of them."""

from __future__ import annotations

import errno
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from connectors.elsewhere import Found, RemoteFiles, RenamingFiles, Told
from connectors.words import shown
from core.errors import DestinationLost, NoSpace, NotWritable, OutputDamaged, OutputError, TargetExists
from core.model.destination import Destination

PIECE = 1 << 20
LONGEST_WORDS = 300
_LOST = frozenset(
    {
        errno.ECONNRESET,
        errno.ECONNABORTED,
        errno.ECONNREFUSED,
        errno.EPIPE,
        errno.ETIMEDOUT,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.ENETDOWN,
    }
)


class FilesystemFiles(RemoteFiles):
    """`system` is open, `base` the path of the destination's URL in it. Subclasses say what else their kind
    can do, and what its errors mean."""

    def __init__(self, destination: Destination, system: Any, base: str) -> None:
        super().__init__(destination)
        self.system = system
        self._base = base.rstrip("/")

    def at(self, path: str) -> str:
        """The path in the file system."""
        return f"{self._base}/{path}" if path else self._base or "/"

    def entries(self, path: str) -> dict[str, Found]:
        at = self.at(path)
        self.system.invalidate_cache()
        with self.words(path):
            try:
                listed = self.system.ls(at, detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return {}
        found = {}
        for item in listed:
            name = posixpath.basename(item["name"].rstrip("/"))
            # An object store may list the directory itself, or a file where a directory was asked for.
            if item["name"].strip("/") != at.strip("/") and name:
                found[name] = Found(int(item["size"] or 0), item["type"] == "directory")
        return found

    def status(self, path: str) -> Found | None:
        self.system.invalidate_cache()
        with self.words(path):
            try:
                item = self.system.info(self.at(path))
            except FileNotFoundError:
                return None
        return Found(int(item["size"] or 0), item["type"] == "directory")

    def read(self, path: str) -> Iterator[bytes]:
        with self.words(path):
            file = self.system.open(self.at(path), "rb")
        try:
            while True:
                with self.words(path):
                    piece = file.read(PIECE)
                if not piece:
                    return
                yield piece
        finally:
            with self.words(path):
                file.close()

    def put(self, path: str, source: Path, told: Told, *, replace: bool = False) -> bool:
        if not replace and self.status(path) is not None:
            raise self.taken(path)
        size = source.stat().st_size
        with self.words(path):
            self.send(source, self.at(path), told)
        self.compare_length(path, size)
        return False

    def send(self, source: Path, at: str, told: Told) -> None:
        """Write a local file to a path of the file system."""
        from fsspec.callbacks import Callback  # noqa: PLC0415 - the file system has loaded it

        class Telling(Callback):  # type: ignore[misc]
            def relative_update(self, inc: int = 1) -> None:
                told(inc)

        self.system.put_file(str(source), at, callback=Telling())

    def compare_length(self, path: str, size: int) -> None:
        """Raises OutputDamaged where the destination hasn't all of a file that was sent."""
        found = self.status(path)
        if found is None or found.bytes != size:
            there = "nothing" if found is None else f"{found.bytes} bytes"
            raise OutputDamaged(
                f"{self.where(path)} was sent with {size} bytes, and {there} arrived.",
                "Retry sends it again.",
            )

    def make_directory(self, path: str) -> None:
        with self.words(path):
            self.system.makedirs(self.at(path), exist_ok=True)

    def remove(self, path: str) -> None:
        with self.words(path):
            try:
                self.system.rm_file(self.at(path))
            except FileNotFoundError:
                return

    def remove_tree(self, path: str) -> None:
        for name, item in self.entries(path).items():
            below = f"{path}/{name}"
            if item.directory:
                self.remove_tree(below)
            else:
                self.remove(below)
        self.remove_directory(path)

    def remove_directory(self, path: str) -> None:
        """Where directories are only in names there is none, and others may refuse for any reason: what
        stays is empty."""
        try:
            with self.words(path):
                if not self.entries(path):
                    self.system.rmdir(self.at(path))
        except DestinationLost:
            raise
        except OutputError:
            return

    def close(self) -> None:
        """A file system of fsspec is let go of with its last reference."""
        self.system = None

    # Errors

    def taken(self, path: str) -> TargetExists:
        return TargetExists(
            f"Something else is at {self.where(path)}.", "Take it away, or choose another place."
        )

    @contextmanager
    def words(self, path: str) -> Iterator[None]:
        """Turn errors of the file system into those that say what to do."""
        try:
            yield
        except self.errors() as error:
            raise self.explain(error, path) from error

    def errors(self) -> tuple[type[Exception], ...]:
        """What this kind of file system raises."""
        return (OSError, EOFError)

    def explain(self, error: Exception, path: str) -> OutputError:
        """An error of the file system, as one that says what to do."""
        return explain_system_error(error, self.where(path), self.destination)


class MovingFiles(FilesystemFiles, RenamingFiles):
    """Where fsspec's `mv` is one step."""

    def rename(self, source: str, target: str) -> None:
        if self.status(target) is not None:
            raise self.taken(target)
        with self.words(target):
            self.system.mv(self.at(source), self.at(target))

    def replace(self, source: str, target: str) -> None:
        self.remove(target)
        with self.words(target):
            self.system.mv(self.at(source), self.at(target))


def explain_system_error(error: Exception, where: str, destination: Destination) -> OutputError:
    """What an error of an operating system, here or there, means for `where`."""
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, ConnectionError | TimeoutError | EOFError) or number in _LOST:
        return lost(where, destination, said(error))
    if isinstance(error, PermissionError) or number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return NotWritable(
            f"{where} can't be had or written: {said(error)}.", "Give the account the right to it there."
        )
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return NoSpace(f"No room for {where}: {said(error)}.", "Make room there, then retry.")
    if isinstance(error, FileNotFoundError):
        return OutputError(f"{where} isn't there: {said(error)}.", "Retry: what is missing is sent again.")
    if isinstance(error, FileExistsError | NotADirectoryError | IsADirectoryError):
        return TargetExists(
            f"Something else is at {where}: {said(error)}.", "Take it away, or choose another place."
        )
    return OutputError(
        f"{where}: {said(error)}.", "Look after the destination: offramp destination test NAME."
    )


def lost(where: str, destination: Destination, reason: str) -> DestinationLost:
    return DestinationLost(
        f"The connection to {destination.url} was lost at {where}: {reason}.",
        "What has arrived is used again by a retry.",
    )


def said(error: BaseException) -> str:
    """The reason that an error gives, short and harmless to show."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    text = shown(" ".join(str(text).split()))
    return (text if len(text) <= LONGEST_WORDS else f"{text[:LONGEST_WORDS]} ...").rstrip(".")

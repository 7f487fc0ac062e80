"""Getting a task's files to where a person wants them: a copy, an archive, or a stream.

Only what the manifest lists goes along, and each file is compared with its checksum while it is copied.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets as randomness
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

from core.errors import Conflict, NoSpace, NotFound, OutputDamaged, TargetExists
from core.model.destination import leaves
from core.model.task import Task
from core.model.vocabulary import TaskStatus
from core.service.context import Context

if TYPE_CHECKING:
    from core.pipeline.manifest import Manifest
    from core.pipeline.published import Readable

ARCHIVES = {".tar": "w|", ".tar.gz": "w|gz", ".tgz": "w|gz"}
RECORD = 512
Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Piece:
    """A file to send: its path below the task's directory, its length, its checksum where one is known."""

    path: str
    bytes: int
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Downloadable:
    """A task's output that may be handed out: the directory's own name, when it was made, its files."""

    name: str
    made: datetime
    disk: Readable
    pieces: tuple[Piece, ...]

    @property
    def bytes(self) -> int:
        return sum(piece.bytes for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What came of it: where it is (None for a stream), how many files and bytes."""

    path: Path | None
    files: int
    bytes: int


class Downloads:
    def __init__(self, context: Context) -> None:
        self._context = context

    @contextmanager
    def open(self, number: int) -> Iterator[Downloadable]:
        """What there is to download of a task. Raises NotFound; Conflict while nothing is published;
        OutputDamaged where the directory isn't the task's any more; ConnectError and SecretError of its
        destination."""
        from core.pipeline import manifest as manifests  # noqa: PLC0415 - few commands need the pipeline

        task = self._context.store.tasks.get(number)
        _refuse_unpublished(task)
        if task.settings.into is not None:
            raise Conflict(
                f"Task {number} has made no files: its rows are in {task.output}.",
                f"See its tables: offramp show {number}. Count them: offramp verify {number}.",
            )
        with self._context.published(task.output) as files:
            try:
                manifest = manifests.load(files, "")
            except NotFound:
                raise NotFound(
                    f"The files of task {number} are no longer in {task.output!r}.",
                    "They were moved or removed. Run it again to have them made again: "
                    f"offramp show {number}.",
                ) from None
            if manifest.task != number:
                raise OutputDamaged(f"Directory {task.output!r} holds the files of another task.")
            made = task.ended or task.created
            name = task.output.rstrip("/").rpartition("/")[2].rpartition(":")[2]
            pieces = _pieces(files, manifest, manifests.MANIFEST)
            yield Downloadable(name if leaves(task.output) else Path(task.output).name, made, files, pieces)

    def copy(self, number: int, to: Path, report: Report | None = None) -> Downloaded:
        """Copy a task's directory to the local path `to`, absolute: a name ending in .tar, .tar.gz or .tgz
        makes an archive; in an existing directory it goes under its own name; else `to` becomes its copy.
        `report` is called with the bytes so far and in all. Nothing is overwritten, and nothing is there
        before all of it is. Raises what `open` does, TargetExists, NoSpace, NotWritable, OutputDamaged."""
        with self.open(number) as found:
            mode = next((mode for suffix, mode in ARCHIVES.items() if to.name.endswith(suffix)), None)
            target = to / found.name if mode is None and to.is_dir() else to
            if os.path.lexists(target):
                raise TargetExists(f"{str(target)!r} is there already.", "Name a path that isn't.")
            _check_space(target.parent, found)
            if mode is not None:
                _archive(found, target, mode, report)
            else:
                _copy(found, target, report)
            return Downloaded(target, len(found.pieces), found.bytes)

    def stream(self, number: int, out: IO[bytes], report: Report | None = None) -> Downloaded:
        """Write a task's directory as a tar archive (POSIX.1-2001, pax) to `out`, under the directory's own
        name. Raises what `open` does, OutputDamaged where a file isn't what it was: the archive is then not
        complete."""
        with self.open(number) as found:
            _write_tar(found, out, "w|", report)
            return Downloaded(None, len(found.pieces), found.bytes)


def _refuse_unpublished(task: Task) -> None:
    if task.status.ended and task.published:
        return
    if task.status is TaskStatus.COMPLETED:
        raise Conflict(
            f"Task {task.id} is {task.status}, and a later run has replaced its files.",
            "Download those of the later run: see offramp ls.",
        )
    if task.status.ended:
        raise Conflict(
            f"Task {task.id} is {task.status}: it has published nothing.",
            f"Retry it: offramp retry {task.id}.",
        )
    raise Conflict(
        f"Task {task.id} is {task.status}: its files aren't complete yet.",
        f"Wait for it: offramp wait {task.id}.",
    )


def _pieces(disk: Readable, manifest: Manifest, manifest_name: str) -> tuple[Piece, ...]:
    own = disk.size(manifest_name)
    pieces = [Piece(manifest_name, own or 0, None)]
    for entry in manifest.files:
        found = disk.size(entry.path)
        if found != entry.bytes:
            what = "is missing" if found is None else f"has {found} bytes instead of {entry.bytes}"
            raise OutputDamaged(
                f"{disk.where(entry.path)!r} {what}.",
                f"See what else has changed: offramp verify {manifest.task}.",
            )
        pieces.append(Piece(entry.path, entry.bytes, entry.sha256))
    return tuple(pieces)


def _read(found: Downloadable, piece: Piece, done: int, report: Report | None) -> Iterator[bytes]:
    """A file's bytes; after the last of them its checksum has been compared."""
    digest = hashlib.sha256()
    for data in found.disk.read(piece.path, piece.bytes):
        digest.update(data)
        done += len(data)
        if report is not None:
            report(done, found.bytes)
        yield data
    if piece.sha256 is not None and digest.hexdigest() != piece.sha256:
        raise OutputDamaged(
            f"{found.disk.where(piece.path)!r} isn't what was exported: its checksum differs.",
            "Don't use it. Run the export again.",
        )


def _check_space(parent: Path, found: Downloadable) -> None:
    place = parent
    while not place.exists() and place != place.parent:
        place = place.parent
    status = os.statvfs(place)
    free = status.f_bavail * status.f_frsize
    if free < found.bytes:
        raise NoSpace(f"{str(parent)!r} has {free} bytes free, {found.bytes} are needed.", "Make room.")


def _copy(found: Downloadable, target: Path, report: Report | None) -> None:
    from core.pipeline.disk import Disk  # noqa: PLC0415

    # Missing directories above are made too, and taken back where it fails.
    disk = Disk(target.parent)
    disk.make_root()
    partial = f".download-{randomness.token_hex(8)}"
    with ExitStack() as undo:
        undo.callback(disk.drop_root)
        undo.callback(disk.remove_tree, partial)
        disk.make_directory(partial)
        done = 0
        made = {partial}
        for piece in found.pieces:
            place = f"{partial}/{piece.path}"
            for above in _directories(place):
                if above not in made:
                    disk.make_directory(above)
                    made.add(above)
            file = disk.open(place)
            try:
                for data in _read(found, piece, done, report):
                    disk.write(file, data)
                disk.sync(file)
            finally:
                disk.close(file)
            done += piece.bytes
        for directory in sorted(made, reverse=True):
            disk.sync_directory(directory)
        disk.rename_directory(partial, target.name)
        undo.pop_all()
    disk.sync_directory("")


def _directories(path: str) -> Iterator[str]:
    """`a/b`, then `a/b/c`, of `a/b/c/file`."""
    steps = path.split("/")[:-1]
    for length in range(1, len(steps) + 1):
        yield "/".join(steps[:length])


def _archive(found: Downloadable, target: Path, mode: str, report: Report | None) -> None:
    from core.pipeline.disk import Disk  # noqa: PLC0415

    disk = Disk(target.parent)
    disk.make_root()
    partial = f".download-{randomness.token_hex(8)}"
    with ExitStack() as undo:
        undo.callback(disk.drop_root)
        undo.callback(disk.remove, partial)
        file = disk.open(partial)
        try:
            with io.FileIO(file.descriptor, "w", closefd=False) as raw:
                _write_tar(found, raw, mode, report)
            disk.sync(file)
        finally:
            disk.close(file)
        disk.link(partial, target.name)
        disk.remove(partial)
        undo.pop_all()
    disk.sync_directory("")


class _Reader(io.RawIOBase):
    """What tarfile reads a file's content from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        parts: list[bytes] = []
        wanted = size
        while wanted != 0:
            if not self._rest:
                self._rest = next(self._pieces, b"")
                if not self._rest:
                    break
            part = self._rest[:wanted] if wanted > 0 else self._rest
            self._rest = self._rest[len(part) :]
            parts.append(part)
            wanted -= len(part) if wanted > 0 else 0
        return b"".join(parts)

    def finish(self) -> None:
        """The checksum is compared when the pieces are asked for more than there are."""
        for _ in self._pieces:
            raise OutputDamaged("A file grew while it was read.")


def _write_tar(found: Downloadable, out: IO[bytes] | io.FileIO, mode: str, report: Report | None) -> None:
    with tarfile.open(fileobj=out, mode=mode, format=tarfile.PAX_FORMAT, bufsize=RECORD * 2048) as tar:  # type: ignore[call-overload]
        done = 0
        for piece in found.pieces:
            entry = tarfile.TarInfo(f"{found.name}/{piece.path}")
            entry.size = piece.bytes
            entry.mode = 0o600
            entry.mtime = int(found.made.timestamp())
            reader = _Reader(_read(found, piece, done, report))
            tar.addfile(entry, reader)
            reader.finish()
            done += piece.bytes

"""Writing one file: bytes to the disk with a running SHA-256, and checkpoints that can be gone on from."""

from __future__ import annotations

import contextlib
import hashlib
from typing import Self

from core import faults
from core.chunk import Chunk
from core.errors import OfframpError, OutputDamaged
from core.faults import Point
from core.formats.base import Encoder
from core.formats.compress import Compressor
from core.model.task import Checkpoint, FileEntry
from core.pipeline.disk import Disk
from core.pipeline.sink import Sink


class DataFile:
    """A data file of one object. Use as a context: it is closed at the end, whatever happens.

    `rows` and `size` (bytes) are what the file holds so far, of earlier attempts too; rows that were just
    written may still be on their way. `content` is its size before compression.
    """

    def __init__(
        self,
        disk: Disk,
        path: str,
        encoder: Encoder,
        checkpoint: Checkpoint | None = None,
        compressor: Compressor | None = None,
    ) -> None:
        """Begin the file, or cut it to the checkpoint and go on. Raises OutputDamaged where it is shorter."""
        self._disk = disk
        self._encoder = encoder
        self._hash = hashlib.sha256()
        self.rows = 0
        self.content = 0
        kept = 0
        if checkpoint is not None:
            for piece in disk.read(path, checkpoint.offset):
                self._hash.update(piece)
            # A file that stands behind others has fewer rows than its object.
            self.rows = checkpoint.encoder.get("rows", checkpoint.rows)
            self.content, kept = checkpoint.content or checkpoint.offset, checkpoint.offset
            encoder.resume(checkpoint.encoder)
        self._file = disk.open(path)
        with contextlib.ExitStack() as undo:
            undo.callback(self._close_quietly)
            disk.truncate(self._file, kept)
            self._sink = Sink(disk, self._file, self._hash, written=kept, compressor=compressor)
            if checkpoint is None:
                self._put(encoder.begin())
            undo.pop_all()

    @property
    def size(self) -> int:
        return self._sink.written

    @property
    def resumable(self) -> bool:
        """Whether the file can be gone on with after a part."""
        return self._encoder.resumable

    def write(self, chunk: Chunk) -> None:
        for piece in self._encoder.encode(chunk):
            self._put(piece)
            del piece  # it may be large, and the encoder then gives back what it took
        self.rows += chunk.rows

    def fill(self, chunk: Chunk, most_rows: int | None, most_bytes: int | None) -> int:
        """Write the first rows of a chunk, as many as the file may take: how many these are. An empty file
        takes one whatever its size. Limits are of the whole file; bytes count before compression."""
        if most_rows is not None:
            chunk = chunk.between(0, min(chunk.rows, most_rows - self.rows))
        if most_bytes is None or not chunk.rows:
            self.write(chunk)
            return chunk.rows
        pieces, taken = self._encoder.fill(chunk, most_bytes - self.content, least=0 if self.rows else 1)
        for piece in pieces:
            self._put(piece)
        self.rows += taken
        return taken

    def end_part(self) -> None:
        """Close what the format has open: from here the file could be gone on with."""
        self._put(self._encoder.flush())

    def checkpoint(self, parts: int) -> Checkpoint:
        """Make everything up to the last `end_part` durable and say where that is."""
        self._sink.drain()
        self._disk.sync(self._file)
        faults.reached(Point.CHECKPOINT_SYNCED)
        return Checkpoint(
            parts=parts,
            rows=self.rows,
            offset=self.size,
            encoder=self._encoder.state(),
            content=self.content,
        )

    def finish(self, path: str, ref: str, part: int | None = None) -> FileEntry:
        """End the file durably. `path` is what the manifest calls it, `part` its place among the object's.
        Raises OutputDamaged where the format has not written as many rows as were read."""
        written = self._encoder.state().get("rows", self.rows)
        if written != self.rows:
            raise OutputDamaged(
                f"{ref}: {self.rows} rows were read and {written} written.",
                "Please report it: that is a bug.",
            )
        for piece in self._encoder.rest():
            self._put(piece)
        self._put(self._encoder.end())
        self._sink.drain()
        self._disk.sync(self._file)
        faults.reached(Point.FILE_SYNCED)
        return FileEntry(
            path=path,
            kind="data",
            object=ref,
            rows=self.rows,
            bytes=self.size,
            sha256=self._hash.hexdigest(),
            part=part,
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._encoder.warnings

    @property
    def counts(self) -> dict[str, int]:
        """What policies did so far, for `Encoder.carry`."""
        return {name: count for name, count in self._encoder.state().items() if name != "rows"}

    def _put(self, piece: bytes | memoryview) -> None:
        if len(piece):
            self.content += len(piece)
            self._sink.put(piece)

    def _close_quietly(self) -> None:
        with contextlib.suppress(OfframpError):
            self._disk.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._sink.close()
        if kind is None:
            self._disk.close(self._file)
        else:
            self._close_quietly()


def write_file(disk: Disk, path: str, data: bytes) -> tuple[int, str]:
    """Write a whole small file durably; gives its length in bytes and its SHA-256."""
    file = disk.open(path)
    try:
        disk.truncate(file, 0)
        disk.write(file, data)
        disk.sync(file)
    finally:
        disk.close(file)
    return len(data), hashlib.sha256(data).hexdigest()

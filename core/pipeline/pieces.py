"""The data files of one object, or of one part of it: one, or several where limits cut.

A limit cuts before the row with which the file would be too large, so that files depend on the rows and the
limits alone. A file is begun by its first row: who wants one without rows says so at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from msgspec.structs import replace

from core.chunk import Chunk
from core.formats.base import Encoder
from core.formats.compress import open_compressor
from core.model.settings import ExportSettings
from core.model.task import Checkpoint, FileEntry
from core.pipeline.disk import Disk
from core.pipeline.writer import DataFile


@dataclass(frozen=True, slots=True)
class Output:
    """Where files go and what they are called. `path` gives what the manifest calls the file of a number,
    from 1; `built` where on the disk that is; `part` its place among the object's files, by its number."""

    disk: Disk
    settings: ExportSettings
    ref: str
    encoder: Callable[[], Encoder]
    path: Callable[[int], str]
    built: Callable[[str], str]
    part: Callable[[int], int | None]


class DataFiles:
    """Takes rows in order. Use as a context: what is open is closed at the end, whatever happens.

    `rows` and `size` (bytes) are of all files so far; `done` are the finished ones, those before the
    checkpoint (`earlier`) included; `warnings` what the format has to say of all of them, `counts` the same
    as numbers.
    """

    def __init__(
        self, output: Output, checkpoint: Checkpoint | None = None, earlier: Sequence[FileEntry] = ()
    ) -> None:
        self._output = output
        self._limits = output.settings.files
        self.done = list(earlier)
        self.warnings: tuple[str, ...] = ()
        self.counts: dict[str, int] = {}
        self._file: DataFile | None = None
        if checkpoint is not None:
            self._file = self._open(checkpoint)

    @property
    def rows(self) -> int:
        return sum(entry.rows for entry in self.done) + (self._file.rows if self._file else 0)

    @property
    def size(self) -> int:
        return sum(entry.bytes for entry in self.done) + (self._file.size if self._file else 0)

    @property
    def typed(self) -> bool:
        """Whether rows may come with types."""
        return not self._output.settings.format.is_text

    @property
    def resumable(self) -> bool:
        """Whether what is open can be gone on with after a part."""
        return self._file is not None and self._file.resumable

    def write(self, chunk: Chunk) -> None:
        at = 0
        while at < chunk.rows:
            if self._file is None:
                self._file = self._open()
            rest = chunk.between(at, chunk.rows)
            taken = self._file.fill(rest, self._limits.max_records, self._limits.max_size)
            at += taken
            if not taken:
                self._end()

    def end_part(self) -> None:
        """Close what the format has open: from here the file could be gone on with."""
        if self._file is not None:
            self._file.end_part()

    def checkpoint(self, parts: int) -> Checkpoint:
        """Make everything up to the last `end_part` durable and say where that is; only while `resumable`."""
        if self._file is None:
            raise ValueError("no file is open")
        return replace(
            self._file.checkpoint(parts),
            rows=self.rows,
            pieces=len(self.done),
            before=sum(entry.bytes for entry in self.done),
        )

    def words(self, counts: dict[str, int]) -> tuple[str, ...]:
        """What the format has to say of files with these `counts`."""
        encoder = self._output.encoder()
        if counts:
            encoder.carry(counts)
        return encoder.warnings

    def finish(self, *, at_least_one: bool) -> list[FileEntry]:
        """End the last file durably; `at_least_one`: make one without rows where there is none."""
        if self._file is None and not self.done and at_least_one:
            self._file = self._open()
        if self._file is not None:
            self._end()
        return self.done

    def _open(self, checkpoint: Checkpoint | None = None) -> DataFile:
        output, settings = self._output, self._output.settings
        encoder = output.encoder()
        if self.counts:
            encoder.carry(self.counts)
        return DataFile(
            output.disk,
            output.built(output.path(len(self.done) + 1)),
            encoder,
            checkpoint,
            open_compressor(settings.compression, settings.compression_level),
        )

    def _end(self) -> None:
        if self._file is None:
            return
        number = len(self.done) + 1
        entry = self._file.finish(self._output.path(number), self._output.ref, self._output.part(number))
        self.warnings, self.counts = self._file.warnings, self._file.counts
        file, self._file = self._file, None
        file.__exit__(None)
        self.done.append(entry)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if self._file is not None:
            self._file.__exit__(kind, *rest)

"""A part of an object as a job of its own: a plain description, carried out wherever there is a session.

A `PartJob` is JSON as it stands: it names what to read and where the files go, and holds no secret. Whoever
carries it out brings a session whose point in time is fixed already, or fixes one for the part alone where
that is the consistency. The files depend on the job and the rows only.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from itertools import count, islice

import msgspec

from connectors.base import ReadRequest, Session
from core import faults, formats
from core.chunk import Chunk, TextChunk
from core.faults import Point
from core.model.settings import ExportSettings
from core.model.task import FileEntry
from core.model.vocabulary import Consistency
from core.pipeline.disk import Disk, join
from core.pipeline.pace import Pace
from core.pipeline.pieces import DataFiles, Output
from core.pipeline.points import ended_after

Passing = Callable[[ReadRequest, Iterator[TextChunk]], Iterator[TextChunk]]


class PartJob(msgspec.Struct, frozen=True, kw_only=True):
    """What to read (`request`), and where the files go: below `root` on the disk, in the directory `work`
    there, called `path` in the manifest; where the settings limit files, with a number before the ending."""

    request: ReadRequest
    settings: ExportSettings
    root: str
    work: str
    path: str

    @property
    def number(self) -> int:
        """The part's, from 0."""
        return self.request.part.number

    def file(self, piece: int) -> str:
        """What the manifest calls the part's file of a number, from 1."""
        return next(islice(piece_names(self.settings, self.path), piece - 1, None))


def piece_names(settings: ExportSettings, path: str) -> Iterator[str]:
    """What the files of a part are called whose data file the layout calls `path`: that alone, or, where
    limits may cut a part, as many names with a number as one likes."""
    files = settings.files
    if files.single or (files.max_records is None and files.max_size is None):
        yield path
        return
    suffix = formats.data_suffix(settings)
    for number in count(1):
        yield f"{path.removesuffix(suffix)}.{number:04}{suffix}"


class PartResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a part: its files in the order of its rows, none where it has no rows. `counts` is what
    policies did (`Encoder.carry`)."""

    files: tuple[FileEntry, ...]
    counts: dict[str, int] = {}

    @property
    def rows(self) -> int:
        return sum(entry.rows for entry in self.files)

    @property
    def size(self) -> int:
        return sum(entry.bytes for entry in self.files)


def run_part(
    session: Session,
    job: PartJob,
    disk: Disk,
    *,
    check: Callable[[], None],
    progress: Callable[[int, int], None],
    passing: Passing | None = None,
    pace: Pace | None = None,
) -> PartResult:
    """Read the part into its files, durably. `disk` is that of the job's root, `check` is called between
    chunks and may raise, `progress` is told rows and bytes so far, `passing` lets the part's rows through or
    not, `pace` says how fast. Raises SourceError, DataError, OutputError."""
    check()
    if job.settings.consistency is not Consistency.PART:
        return _copy(session, job, disk, check, progress, passing=passing, pace=pace)
    session.begin()
    with ended_after(session):
        faults.reached(Point.SNAPSHOT_TAKEN)
        return _copy(session, job, disk, check, progress, passing=passing, pace=pace)


def output_of(session: Session, job: PartJob, disk: Disk) -> Output:
    """Where the part's files go."""
    request = job.request
    return Output(
        disk=disk,
        settings=job.settings,
        ref=str(request.shape.ref),
        encoder=lambda: formats.open_encoder(job.settings, session.dialect, request.database, request.shape),
        path=job.file,
        built=lambda path: join(job.work, path),
        part=lambda _piece: job.number + 1,
    )


def _copy(
    session: Session,
    job: PartJob,
    disk: Disk,
    check: Callable[[], None],
    progress: Callable[[int, int], None],
    *,
    passing: Passing | None,
    pace: Pace | None,
) -> PartResult:
    with DataFiles(output_of(session, job, disk)) as files:
        copy_rows(session, job.request, files, check, progress, passing=passing, pace=pace)
        done = files.finish(at_least_one=False)
    return PartResult(files=tuple(done), counts=files.counts)


def copy_rows(
    session: Session,
    request: ReadRequest,
    files: DataFiles,
    check: Callable[[], None],
    progress: Callable[[int, int], None],
    *,
    passing: Passing | None = None,
    pace: Pace | None = None,
) -> None:
    """The rows of one part, chunk by chunk, read no faster than `pace` has it; of them those that `passing`
    lets through."""
    check()
    rows: Iterator[Chunk]
    if passing is not None:
        read = session.read(request)
        rows = passing(request, pace.slowed(read) if pace is not None else read)
    else:
        rows = session.read_typed(request) if files.typed else session.read(request)
        rows = pace.slowed(rows) if pace is not None else rows
    try:
        for chunk in rows:
            check()
            files.write(chunk)
            faults.reached(Point.CHUNK_WRITTEN)
            progress(files.rows, files.size)
            # It may be large, and so may the next one.
            del chunk
    finally:
        # A reader that is given up in the middle lets go of its statement now, not when it is collected.
        if isinstance(rows, Generator):
            rows.close()
    files.end_part()

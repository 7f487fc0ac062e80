"""A part of an object as a job of its own: a plain description, carried out wherever there is a session.

A `PartJob` is JSON as it stands: it names what to read and where the files go, and holds no secret. Whoever
carries it out brings a session whose point in time is fixed already, or fixes one for the part alone where
that is the consistency. The files depend on the job and the rows only.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

import msgspec

from connectors.base import ReadRequest, Session
from core import faults, formats
from core.faults import Point
from core.model.settings import ExportSettings
from core.model.task import FileEntry
from core.model.vocabulary import Consistency
from core.pipeline.disk import Disk, join
from core.pipeline.pieces import DataFiles, Output
from core.pipeline.points import ended_after


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
        files = self.settings.files
        if files.max_records is None and files.max_size is None:
            return self.path
        suffix = formats.data_suffix(self.settings)
        return f"{self.path.removesuffix(suffix)}.{piece:04}{suffix}"


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
) -> PartResult:
    """Read the part into its files, durably. `disk` is that of the job's root, `check` is called between
    chunks and may raise, `progress` is told rows and bytes so far. Raises SourceError, DataError,
    OutputError."""
    check()
    if job.settings.consistency is not Consistency.PART:
        return _copy(session, job, disk, check, progress)
    session.begin()
    with ended_after(session):
        faults.reached(Point.SNAPSHOT_TAKEN)
        return _copy(session, job, disk, check, progress)


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
) -> PartResult:
    with DataFiles(output_of(session, job, disk)) as files:
        copy_rows(session, job.request, files, check, progress)
        done = files.finish(at_least_one=False)
    return PartResult(files=tuple(done), counts=files.counts)


def copy_rows(
    session: Session,
    request: ReadRequest,
    files: DataFiles,
    check: Callable[[], None],
    progress: Callable[[int, int], None],
) -> None:
    """The rows of one part, chunk by chunk."""
    check()
    rows = session.read(request)
    try:
        for chunk in rows:
            check()
            files.write(chunk)
            faults.reached(Point.CHUNK_WRITTEN)
            progress(files.rows, files.size)
    finally:
        # A reader that is given up in the middle lets go of its statement now, not when it is collected.
        if isinstance(rows, Generator):
            rows.close()
    files.end_part()

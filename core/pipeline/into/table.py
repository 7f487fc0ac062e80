"""One object from its source into the other database, and the proof that all of its rows are there."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from connectors.base import ReadRequest, Session, TableShape
from connectors.targets import Definition, Piece, TableJob, Writer
from core import faults
from core.errors import DataError, NotFound, OutputDamaged, SchemaChanged, SnapshotGone, SourceError
from core.faults import Point
from core.model.settings import ExportSettings
from core.model.task import PartPlan, Snapshot, Task, TaskObject
from core.model.vocabulary import Consistency, ObjectStatus, OnError
from core.pipeline import states
from core.pipeline.cancel import Cancel
from core.pipeline.fresh import Fresh, both
from core.pipeline.into.checks import check_rows_kept, wanted_of
from core.pipeline.into.encoding import RowEncoder
from core.pipeline.into.fitting import Fitting
from core.pipeline.into.steps import Made, step_of
from core.pipeline.into.there import There
from core.pipeline.journal import Journal
from core.pipeline.marks import Outlook
from core.pipeline.pace import Pace
from core.pipeline.plan import parts_of, rows_per_part
from core.pipeline.points import ended_after
from core.pipeline.record import check_unchanged, record
from core.pipeline.tracked import Tracked


@dataclass(frozen=True, slots=True)
class Loading:
    """What every object of one attempt needs. `settings` are those that definitions are read by, `source` is
    the source's family; `snapshot` is the point in time that all objects share, where they do; `outlook`
    says what is new, where only that is taken."""

    task: Task
    settings: ExportSettings
    journal: Journal
    session: Session
    source: str
    database: str
    there: There
    writer: Writer
    log: logging.Logger
    cancel: Cancel
    pace: Pace
    snapshot: Snapshot | None = None
    outlook: Outlook | None = None

    @property
    def comment(self) -> str:
        """Who reads, for the server's administrator."""
        return f"offramp task {self.task.id} of {self.task.owner}".replace("*/", "* /")


def load_object(ctx: Loading, item: TaskObject) -> TaskObject:
    """Bring one object there, for nobody to see yet, and tell the journal. Gives it as it ended, which may be
    in failure. Raises what ends the task, after noting it at the object."""
    begun = time.monotonic()
    ctx.log.info("%s: begins", item.ref)
    tracked = Tracked(ctx.journal, item)
    tracked.set(started=item.started or states.now(), ended=None, error=None)
    try:
        _load(ctx, tracked)
    except (SourceError, DataError, NotFound, OutputDamaged) as error:
        # A statement that was ended because somebody asked for the end isn't the object's failure.
        ctx.cancel.check()
        gone = isinstance(error, SnapshotGone) and ctx.settings.consistency is Consistency.TASK
        if error.transient or gone or ctx.settings.on_error is OnError.ABORT:
            ctx.journal.update(states.failed(tracked.item, error.info()))
            raise
        ctx.log.error("%s: %s", item.ref, error)  # noqa: TRY400 - a trace tells a person nothing here
        tracked.begin_anew()
        tracked.item = states.failed(tracked.item, error.info())
        ctx.journal.finish_object(tracked.item, ())
        return tracked.item
    tracked.set(ended=states.now(), checkpoint=None)
    ctx.journal.finish_object(tracked.item, ())
    faults.reached(Point.OBJECT_STORED)
    for text in tracked.item.warnings:
        ctx.log.warning("%s: %s", item.ref, text)
    ctx.log.info("%s: %d rows in %.1f s", item.ref, tracked.item.processed_rows, time.monotonic() - begun)
    return tracked.item


def _load(ctx: Loading, tracked: Tracked) -> None:
    shares = ctx.settings.consistency is Consistency.OBJECT and ctx.settings.takes_rows(tracked.item.ref)
    if not shares:
        _bring(ctx, tracked, ctx.snapshot)
        return
    snapshot = ctx.session.begin()
    with ended_after(ctx.session):
        faults.reached(Point.SNAPSHOT_TAKEN)
        tracked.set(snapshot=snapshot)
        _bring(ctx, tracked, snapshot)


def _bring(ctx: Loading, tracked: Tracked, snapshot: Snapshot | None) -> None:
    """The step is worked out anew: what the values are, and what is there, may have changed since the
    plan."""
    item = tracked.item
    recorded = record(ctx.session, ctx.settings, ctx.database, item.ref)
    if recorded.fingerprint != item.fingerprint:
        if ctx.settings.consistency is Consistency.TASK:
            raise SchemaChanged(
                f"The definition of {item.ref} changed after the task's point in time was fixed.",
                "Retry when no schema change is under way.",
            )
        tracked.set(fingerprint=recorded.fingerprint)
    wanted = wanted_of(
        ctx.session,
        ctx.settings,
        recorded,
        item.number,
        source=ctx.source,
        database=ctx.database,
        there=ctx.there,
    )
    made = step_of(ctx.settings, ctx.source, ctx.database, ctx.there, wanted)
    tracked.set(columns=recorded.columns, warnings=(*recorded.warnings, *made.notes))
    if isinstance(made.step, Definition):
        ctx.journal.stage(f"making {item.ref}")
        ctx.writer.define(made.step)
        tracked.set(schema_status=ObjectStatus.SUCCESS)
        return
    _load_rows(ctx, tracked, made, made.step, snapshot)


def _load_rows(ctx: Loading, tracked: Tracked, made: Made, job: TableJob, snapshot: Snapshot | None) -> None:
    item = tracked.item
    rows = _Rows(ctx, tracked, made, job, snapshot)
    ctx.journal.stage(f"loading {item.ref}" if job.rows else f"making {item.ref}")
    try:
        count = ctx.writer.load(job, rows.pieces())
        if job.rows:
            check_rows_kept(item.ref, rows.count, count)
    except (SourceError, DataError, OutputDamaged):
        if ctx.settings.on_error is OnError.CONTINUE:
            ctx.writer.discard(job)
        raise
    tracked.set(
        schema_status=ObjectStatus.SUCCESS if item.schema_status is not None else None,
        data_status=ObjectStatus.SUCCESS if item.data_status is not None else None,
    )
    if job.rows:
        tracked.set(
            total_rows=count,
            total_exact=True,
            processed_rows=count,
            processed_bytes=rows.size,
            warnings=(*tracked.item.warnings, *rows.warnings),
        )


class _Rows:
    """The rows of one object on their way: `count` of them so far, `size` bytes."""

    def __init__(
        self, ctx: Loading, tracked: Tracked, made: Made, job: TableJob, snapshot: Snapshot | None
    ) -> None:
        self._ctx = ctx
        self._tracked = tracked
        self._job = job
        self._snapshot = snapshot
        self._read = made.shape
        self._fresh: Fresh | None = None
        self.count = 0
        self.size = 0
        self.warnings: tuple[str, ...] = ()

    def pieces(self) -> Iterator[Piece]:
        """All of it, in the writer's form; the definition is compared after the last row. Raises what reading
        and fitting raise."""
        if not self._job.rows or self._read is None:
            return
        shape = self._read
        ctx = self._ctx
        tracked = self._tracked
        fresh = self._fresh = Fresh.of(ctx, tracked, shape)
        if fresh is not None:
            parts = list(fresh.parts(shape, rows_per_part(ctx.settings, self._snapshot)))
        else:
            parts = list(parts_of(ctx.session, ctx.settings, ctx.database, shape, self._snapshot))
        tracked.save(data_status=ObjectStatus.RUNNING, parts=tuple(parts))
        fitting = Fitting(shape, self._job.columns, ctx.settings.on_unfit)
        encoder = RowEncoder(
            ctx.settings, ctx.writer.form, ctx.database, fitting.shape, ctx.writer.insert_name(self._job)
        )
        for number, part in enumerate(parts):
            before = self.count
            if ctx.settings.consistency is Consistency.PART:
                ctx.session.begin()
                with ended_after(ctx.session):
                    yield from self._part(shape, part, fitting, encoder)
            else:
                yield from self._part(shape, part, fitting, encoder)
            parts[number] = replace(part, rows=self.count - before)
            tracked.set(parts=tuple(parts))
        self.warnings = (*fitting.warnings, *encoder.warnings)
        self._compare()

    def _part(
        self, shape: TableShape, part: PartPlan, fitting: Fitting, encoder: RowEncoder
    ) -> Iterator[Piece]:
        ctx = self._ctx
        ctx.cancel.check()
        request = ReadRequest(
            database=ctx.database,
            shape=shape,
            part=part,
            where=both(ctx.settings.where_of(shape.ref), part.where),
            comment=ctx.comment,
        )
        chunks = ctx.pace.slowed(ctx.session.read(request))
        if self._fresh is not None:
            chunks = self._fresh.passing(request, chunks)
        try:
            for chunk in chunks:
                ctx.cancel.check()
                if not chunk.rows:
                    continue
                self.count += chunk.rows
                self.size += int(chunk.ends[-1, -1] - chunk.starts[0, 0])
                yield from encoder.pieces(fitting.fit(chunk))
                faults.reached(Point.CHUNK_WRITTEN)
                ctx.journal.progress(self._tracked.item.number, self.count, self.size)
                del chunk  # it may be large, and so may the next one
        finally:
            # A reader that is given up in the middle lets go of its statement now, not when it is collected.
            if isinstance(chunks, Generator):
                chunks.close()

    def _compare(self) -> None:
        ctx, item = self._ctx, self._tracked.item
        try:
            after = record(ctx.session, ctx.settings, ctx.database, item.ref)
        except NotFound:
            raise SchemaChanged(
                f"{item.ref} was dropped or renamed while it was being exported.",
                "Retry if it is there again; otherwise start a new task.",
            ) from None
        check_unchanged(item.fingerprint, after)

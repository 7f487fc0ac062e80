"""The rows of one object: from the source's parts to its data files, so that an interrupted task can go on.

In order: one reader, parts one after the other into one file, or into several that follow one another
where limits cut; a checkpoint after each part. Apart: each part has files of its own, read here one after
the other, or by several processes at once (`crew`); a part that is done stays done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import count, takewhile

from msgspec.structs import replace

from connectors.base import ReadRequest, TableShape
from core import faults, formats
from core.errors import SnapshotGone, SnapshotUnavailable
from core.faults import Point
from core.model.file_settings import Empty
from core.model.task import FileEntry, PartPlan, Snapshot, TaskObject
from core.model.vocabulary import Consistency, ObjectStatus
from core.pipeline.context import Context
from core.pipeline.cutting import may_be_cut
from core.pipeline.fresh import Fresh, both
from core.pipeline.parts import PartJob, PartResult, copy_rows, output_of, piece_names, run_part
from core.pipeline.pieces import DataFiles, Output
from core.pipeline.plan import parts_of, rows_per_part
from core.pipeline.points import ended_after
from core.pipeline.tracked import Tracked


def read_data(ctx: Context, tracked: Tracked, shape: TableShape) -> list[FileEntry]:
    """Read all rows of an object into its files, going on from where an earlier attempt got to. The task's
    snapshot, where that is the consistency, is open already."""
    if ctx.settings.consistency is not Consistency.OBJECT:
        return _read(ctx, tracked, shape, ctx.snapshot)
    snapshot = _begin(ctx, tracked, shape)
    try:
        with ended_after(ctx.session):
            faults.reached(Point.SNAPSHOT_TAKEN)
            return _read(ctx, tracked, shape, snapshot)
    finally:
        # The next object has another.
        if ctx.crew is not None:
            ctx.crew.end()


def _begin(ctx: Context, tracked: Tracked, shape: TableShape) -> Snapshot:
    """Fix the object's point in time: that of its checkpoint where it can be had, else a new one."""
    item = tracked.item
    crew = ctx.crew if may_be_cut(ctx.settings, shape) else None
    if item.begun and item.snapshot is not None:
        try:
            return crew.begin(ctx.session, item.snapshot) if crew else ctx.session.begin(item.snapshot)
        except (SnapshotGone, SnapshotUnavailable) as error:
            ctx.log.warning("%s: begins anew: %s", item.ref, error.message)
            tracked.begin_anew()
    return crew.begin(ctx.session) if crew else ctx.session.begin()


def _read(ctx: Context, tracked: Tracked, shape: TableShape, snapshot: Snapshot | None) -> list[FileEntry]:
    ctx.journal.stage(f"reading {shape.ref}")
    item = tracked.item
    if not ctx.settings.format.is_text:
        settled = ctx.session.settle(ctx.database, shape)
        if settled != shape and item.begun:
            # What the files that are done hold might be of other types.
            tracked.begin_anew()
        shape = settled
        tracked.set(warnings=tuple(dict.fromkeys((*item.warnings, *shape.warnings))))
    item = tracked.item
    fresh = Fresh.of(ctx, tracked, shape)
    item = tracked.item
    if item.begun:
        parts = item.parts
    elif fresh is not None:
        parts = fresh.parts(shape, rows_per_part(ctx.settings, snapshot))
    else:
        parts = parts_of(ctx.session, ctx.settings, ctx.database, shape, snapshot)
    own = snapshot if ctx.settings.consistency is Consistency.OBJECT else None
    if shape.query is not None and not ctx.session.queries_join_snapshot:
        own = None  # one statement, which sees what is there when it begins
    # What is read in one go can't be gone on with: nothing would be lost with it.
    keep = tracked.save if len(parts) > 1 or item.begun else tracked.note
    keep(data_status=ObjectStatus.RUNNING, parts=tuple(parts), snapshot=own)
    if item.begun:
        ctx.log.info("%s: goes on after %d rows", shape.ref, item.processed_rows)
    if ctx.settings.files.single:
        return _read_in_order(ctx, tracked, shape, parts, fresh=fresh)
    return _Apart(ctx, tracked, shape, parts, fresh=fresh).read()


def _request(ctx: Context, shape: TableShape, part: PartPlan) -> ReadRequest:
    where = both(ctx.settings.where_of(shape.ref), part.where)
    return ReadRequest(database=ctx.database, shape=shape, part=part, where=where, comment=ctx.comment)


def _earlier(ctx: Context, shape: TableShape) -> list[FileEntry]:
    """The object's data files that earlier attempts have finished, in the order of their rows."""
    ref = str(shape.ref)
    found = [entry for entry in ctx.journal.files() if entry.object == ref and entry.kind == "data"]
    return sorted(found, key=lambda entry: entry.place)


def _read_in_order(
    ctx: Context, tracked: Tracked, shape: TableShape, plan: Sequence[PartPlan], *, fresh: Fresh | None
) -> list[FileEntry]:
    ref, item, parts = shape.ref, tracked.item, list(plan)
    passing = fresh.passing if fresh is not None else None
    checkpoint = item.checkpoint
    several = ctx.settings.files.several
    output = Output(
        disk=ctx.disk,
        settings=ctx.settings,
        ref=str(ref),
        encoder=lambda: formats.open_encoder(ctx.settings, ctx.session.dialect, ctx.database, shape),
        path=lambda number: ctx.layout.data(ref, number if several else None),
        built=ctx.built,
        part=lambda number: number if several else None,
    )
    earlier = _earlier(ctx, shape)[: checkpoint.pieces] if checkpoint else []
    with DataFiles(output, checkpoint, earlier) as files:

        def progress(rows: int, size: int) -> None:
            ctx.journal.progress(item.number, rows, size)

        for number in range(checkpoint.parts if checkpoint else 0, len(parts)):
            before, kept = files.rows, len(files.done)
            request = _request(ctx, shape, parts[number])
            if ctx.settings.consistency is Consistency.PART:
                ctx.cancel.check()
                ctx.session.begin()
                with ended_after(ctx.session):
                    faults.reached(Point.SNAPSHOT_TAKEN)
                    copy_rows(
                        ctx.session,
                        request,
                        files,
                        ctx.cancel.check,
                        progress,
                        passing=passing,
                        pace=ctx.pace,
                    )
            else:
                copy_rows(
                    ctx.session, request, files, ctx.cancel.check, progress, passing=passing, pace=ctx.pace
                )
            parts[number] = replace(parts[number], rows=files.rows - before)
            tracked.set(parts=tuple(parts), processed_rows=files.rows, processed_bytes=files.size)
            if len(parts) > 1 and files.resumable:
                path = output.path(len(files.done) + 1)
                reached = replace(files.checkpoint(number + 1), path=path)
                tracked.save(files.done[kept:], checkpoint=reached)
                faults.reached(Point.CHECKPOINT_STORED)
                ctx.log.debug("%s: part %d of %d is done", ref, number + 1, len(parts))
        entries = files.finish(at_least_one=ctx.settings.files.empty is Empty.FILE)
        _finished(tracked, entries, files.warnings)
    return entries


def _finished(tracked: Tracked, entries: Sequence[FileEntry], warnings: Sequence[str]) -> None:
    rows = sum(entry.rows for entry in entries)
    tracked.set(
        total_rows=rows,
        total_exact=True,
        processed_rows=rows,
        processed_bytes=sum(entry.bytes for entry in entries),
        warnings=(*tracked.item.warnings, *warnings),
    )


class _Apart:
    """Parts to files of their own."""

    def __init__(
        self,
        ctx: Context,
        tracked: Tracked,
        shape: TableShape,
        parts: Sequence[PartPlan],
        *,
        fresh: Fresh | None,
    ) -> None:
        self._ctx = ctx
        self._tracked = tracked
        self._shape = shape
        self._parts = list(parts)
        self._fresh = fresh
        kept = {part.number + 1 for part in parts if part.files is not None}
        self._entries = [entry for entry in _earlier(ctx, shape) if entry.part in kept]
        self._rows = sum(entry.rows for entry in self._entries)
        self._size = sum(entry.bytes for entry in self._entries)

    def read(self) -> list[FileEntry]:
        ctx = self._ctx
        jobs = [self._job(part) for part in self._parts if part.files is None]
        self._say()
        crew, fresh = ctx.crew, self._fresh
        # What is looked at row by row is read here.
        sifted = [job for job in jobs if fresh is not None and fresh.sifts(job.request)]
        others = [job for job in jobs if job not in sifted]
        if len(others) > 1 and crew is not None and (crew.shares or self._alone):
            crew.run(others, self._done, self._moved)
        else:
            sifted = jobs
        for job in sifted:
            result = run_part(
                ctx.session,
                job,
                ctx.disk,
                check=ctx.cancel.check,
                progress=self._moved,
                passing=fresh.passing if fresh is not None else None,
                pace=ctx.pace,
            )
            self._done(job, result)
        counts: Counter[str] = Counter()
        for part in self._parts:
            counts.update(part.counts)
        with DataFiles(output_of(ctx.session, self._job(self._parts[0]), ctx.disk)) as files:
            if not self._entries:
                self._entries = files.finish(at_least_one=ctx.settings.files.empty is Empty.FILE)
            _finished(self._tracked, self._entries, files.words(dict(counts)))
        return sorted(self._entries, key=lambda entry: entry.place)

    @property
    def _alone(self) -> bool:
        """Whether each part has a time of its own."""
        return self._ctx.settings.consistency is Consistency.PART

    def _job(self, part: PartPlan) -> PartJob:
        ctx = self._ctx
        return PartJob(
            request=_request(ctx, self._shape, part),
            settings=ctx.settings,
            root=str(ctx.disk.root),
            work=ctx.place.work,
            path=ctx.layout.data(self._shape.ref, part.number + 1),
        )

    def _moved(self, rows: int, size: int) -> None:
        """So much of the parts that are under way."""
        number = self._tracked.item.number
        self._ctx.journal.progress(number, self._rows + rows, self._size + size)

    def _done(self, job: PartJob, result: PartResult) -> None:
        part = self._parts[job.number]
        self._parts[job.number] = replace(
            part, rows=result.rows, files=len(result.files), counts=result.counts
        )
        self._entries += result.files
        self._rows += result.rows
        self._size += result.size
        self._tracked.set(processed_rows=self._rows, processed_bytes=self._size)
        self._tracked.save(result.files, parts=tuple(self._parts))
        faults.reached(Point.CHECKPOINT_STORED)
        self._ctx.log.debug(
            "%s: part %d is done: %d rows, %s", self._shape.ref, job.number + 1, result.rows, part.label
        )
        self._say()

    def _say(self) -> None:
        done = sum(part.files is not None for part in self._parts)
        if len(self._parts) > 1:
            self._ctx.journal.stage(f"reading {self._shape.ref}: {done} of {len(self._parts)} parts done")


def remove_data(ctx: Context, item: TaskObject) -> None:
    """Remove what there is of an object's data files, so that one that fails takes no room from others."""
    if not ctx.settings.files.several:
        ctx.disk.remove(ctx.built(ctx.layout.data(item.ref)))
        return
    for number in count(1):
        path = ctx.layout.data(item.ref, number)
        pieces = takewhile(
            lambda name: ctx.disk.size(ctx.built(name)) is not None, piece_names(ctx.settings, path)
        )
        found = list(pieces)
        for name in found:
            ctx.disk.remove(ctx.built(name))
        # Parts that are read at once leave gaps.
        if not found and number >= len(item.parts):
            return

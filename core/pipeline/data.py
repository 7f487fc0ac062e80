"""The rows of one object: from the source's parts to one file, with a checkpoint after each part."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator

from msgspec.structs import replace

from connectors.base import ReadRequest, Session, TableShape
from core import faults, formats
from core.errors import OfframpError, SnapshotGone, SnapshotUnavailable
from core.faults import Point
from core.formats.compress import open_compressor
from core.model.task import FileEntry, PartPlan, Snapshot
from core.model.vocabulary import Consistency, ObjectStatus
from core.pipeline.context import Context
from core.pipeline.plan import parts_of
from core.pipeline.tracked import Tracked
from core.pipeline.writer import DataFile


def read_data(ctx: Context, tracked: Tracked, shape: TableShape) -> FileEntry:
    """Read all rows of an object into its file, going on from a checkpoint where there is one. The task's
    snapshot, where that is the consistency, is open already."""
    if ctx.settings.consistency is not Consistency.OBJECT:
        return _read_parts(ctx, tracked, shape, ctx.snapshot)
    snapshot = _begin(ctx, tracked)
    with ended_after(ctx.session):
        faults.reached(Point.SNAPSHOT_TAKEN)
        return _read_parts(ctx, tracked, shape, snapshot)


@contextlib.contextmanager
def ended_after(session: Session) -> Iterator[None]:
    """Let go of the session's point in time at the end. An error before it is not hidden by one there."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OfframpError):
            session.end()
        raise
    session.end()


def _begin(ctx: Context, tracked: Tracked) -> Snapshot:
    """Fix the object's point in time: that of its checkpoint where it can be had, else a new one."""
    item = tracked.item
    if item.checkpoint is not None and item.snapshot is not None:
        try:
            return ctx.session.begin(item.snapshot)
        except (SnapshotGone, SnapshotUnavailable) as error:
            ctx.log.warning("%s: begins anew: %s", item.ref, error.message)
            tracked.begin_anew()
    return ctx.session.begin()


def _read_parts(ctx: Context, tracked: Tracked, shape: TableShape, snapshot: Snapshot | None) -> FileEntry:
    ref = shape.ref
    ctx.journal.stage(f"reading {ref}")
    item = tracked.item
    checkpoint = item.checkpoint
    parts = list(
        item.parts if checkpoint else parts_of(ctx.session, ctx.settings, ctx.database, shape, snapshot)
    )
    own = snapshot if ctx.settings.consistency is Consistency.OBJECT else None
    tracked.save(data_status=ObjectStatus.RUNNING, parts=tuple(parts), snapshot=own)
    if checkpoint is not None:
        ctx.log.info("%s: goes on after %d rows", ref, checkpoint.rows)
    if not ctx.settings.format.is_text:
        shape = ctx.session.settle(ctx.database, shape)
        tracked.set(warnings=tuple(dict.fromkeys((*item.warnings, *shape.warnings))))
    encoder = formats.open_encoder(ctx.settings, ctx.session.dialect, ctx.database, shape)
    compressor = open_compressor(ctx.settings.compression, ctx.settings.compression_level)
    path = ctx.layout.data(ref)
    with DataFile(ctx.disk, ctx.built(path), encoder, checkpoint, compressor) as file:
        for number in range(checkpoint.parts if checkpoint else 0, len(parts)):
            before = file.rows
            _read_part(ctx, shape, parts[number], file, item.number)
            file.end_part()
            parts[number] = replace(parts[number], rows=file.rows - before)
            tracked.set(parts=tuple(parts), processed_rows=file.rows, processed_bytes=file.size)
            if len(parts) > 1 and file.resumable:
                tracked.save(checkpoint=replace(file.checkpoint(number + 1), path=path))
                faults.reached(Point.CHECKPOINT_STORED)
                ctx.log.debug("%s: part %d of %d is done", ref, number + 1, len(parts))
        entry = file.finish(path, str(ref))
        tracked.set(
            total_rows=entry.rows,
            total_exact=True,
            processed_rows=entry.rows,
            processed_bytes=entry.bytes,
            warnings=(*tracked.item.warnings, *file.warnings),
        )
    return entry


def _read_part(ctx: Context, shape: TableShape, part: PartPlan, file: DataFile, number: int) -> None:
    if ctx.settings.consistency is Consistency.PART:
        ctx.cancel.check()
        ctx.session.begin()
        with ended_after(ctx.session):
            faults.reached(Point.SNAPSHOT_TAKEN)
            _copy(ctx, shape, part, file, number)
    else:
        _copy(ctx, shape, part, file, number)


def _copy(ctx: Context, shape: TableShape, part: PartPlan, file: DataFile, number: int) -> None:
    """The rows of one part, chunk by chunk."""
    ctx.cancel.check()
    request = ReadRequest(database=ctx.database, shape=shape, part=part, comment=ctx.comment)
    rows = ctx.session.read(request)
    try:
        for chunk in rows:
            ctx.cancel.check()
            file.write(chunk)
            faults.reached(Point.CHUNK_WRITTEN)
            ctx.journal.progress(number, file.rows, file.size)
    finally:
        # A reader that is given up in the middle lets go of its statement now, not when it is collected.
        if isinstance(rows, Generator):
            rows.close()

"""One object from beginning to end: schema file, data file, and the proof that both belong together."""

from __future__ import annotations

import time

from connectors.base import ObjectDdl
from core import faults
from core.errors import DataError, NotFound, OutputError, SchemaChanged, SnapshotGone, SourceError
from core.faults import Point
from core.formats.text import encode_text
from core.model.task import FileEntry, TaskObject
from core.model.vocabulary import Consistency, ObjectRef, ObjectStatus, OnError
from core.pipeline import states
from core.pipeline.context import Context
from core.pipeline.data import read_data, remove_data
from core.pipeline.record import Recorded, check_unchanged, record
from core.pipeline.script import foreign_keys_of_one, schema_of_one
from core.pipeline.tracked import Tracked
from core.pipeline.writer import write_file


def run_object(ctx: Context, item: TaskObject) -> TaskObject:
    """Export one object and tell the journal; gives it as it ended, which may be in failure.

    Raises what ends the task, after noting it at the object: transient errors and OutputError (the
    checkpoint stays), SnapshotGone of a snapshot that all objects share, any failure where the first one
    ends the task; and Aborted, LostClaim, StoreError.
    """
    begun = time.monotonic()
    ctx.log.info("%s: begins", item.ref)
    tracked = Tracked(ctx.journal, item)
    tracked.set(started=item.started or states.now(), ended=None, error=None)
    try:
        files = _export(ctx, tracked)
    except (SourceError, DataError, NotFound) as error:
        # A statement that was ended because somebody asked for the end isn't the object's failure.
        ctx.cancel.check()
        if error.transient or (isinstance(error, SnapshotGone) and _shares_snapshot(ctx)):
            ctx.journal.update(states.failed(tracked.item, error.info()))
            raise
        ctx.log.error("%s: %s", item.ref, error)  # noqa: TRY400 - a trace tells a person nothing here
        failed = _fail(ctx, tracked, error)
        if ctx.settings.on_error is OnError.ABORT:
            raise
        return failed
    except OutputError as error:
        ctx.journal.update(states.failed(tracked.item, error.info()))
        raise
    tracked.set(ended=states.now(), checkpoint=None)
    ctx.journal.finish_object(tracked.item, files)
    faults.reached(Point.OBJECT_STORED)
    for text in tracked.item.warnings:
        ctx.log.warning("%s: %s", item.ref, text)
    ctx.log.info(
        "%s: %d rows, %d bytes in %.1f s",
        item.ref,
        tracked.item.processed_rows,
        sum(entry.bytes for entry in files),
        time.monotonic() - begun,
    )
    return tracked.item


def _export(ctx: Context, tracked: Tracked) -> list[FileEntry]:
    ref = tracked.item.ref
    recorded = _record(ctx, tracked)
    tracked.set(columns=recorded.columns, warnings=recorded.warnings)
    ctx.disk.make_directories(ctx.built(ctx.layout.directory(ref)))
    files = []
    if recorded.ddl is not None:
        ctx.journal.stage(f"writing the schema of {ref}")
        text = schema_of_one(
            ctx.session.dialect,
            ctx.settings.encoding,
            ref,
            recorded.ddl,
            drop=ctx.settings.schema.drop,
            grants=ctx.settings.schema.privileges,
        )
        path = ctx.layout.schema(ref)
        files.append(write_schema(ctx, path, text, str(ref)))
        if ctx.session.dialect.foreign_keys_apart:
            files += _foreign_keys(ctx, ref, recorded.ddl)
        tracked.set(schema_status=ObjectStatus.SUCCESS)
        faults.reached(Point.SCHEMA_WRITTEN)
    if ctx.settings.takes_rows(ref) and recorded.shape is not None:
        files += read_data(ctx, tracked, recorded.shape)
        try:
            after = record(ctx.session, ctx.settings, ctx.database, ref)
        except NotFound:
            raise SchemaChanged(
                f"{ref} was dropped or renamed while it was being exported.",
                "Retry if it is there again; otherwise start a new task.",
            ) from None
        check_unchanged(tracked.item.fingerprint, after)
        tracked.set(data_status=ObjectStatus.SUCCESS)
    return files


def _foreign_keys(ctx: Context, ref: ObjectRef, ddl: ObjectDdl) -> list[FileEntry]:
    path = ctx.layout.foreign_keys(ref)
    if not ddl.foreign_keys:
        # An earlier attempt may have left a file.
        ctx.disk.remove(ctx.built(path))
        return []
    text = foreign_keys_of_one(ctx.session.dialect, ctx.settings.encoding, ref, ddl)
    return [write_schema(ctx, path, text, str(ref), kind="foreign-keys")]


def write_schema(ctx: Context, path: str, text: str, ref: str | None, *, kind: str = "schema") -> FileEntry:
    """Write a schema file in the task's encoding, durably. Raises Unencodable by the task's policy."""
    data = encode_text(text, ctx.settings.encoding, ctx.settings.on_unencodable, path)
    size, digest = write_file(ctx.disk, ctx.built(path), data)
    return FileEntry(path=path, kind=kind, object=ref, rows=0, bytes=size, sha256=digest)


def _record(ctx: Context, tracked: Tracked) -> Recorded:
    """The definition before the object is read. One that has changed since the plan fails the object where
    all objects are as of one time; elsewhere the object begins anew with it."""
    item = tracked.item
    recorded = record(ctx.session, ctx.settings, ctx.database, item.ref)
    if recorded.fingerprint != item.fingerprint:
        if _shares_snapshot(ctx):
            raise SchemaChanged(
                f"The definition of {item.ref} changed after the task's point in time was fixed.",
                "Retry when no schema change is under way.",
            )
        if item.fingerprint:
            ctx.log.warning("%s: its definition has changed since it was planned", item.ref)
        tracked.begin_anew(fingerprint=recorded.fingerprint)
    return recorded


def _fail(ctx: Context, tracked: Tracked, error: SourceError | DataError | NotFound) -> TaskObject:
    """The object stays out: nothing of it is left on the disk."""
    remove_data(ctx, tracked.item)
    tracked.begin_anew()
    tracked.item = states.failed(tracked.item, error.info())
    ref = tracked.item.ref
    for path in (ctx.layout.schema(ref), ctx.layout.foreign_keys(ref)):
        ctx.disk.remove(ctx.built(path))
    ctx.journal.finish_object(tracked.item, ())
    return tracked.item


def _shares_snapshot(ctx: Context) -> bool:
    return ctx.settings.consistency is Consistency.TASK and ctx.settings.content.data

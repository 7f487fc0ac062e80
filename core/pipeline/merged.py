"""All schemas of a task in one file."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from connectors.base import ObjectDdl
from core.errors import NotFound, SourceError
from core.model.task import FileEntry, TaskObject
from core.model.vocabulary import ObjectRef, ObjectStatus, OnError
from core.pipeline import states
from core.pipeline.context import Context
from core.pipeline.layout import MERGED
from core.pipeline.objects import write_schema
from core.pipeline.record import record
from core.pipeline.resolve import in_order
from core.pipeline.script import merged_schema


def run_merged(ctx: Context, objects: Sequence[TaskObject]) -> tuple[list[TaskObject], list[FileEntry]]:
    """Write the schema of all objects into one file; gives the objects as they ended, and the file where
    any could be had. Raises the first failure of an object where that ends the task, and what concerns the
    whole task (transient errors, OutputError, Aborted, LostClaim, StoreError)."""
    found: dict[ObjectRef, ObjectDdl] = {}
    result = []
    for item in objects:
        ctx.cancel.check()
        ctx.journal.stage(f"reading the schema of {item.ref}")
        result.append(item if item.error else _take(ctx, item, found))
    if not found:
        return result, []
    order = in_order({ref: ddl.needs for ref, ddl in found.items()})
    text = merged_schema(
        ctx.session.dialect,
        ctx.settings.encoding,
        f"Schema of {len(order)} objects of {ctx.session.server.product}",
        [(ref, found[ref]) for ref in order],
        drop=ctx.settings.schema.drop,
        grants=ctx.settings.schema.privileges,
    )
    files = [write_schema(ctx, MERGED, text, None)]
    ctx.journal.plan(result, None)
    return result, files


def _take(ctx: Context, item: TaskObject, found: dict[ObjectRef, ObjectDdl]) -> TaskObject:
    """Fetch one object's schema into `found`."""
    try:
        recorded = record(ctx.session, ctx.settings, ctx.database, item.ref)
    except (SourceError, NotFound) as error:
        ctx.cancel.check()
        if error.transient:
            raise
        ctx.log.error("%s: %s", item.ref, error)  # noqa: TRY400 - a trace tells a person nothing here
        failed = states.failed(item, error.info())
        if ctx.settings.on_error is OnError.ABORT:
            ctx.journal.update(failed)
            raise
        return failed
    if recorded.ddl is not None:
        found[item.ref] = recorded.ddl
    return replace(
        item,
        schema_status=ObjectStatus.SUCCESS,
        columns=recorded.columns,
        warnings=recorded.warnings,
        fingerprint=recorded.fingerprint,
        ended=states.now(),
    )

"""Whether tables that a task has filled still have as many rows as it brought. What is in these rows isn't
compared: a table is there to be worked with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from connectors.base import ReadRequest, TableShape
from core.chunk import Kind
from core.errors import NotFound, OfframpError
from core.model.into import Existing, Into
from core.model.task import FileEntry, PartPlan, TaskObject
from core.model.vocabulary import ObjectRef, ObjectType
from core.pipeline.into.there import Elsewhere, There, looked_at
from core.pipeline.points import ended_after
from core.pipeline.verify import Verdict, VerifyReport


def verify_tables(
    elsewhere: Elsewhere, into: Into, objects: Sequence[TaskObject], files: Sequence[FileEntry]
) -> VerifyReport:
    """Count the rows of each table that `files` say was published. Raises ConnectError and transient
    errors."""
    with looked_at(elsewhere, into) as there:
        verdicts = tuple(_verdict(there, into, entry) for entry in files)
    return VerifyReport(into.place, all(item.done for item in objects), verdicts)


def _verdict(there: There, into: Into, entry: FileEntry) -> Verdict:
    kind, _, name = str(entry.object).partition(":")
    ref = ObjectRef(ObjectType(kind), name)
    try:
        if entry.kind != "table":
            found = ref in there.refs
            return Verdict(entry.path, found, "is there." if found else "is there no more.")
        if there.find(name) is None:
            raise NotFound("is there no more.")
        rows = _count(there, there.shape(name))
    except OfframpError as error:
        if error.transient:
            raise
        return Verdict(entry.path, ok=False, words=error.message)
    if into.existing is Existing.APPEND:
        return Verdict(entry.path, rows >= entry.rows, f"{rows} rows; {entry.rows} were added.")
    if rows != entry.rows:
        return Verdict(entry.path, ok=False, words=f"has {rows} rows; {entry.rows} were published.")
    return Verdict(entry.path, ok=True, words=f"{rows} rows, as published.")


def _count(there: There, shape: TableShape) -> int:
    """By reading its shortest column: exact on every kind of server."""
    if there.session is None:
        raise NotFound("is there no more.")
    column = next((c for c in shape.columns if c.kind is Kind.NUMBER), shape.columns[0])
    request = ReadRequest(there.database, replace(shape, columns=(column,)), PartPlan(number=0))
    there.session.begin()
    with ended_after(there.session):
        return sum(chunk.rows for chunk in there.session.read(request))

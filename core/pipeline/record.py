"""What is noted of an object before it is read, and compared after its last row.

A snapshot doesn't always cover the shape: reading as of an earlier point in time may silently give today's
columns. So the definition is recorded before the snapshot is taken and compared after the last part.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from connectors.base import ObjectDdl, Session, TableShape
from core.errors import NotFound, SchemaChanged, SourceError
from core.model.choice import statement_of
from core.model.settings import ExportSettings
from core.model.task import Column
from core.model.vocabulary import ObjectRef
from core.pipeline.resolve import near


@dataclass(frozen=True, slots=True)
class Recorded:
    """An object's definition at one moment. `shape` is None where the object has no rows (or, for a schema
    alone, where they can't be described); `ddl` is None where no schema was asked for."""

    ref: ObjectRef
    shape: TableShape | None
    ddl: ObjectDdl | None

    @property
    def fingerprint(self) -> str:
        """A digest that changes with the schema, where one was asked for, or with the columns."""
        digest = hashlib.sha256()
        if self.ddl is not None:
            digest.update(self.ddl.fingerprint.encode())
        if self.shape is not None:
            for column in self.shape.columns:
                digest.update(f"\0{column.name}\0{column.type}\0{column.insertable}".encode())
        return digest.hexdigest()

    @property
    def columns(self) -> tuple[Column, ...]:
        if self.shape is None:
            return ()
        return tuple(Column(name=column.name, type=column.type) for column in self.shape.columns)

    @property
    def warnings(self) -> tuple[str, ...]:
        return (*(self.shape.warnings if self.shape else ()), *(self.ddl.notes if self.ddl else ()))


def record(session: Session, settings: ExportSettings, database: str, ref: ObjectRef) -> Recorded:
    """An object's definition as it is now. Raises NotFound, NoPrivilege, BrokenObject."""
    with_schema = settings.content.schema and ref.type.stored
    ddl = session.ddl(database, ref, settings.schema.flavour) if with_schema else None
    shape = None
    if ref.type.has_data:
        try:
            shape = shape_of(session, settings, database, ref)
        except SourceError as error:
            # A view whose table is gone still has a schema to export.
            if error.transient or settings.takes_rows(ref):
                raise
    return Recorded(ref, shape, ddl)


def shape_of(session: Session, settings: ExportSettings, database: str, ref: ObjectRef) -> TableShape:
    """What is read of an object by these settings: its columns without those that are left out, or the result
    of the query of its name. Raises NotFound for the object or a column that was named, NoPrivilege,
    BrokenObject, StatementFailed."""
    if not ref.type.stored:
        return session.describe_query(database, ref, statement_of(settings.queries[ref.name]))
    shape = session.describe(database, ref)
    choice = settings.choice_of(ref)
    if choice is None or not (choice.columns or choice.exclude):
        return shape
    known = [column.name for column in shape.columns]
    for name in (*choice.columns, *choice.exclude):
        if name not in known:
            raise NotFound(f"{ref} has no column {name!r}.", near(name, known))
    wanted = set(choice.columns) or set(known) - set(choice.exclude)
    kept = tuple(column for column in shape.columns if column.name in wanted)
    if not kept:
        raise NotFound(f"No column of {ref} is left.", "Leave out fewer of them, or leave the object out.")
    key = shape.key if wanted.issuperset(shape.key) else ()
    size = None if shape.bytes is None else shape.bytes * len(kept) // len(known)
    return replace(shape, columns=kept, key=key, bytes=size, chosen=True)


def check_unchanged(before: str, now: Recorded) -> None:
    """Raises SchemaChanged where the fingerprint `before` isn't that of `now`."""
    if before != now.fingerprint:
        raise SchemaChanged(
            f"The definition of {now.ref} changed while it was being exported.",
            "Retry when no schema change is under way.",
        )

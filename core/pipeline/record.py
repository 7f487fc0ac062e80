"""What is noted of an object before it is read, and compared after its last row.

A snapshot doesn't always cover the shape: reading as of an earlier point in time may silently give today's
columns. So the definition is recorded before the snapshot is taken and compared after the last part.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from connectors.base import ObjectDdl, Session, TableShape
from core.errors import SchemaChanged, SourceError
from core.model.settings import ExportSettings
from core.model.task import Column
from core.model.vocabulary import ObjectRef


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
    ddl = session.ddl(database, ref, settings.schema.flavour) if settings.content.schema else None
    shape = None
    if ref.type.has_data:
        try:
            shape = session.describe(database, ref)
        except SourceError as error:
            # A view whose table is gone still has a schema to export.
            if error.transient or settings.takes_rows(ref):
                raise
    return Recorded(ref, shape, ddl)


def check_unchanged(before: str, now: Recorded) -> None:
    """Raises SchemaChanged where the fingerprint `before` isn't that of `now`."""
    if before != now.fingerprint:
        raise SchemaChanged(
            f"The definition of {now.ref} changed while it was being exported.",
            "Retry when no schema change is under way.",
        )

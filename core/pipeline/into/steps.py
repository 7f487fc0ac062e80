"""What is done to one table or object there, by what is wanted and what is there."""

from __future__ import annotations

from dataclasses import dataclass, replace

from connectors.base import ObjectDdl, SourceColumn, TableShape
from connectors.target_rules import Refused, TargetColumn
from connectors.targets import Definition, Step, TableJob, Work
from core.errors import NotFound, OfframpError, TargetExists, Unfitting, UsageError
from core.model.into import Existing, Into
from core.model.settings import ExportSettings
from core.model.vocabulary import ObjectRef, ObjectType
from core.pipeline.into.there import There


@dataclass(frozen=True, slots=True)
class Wanted:
    """An object of the source. `shape` where rows leave or it is a table; `ddl` where definitions leave."""

    number: int
    ref: ObjectRef
    shape: TableShape | None
    ddl: ObjectDdl | None
    rows: bool


@dataclass(frozen=True, slots=True)
class Made:
    """A step, and what a person should know about it. `shape` are the columns that are read for it."""

    step: Step
    shape: TableShape | None = None
    notes: tuple[str, ...] = ()


def step_of(settings: ExportSettings, source: str, database: str, there: There, wanted: Wanted) -> Made:
    """What is to be done for an object of `database`, of a source of the family `source`. Raises what makes
    it impossible: TargetExists, NotFound, Unfitting, UsageError."""
    if wanted.rows or wanted.ref.type is ObjectType.TABLE:
        return _table(settings, source, database, there, wanted)
    return _definition(settings, source, database, there, wanted)


def _definition(settings: ExportSettings, source: str, database: str, there: There, wanted: Wanted) -> Made:
    if wanted.ddl is None:
        raise UsageError(f"{wanted.ref} has nothing that could go there.", "Leave it out.")
    _check_definitions(source, database, there, wanted.ref)
    exists = _exists(there, wanted.ref)
    if exists and _existing(settings) is Existing.CREATE:
        raise _taken(wanted.ref, there)
    return Made(Definition(wanted.ref, wanted.ddl, replace=_existing(settings) is Existing.REPLACE))


def _exists(there: There, ref: ObjectRef) -> bool:
    if ref.type.has_data or ref.type is ObjectType.SEQUENCE:
        return there.find(ref.name) is not None
    # An index belongs to its table, and comes with it.
    return ref in there.refs and ref.type is not ObjectType.INDEX


def _check_definitions(source: str, database: str, there: There, ref: ObjectRef) -> None:
    """Raises UsageError where a definition of the source means nothing there."""
    if source != there.family:
        raise UsageError(
            f"The definition of {ref} is for another kind of database than {there.product}.",
            "Use --content data: tables are then made by the rules for types. Or exclude it.",
        )
    if there.family == "postgresql" and database != there.database:
        raise UsageError(
            f"Definitions of PostgreSQL name their schema: {ref} can only go into a schema {database!r}.",
            "Use --content data: tables are then made by the rules for types.",
        )


def _existing(settings: ExportSettings) -> Existing:
    return settings.into.existing if settings.into is not None else Existing.CREATE


def _taken(ref: ObjectRef, there: There) -> TargetExists:
    return TargetExists(
        f"{there.database} of connection {there.connection.name!r} has a {ref.name!r} already.",
        "Use --tables append or --tables replace, or another database.",
    )


def _table(settings: ExportSettings, source: str, database: str, there: There, wanted: Wanted) -> Made:
    if wanted.shape is None:
        raise NotFound(f"The columns of {wanted.ref} aren't known.")
    work = _work(settings, there, wanted.ref)
    if not work.makes:
        return _into_existing(source, there, wanted, wanted.shape, work)
    whole = wanted.ref.type is ObjectType.TABLE and not wanted.shape.chosen
    own = source == there.family and wanted.ddl is not None and whole
    if wanted.ddl is not None and (own or not wanted.rows):
        _check_definitions(source, database, there, wanted.ref)
        shape = _readable(wanted.shape)
        columns = tuple(there.rules.column(source, column, key=False) for column in shape.columns)
        job = TableJob(wanted.number, wanted.ref, work, columns, ddl=wanted.ddl, rows=wanted.rows)
        return Made(job, shape)
    return _by_rules(source, there, wanted, wanted.shape, work)


def _work(settings: ExportSettings, there: There, ref: ObjectRef) -> Work:
    found = there.find(ref.name)
    match _existing(settings):
        case Existing.CREATE if found is not None:
            raise _taken(ref, there)
        case Existing.APPEND if found is None:
            raise NotFound(
                f"{there.database} of connection {there.connection.name!r} has no table {ref.name!r}.",
                "Use --tables create, or replace, which makes what isn't there.",
            )
        case Existing.APPEND | Existing.REPLACE if found is not None and found.type is not ObjectType.TABLE:
            raise TargetExists(f"{found} is there, and is no table.", "Use another database.")
        case Existing.APPEND:
            return Work.APPEND
        case Existing.REPLACE if found is not None:
            return Work.TABLE if settings.content.schema else Work.ROWS
    return Work.CREATE


def _readable(shape: TableShape) -> TableShape:
    """Without what the server works out by itself: a table of the same definition does so too."""
    return replace(shape, columns=tuple(column for column in shape.columns if column.insertable))


def _by_rules(source: str, there: There, wanted: Wanted, shape: TableShape, work: Work) -> Made:
    columns = tuple(
        there.rules.column(source, column, key=column.name in shape.key) for column in shape.columns
    )
    key = shape.key
    notes = [column.note for column in columns if column.note]
    if not all(there.rules.can_be_key(column) for column in columns if column.name in key):
        key = ()
        notes.append(f"No primary key ({', '.join(shape.key)}): its types can't be one there.")
    # A primary key has no NULL in it, whatever the source says of a view's columns.
    columns = tuple(replace(c, nullable=False) if c.name in key else c for c in columns)
    return Made(TableJob(wanted.number, wanted.ref, work, columns, key), shape, tuple(notes))


def _into_existing(source: str, there: There, wanted: Wanted, shape: TableShape, work: Work) -> Made:
    present = there.shape(wanted.ref.name)
    by_name = _by_name(present)
    found: list[TargetColumn] = []
    read: list[SourceColumn] = []
    problems: list[str] = []
    for column in shape.columns:
        here = by_name.get(column.name) or by_name.get(column.name.casefold())
        if here is None:
            problems.append(f"column {column.name} isn't there.")
        elif not here.insertable:
            continue  # worked out there
        else:
            taken = there.rules.into(source, column, here)
            if isinstance(taken, Refused):
                problems.append(taken.words)
            else:
                found.append(taken)
                read.append(column)
    if not found and not problems:
        problems.append("no column of it can be filled.")
    if problems:
        raise _unfit(wanted.ref, problems)
    notes = tuple(column.note for column in found if column.note)
    return Made(
        TableJob(wanted.number, wanted.ref, work, tuple(found)), replace(shape, columns=tuple(read)), notes
    )


def _by_name(present: TableShape) -> dict[str, SourceColumn]:
    """Columns by name, and by the name without case where that means one."""
    exact = {column.name: column for column in present.columns}
    folded: dict[str, SourceColumn] = {}
    for column in present.columns:
        folded.setdefault(column.name.casefold(), column)
    return folded | exact


def _unfit(ref: ObjectRef, problems: list[str]) -> OfframpError:
    more = f" And {len(problems) - 3} more." if len(problems) > 3 else ""
    return Unfitting(
        f"The table there can't take {ref}: {' '.join(problems[:3])}{more}",
        "Change the table, leave columns out, or use --tables replace with schema+data.",
    )


def describes(into: Into, there: There) -> str:
    """`public of PostgreSQL (connection 'warehouse')`."""
    return f"{there.database} of {there.product} (connection {into.connection!r})"

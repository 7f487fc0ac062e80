"""Each object of a task, looked at before anything is read: its definition, what is known of its size,
whether its rows can be read.

In go the settings and the objects as the server lists them; out come `CheckedObject`s in the order in which
they will run, each with the error that will make it fail, if there is one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from connectors.base import ObjectInfo, Session
from core import formats
from core.errors import NotFound, OfframpError, SchemaChanged, SourceError, UsageError
from core.model.mark import Mark
from core.model.settings import ExportSettings
from core.model.vocabulary import Encoding, Format, ObjectRef
from core.pipeline.marks import Chosen, choose
from core.pipeline.record import Recorded, record
from core.pipeline.resolve import in_order

# What a run manages at least, for saying how long one may take: the slowest of the measured sources, halved.
ROWS_PER_SECOND = 80_000
BYTES_PER_SECOND = 20_000_000
# What a value costs in a file beyond its bytes in the database, roughly: separators, quotes, hex digits.
# Bytes of a file for a byte of the table, uncompressed: space that is short is said before anything is read.
GROWTH = {Format.CSV: 1.2, Format.SQL: 1.4, Format.JSONL: 2.0, Format.PARQUET: 1.0, Format.ARROW: 1.2}
WIDTH = {Encoding.UTF_16: 2, Encoding.UTF_32: 4}
ROW_BYTES = 100
SCHEMA_BYTES = 4096
# Seconds between looks at an object that somebody is changing.
CHANGE_PAUSES = (0.1, 0.5, 2.0)


@dataclass(frozen=True, slots=True)
class CheckedObject:
    """An object as the preflight found it. `rows` and `bytes` are the server's estimates, None where it has
    none; `output_bytes` is what its files may take; `keyed`: it has a key along which it may be cut.
    `problem` is what will make it fail; `chosen` tells what is new of it, where only that is taken; `files`
    are what its data files will be called, as far as somebody wants to know."""

    ref: ObjectRef
    rows: int | None = None
    bytes: int | None = None
    output_bytes: int = 0
    needs: tuple[ObjectRef, ...] = ()
    fingerprint: str = ""
    warnings: tuple[str, ...] = ()
    keyed: bool = False
    problem: OfframpError | None = None
    chosen: Chosen | None = None
    files: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """How long reading it may take, by the estimates."""
        return max((self.rows or 0) / ROWS_PER_SECOND, (self.bytes or 0) / BYTES_PER_SECOND)


def listed(session: Session, database: str, refs: Iterable[ObjectRef]) -> tuple[ObjectInfo, ...]:
    """These objects with what the server's list says of them; bare where it has them no more."""
    refs = list(refs)
    types = sorted({ref.type for ref in refs if ref.type.stored})
    known = {info.ref: info for info in session.objects(database, types)}
    return tuple(known.get(ref, ObjectInfo(ref)) for ref in refs)


def check_objects(
    session: Session,
    settings: ExportSettings,
    database: str,
    wanted: Iterable[ObjectInfo],
    *,
    marks: Mapping[str, Mark],
    check: Callable[[], None],
) -> list[CheckedObject]:
    """`marks`: how far the task's export has read each object (`TYPE:NAME`). Raises ConnectionLost and the
    like, and whatever `check` raises, which is called before each object."""
    checked = {}
    wanted = tuple(wanted)
    with session.survey(database, [info.ref for info in wanted]):
        for info in wanted:
            check()
            checked[info.ref] = _check_object(session, settings, database, info, marks.get(str(info.ref)))
    return [checked[ref] for ref in in_order({ref: item.needs for ref, item in checked.items()})]


def _check_object(
    session: Session, settings: ExportSettings, database: str, info: ObjectInfo, known: Mark | None
) -> CheckedObject:
    chosen = None
    try:
        recorded = _look_at(session, settings, database, info.ref)
        if settings.takes_rows(info.ref) and recorded.shape is not None:
            chosen = choose(session, settings, database, recorded.shape, known)
    except (SourceError, NotFound, UsageError) as error:
        if error.transient:
            raise
        return CheckedObject(info.ref, info.rows, info.bytes, problem=error)
    shape = recorded.shape
    rows = info.rows if shape is None or shape.rows is None else shape.rows
    size = info.bytes if shape is None or shape.bytes is None else shape.bytes
    if settings.where_of(info.ref) is not None or (chosen and chosen.column and known and known.value):
        rows = size = None  # of what a condition or a mark leaves, nobody has an estimate
    output = SCHEMA_BYTES if settings.content.schema else 0
    if settings.takes_rows(info.ref) and shape is not None:
        guess = size if size is not None else (rows or 0) * ROW_BYTES
        output += int(guess * GROWTH[settings.format] * WIDTH.get(settings.encoding, 1))
    return CheckedObject(
        ref=info.ref,
        rows=rows,
        bytes=size,
        output_bytes=output,
        needs=recorded.ddl.needs if recorded.ddl else (),
        fingerprint=recorded.fingerprint,
        warnings=recorded.warnings,
        keyed=shape is not None and bool(shape.key),
        chosen=chosen,
    )


def _look_at(session: Session, settings: ExportSettings, database: str, ref: ObjectRef) -> Recorded:
    """An object's definition, by which its rows can be read. One that is being changed is looked at anew."""
    for pause in (*CHANGE_PAUSES, None):
        try:
            recorded = record(session, settings, database, ref)
            if settings.takes_rows(ref) and recorded.shape is not None:
                session.check_readable(database, recorded.shape, settings.where_of(ref))
                if settings.into is None:
                    formats.check(settings, recorded.shape)
            break
        except SchemaChanged:
            if pause is None:
                raise
        time.sleep(pause)
    return recorded

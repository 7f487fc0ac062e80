"""Whether there is anything new for an export, as cheaply as its source can tell."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence

from connectors.base import Session
from connectors.marks import Marks
from core.errors import UsageError
from core.model.mark import Mark, Window, greatest
from core.model.settings import ExportSettings
from core.model.vocabulary import ObjectRef
from core.pipeline.marks import choose, proposed
from core.pipeline.record import record
from core.pipeline.resolve import resolve_objects

# Where something has changed so lately that the source's sign can't tell another change from it.
PAUSES = (1.0, 1.5, 2.0)


def look(
    session: Session,
    settings: ExportSettings,
    default: str | None,
    known: Mapping[str, Mark],
    exported: str | None,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[str, bool]:
    """A sign of the source's state, and whether something has changed since it was `exported`. `known` are
    the marks of an export that takes only what is new: there it counts what lies behind them. Raises
    UsageError where it can't be told, NotFound, SourceError."""
    marks = session.marks
    resolved = resolve_objects(session, settings, default)
    refs = [info.ref for info in resolved.objects if settings.takes_rows(info.ref)]
    if marks is None or not refs:
        raise UsageError(
            f"{session.server.product} doesn't tell whether there is anything new for this export.",
            "Give it a schedule instead: --every or --cron.",
        )
    sign = _sign(marks, resolved.database, refs, () if settings.window is Window.NEW else PAUSES, sleep)
    if settings.window is Window.ALL:
        if sign is None:
            sign = _counted(session, marks, settings, resolved.database, refs)
        return sign, sign != exported
    # Marks that were moved by hand make what was known old.
    behind = ";".join(f"{name}={mark.value}" for name, mark in sorted(known.items()))
    if sign is not None:
        sign = _digest(sign + "|" + behind)
        if sign == exported:
            return sign, False
    newest, fresh = _behind(session, marks, settings, resolved.database, refs, known=known)
    return sign or _digest(newest + "|" + behind), fresh


def _sign(
    marks: Marks,
    database: str,
    refs: Sequence[ObjectRef],
    pauses: Sequence[float],
    sleep: Callable[[float], None],
) -> str | None:
    if not all(ref.type.stored for ref in refs):
        return None
    sign = marks.sign(database, refs)
    for pause in pauses:
        if sign is not None:
            break
        sleep(pause)
        sign = marks.sign(database, refs)
    return None if sign is None else _digest(sign)


def _behind(
    session: Session,
    marks: Marks,
    settings: ExportSettings,
    database: str,
    refs: Sequence[ObjectRef],
    *,
    known: Mapping[str, Mark],
) -> tuple[str, bool]:
    """The newest marks, and whether one is behind what has been read."""
    found, fresh, told = [], False, False
    for ref in refs:
        shape = record(session, settings, database, ref).shape
        mark = known.get(str(ref))
        chosen = choose(session, settings, database, shape, mark) if shape is not None else None
        if shape is None or chosen is None or chosen.column is None:
            continue
        told = True
        newest = marks.newest(database, shape, chosen.column)
        found.append(f"{ref}={newest}")
        read = mark.value if mark is not None else None
        if newest is not None and greatest([newest, read], chosen.column.kind) != read:
            fresh = True
    if not told:
        raise UsageError(
            "No object of this export has a mark by which new rows could be known.",
            "Name one: --mark TABLE=COLUMN.",
        )
    return ";".join(found), fresh


def _counted(
    session: Session, marks: Marks, settings: ExportSettings, database: str, refs: Sequence[ObjectRef]
) -> str:
    """How many rows there are, and the newest mark, where the source has no cheaper sign."""
    found = []
    for ref in refs:
        shape = record(session, settings, database, ref).shape
        column = (
            proposed(marks.columns(database, shape)) if shape is not None and shape.query is None else None
        )
        if shape is None or column is None:
            raise UsageError(
                f"{session.server.product} doesn't tell when {ref} has changed, and no column of it does.",
                "Give the export a schedule instead: --every or --cron.",
            )
        every = marks.condition(database, shape, column, None, None)
        there = marks.ahead(database, shape, column, every)
        found.append(f"{ref} {there.rows} {there.lowest} {there.highest}")
    return _digest(";".join(found))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]

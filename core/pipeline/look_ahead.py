"""What the next run of an export of new rows would read of an object, counted and not read."""

from __future__ import annotations

from connectors.base import Session
from connectors.marks import Ahead
from core.errors import UsageError
from core.model.mark import Mark
from core.model.settings import ExportSettings
from core.model.vocabulary import ObjectRef
from core.pipeline.fresh import both
from core.pipeline.marks import Chosen, choose
from core.pipeline.record import record


def look_ahead(
    session: Session, settings: ExportSettings, database: str, ref: ObjectRef, known: Mark | None
) -> tuple[Chosen, Ahead, int]:
    """Its mark; how many rows lie behind where it stands, and from where to where; and how many before that
    are looked at again. Raises UsageError where it has no mark, NotFound, SourceError."""
    shape = record(session, settings, database, ref).shape
    chosen = choose(session, settings, database, shape, known) if shape is not None else None
    if chosen is None or shape is None:
        raise UsageError(f"{ref} has no rows.")
    column, marks = chosen.column, session.marks
    if column is None or marks is None:
        return chosen, Ahead(shape.rows or 0), 0
    where = settings.where_of(ref)
    value = known.value if known is not None else None
    new = marks.condition(database, shape, column, value, None, above=True)
    ahead = marks.ahead(database, shape, column, both(where, new) or new)
    again = 0
    if known is not None and known.floor is not None and not known.above:
        old = marks.condition(database, shape, column, known.floor, value)
        again = marks.ahead(database, shape, column, both(where, old) or old).rows
    return chosen, ahead, again

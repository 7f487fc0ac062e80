"""Objects of many files: how large parts are, who may read them at once, what is said of it before."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from connectors.base import Session, Sharing, TableShape
from core.model.connection import Connection
from core.model.settings import ExportSettings
from core.model.vocabulary import Consistency, Lock

if TYPE_CHECKING:
    from core.pipeline.checked import CheckedObject

# Small enough that processes share the work evenly, large enough that a part's end costs nothing beside it.
ROWS_PER_FILE = 250_000


def rows_per_file(settings: ExportSettings) -> int:
    """Rows of a part with files of its own. With a limit of rows, it fills a whole number of files."""
    limit = settings.files.max_records
    return ROWS_PER_FILE if limit is None else limit * max(1, ROWS_PER_FILE // limit)


def may_be_cut(settings: ExportSettings, shape: TableShape) -> bool:
    """Whether an object may become several parts with files of their own, by what is known of it."""
    if settings.files.single or not shape.key:
        return False
    most = rows_per_file(settings)
    return shape.rows is None or shape.rows > min(most, settings.load.statement_rows or most)


def together(settings: ExportSettings, session: Session) -> bool:
    """Whether parts of an object may be read by several sessions."""
    if settings.files.single or not settings.content.data:
        return False
    if settings.consistency is Consistency.PART or session.sharing is Sharing.SNAPSHOT:
        return True
    return session.sharing is Sharing.LOCK and settings.lock is Lock.BRIEF


def words(
    session: Session,
    settings: ExportSettings,
    checked: Collection[CheckedObject],
    connection: Connection | None = None,
) -> Iterator[str]:
    """What a person should know about parts before they are read, through `connection`."""
    files = settings.files
    alone = files.parts == 1 or (connection is not None and connection.readers(2) < 2)
    locks = session.sharing is Sharing.LOCK and settings.lock is Lock.BRIEF
    needed = locks and not files.single and not alone and settings.consistency is not Consistency.PART
    if locks and not needed:
        yield "The brief lock isn't needed: one session reads what is of one point in time, so none is taken."
    if files.single or not settings.content.data:
        return
    if needed:
        what = "the task" if settings.consistency is Consistency.TASK else "each large table"
        yield (
            f"FLUSH TABLES WITH READ LOCK is held for a moment before {what} is read: writers wait meanwhile."
        )
    elif not together(settings, session) and not alone:
        way = "--lock brief or " if session.sharing is Sharing.LOCK else ""
        yield (
            f"Parts are read one after another: sessions of {session.server.product} don't come to the same "
            f"point in time. For parts at once use {way}--consistency part."
        )
    if connection is not None and files.parts is not None and together(settings, session):
        yield from _fewer(connection, files.parts)
    limit = rows_per_file(settings)
    uncut = [
        item.ref
        for item in checked
        if settings.takes_rows(item.ref) and not item.keyed and (item.rows is None or item.rows > limit)
    ]
    if uncut:
        names = ", ".join(map(str, uncut[:5]))
        more = f" and {len(uncut) - 5} more" if len(uncut) > 5 else ""
        yield f"Without a key that parts could be cut along, these are read in one stream: {names}{more}."


def _fewer(connection: Connection, asked: int) -> Iterator[str]:
    """What is said where a connection allows fewer parts at once than are asked for."""
    readers = connection.readers(asked)
    if readers < asked:
        how = f"{readers} at once" if readers > 1 else "one after another"
        yield (
            f"Parts are read {how}, not {asked} at once: connection {connection.name!r} allows a task "
            f"{connection.session_limit} sessions (--session-limit), its own included."
        )

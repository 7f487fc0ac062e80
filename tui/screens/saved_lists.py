"""The lists of what is saved, without their tables: by what they are sorted, and what a filter leaves.

They are short beside that of the tasks, and all of one is read at once: filtered and sorted here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from core.model.vocabulary import TaskStatus
from core.service import watch_words, words
from core.service.saved import Destination, Room, SavedConnection, SavedExport
from tui import filters
from tui.filters import Filter
from tui.runs import EMPTY, Line, run
from tui.screens import connection_rows, export_rows
from tui.state import ListView
from tui.widgets.list_bar import Order

T = TypeVar("T")
Keys = Mapping[str, Callable[[T], Any]]

NEVER = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)

EXPORT_ORDERS = (
    Order(id="name", label="Export", key="e"),
    Order(id="connection", label="Connection", key="c"),
    Order(id="what", label="What", key="w"),
    Order(id="trigger", label="Trigger", key="g"),
    Order(id="state", label="Status of the last run", key="s"),
    Order(id="when", label="Time of the last run", key="t", descending=True),
    Order(id="next", label="Time of the next run", key="n"),
    Order(id="rows", label="Rows", key="r", descending=True),
    Order(id="form", label="Form", key="f"),
    Order(id="to", label="To", key="d"),
)
CONNECTION_ORDERS = (
    Order(id="name", label="Connection", key="c"),
    Order(id="mode", label="Mode", key="m"),
    Order(id="place", label="Place", key="p"),
    Order(id="test", label="Last test", key="t"),
    Order(id="used", label="Used by", key="u", descending=True),
    Order(id="server", label="Server", key="v"),
    Order(id="user", label="User", key="o"),
)
DIRECTORY_ORDERS = (
    Order(id="directory", label="Destination", key="d"),
    Order(id="free", label="Free", key="f"),
    Order(id="exports", label="Exports", key="e", descending=True),
)

# A filter as each list reads it; raise InvalidValue.
export_filter = partial(filters.parse, since=None)
connection_filter = partial(filters.parse, keys=("conn",), since=None)
directory_filter = partial(filters.parse, keys=(), since=None)


def exports(items: Sequence[SavedExport], view: ListView, now: datetime) -> list[SavedExport]:
    wanted = export_filter(view.filter)
    keys: Keys[SavedExport] = {
        "name": lambda item: item.export.name.casefold(),
        "connection": lambda item: item.export.settings.connection.casefold(),
        "what": lambda item: export_rows.what(item.export).casefold(),
        "state": lambda item: list(TaskStatus).index(item.last.status) if item.last else len(TaskStatus),
        "when": lambda item: export_rows.when(item.last) if item.last else NEVER,
        "trigger": lambda item: watch_words.trigger(item.export),
        "next": lambda item: item.due or LAST,
        "rows": lambda item: item.last.processed_rows if item.last else -1,
        "form": lambda item: export_rows.form(item.export),
        "to": lambda item: item.export.directory,
    }
    return _sorted([item for item in items if _export_fits(item, wanted, now)], view, keys)


def _export_fits(item: SavedExport, wanted: Filter, now: datetime) -> bool:
    export, last = item.export, item.last
    if wanted.statuses and (last is None or last.status not in wanted.statuses):
        return False
    if wanted.since is not None and (
        last is None or (last.status.ended and export_rows.when(last) < now - wanted.since)
    ):
        return False
    texts = (export.name, export.settings.connection, export_rows.what(export), export.directory)
    return wanted.fits((*texts, export_rows.form(export)), export.settings.connection)


def connections(items: Sequence[SavedConnection], view: ListView) -> list[SavedConnection]:
    wanted = connection_filter(view.filter)

    def texts(item: SavedConnection) -> Iterable[str]:
        found = item.connection
        yield from (found.name, found.mode.label, found.place, found.user or "", connection_rows.server(item))
        yield from item.exports

    keys: Keys[SavedConnection] = {
        "name": lambda item: item.connection.name.casefold(),
        "mode": lambda item: item.connection.mode.label,
        "place": lambda item: item.connection.place,
        "test": lambda item: bool(item.last_test["ok"]) if item.last_test else 2,
        "used": lambda item: (len(item.exports), len(item.tasks)),
        "server": connection_rows.server,
        "user": lambda item: item.connection.user or "",
    }
    left = [item for item in items if wanted.fits(texts(item), item.connection.name)]
    return _sorted(left, view, keys)


def directories(items: Sequence[Destination], view: ListView, rooms: Mapping[str, Room]) -> list[Destination]:
    wanted = directory_filter(view.filter)
    keys: Keys[Destination] = {
        "directory": lambda item: item.directory,
        "free": lambda item: rooms[item.directory].free if item.directory in rooms else 0,
        "exports": lambda item: len(item.exports),
    }
    left = [item for item in items if wanted.fits((item.directory, _url(item), *item.exports), "")]
    return _sorted(left, view, keys)


def _url(item: Destination) -> str:
    return item.named.destination.url if item.named is not None else ""


def _sorted(items: list[T], view: ListView, keys: Keys[T]) -> list[T]:
    """Equal ones stay in the order that they come in: by name."""
    return sorted(items, key=keys[view.order], reverse=view.descending)


def counted(shown: int, total: int, noun: str) -> Line:
    """`4 exports`, `2 of 4 exports`."""
    return run(
        words.count(total, noun) if shown == total else f"{shown} of {words.count(total, noun)}", "dim"
    )


def nothing_left(noun: str) -> list[Line]:
    """What a list says that a filter has emptied."""
    return [run(f"No {noun} matches the filter."), EMPTY, run("Esc clears it.", "dim")]

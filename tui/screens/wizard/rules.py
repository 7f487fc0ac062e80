"""The rules of the form, each at its field, in the words of the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from core.errors import InvalidValue
from core.model.destination import check_place, leaves, place_of
from core.model.file_settings import IfExists, check_remote
from core.model.format_settings import SqlRows
from core.model.into import PREFIX
from core.model.settings import Export, ExportSettings, check_export_name
from core.model.vocabulary import Format, Mode, ObjectPattern, ObjectType
from tui.cli.paths import absolute
from tui.screens.wizard import filed, new_rows, repeating
from tui.screens.wizard.data_files import csv_of, level_of, parquet_of, sql_of
from tui.screens.wizard.draft import EXPORT, PARTIAL, TASK, Draft
from tui.screens.wizard.texts import notify_from, number, split

WITH_PRIVILEGES = (Mode.POSTGRESQL, Mode.ORACLE)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known around the form. `opened`: when it was opened, which names directories. `taken`: names of
    saved exports; `edits`: the one that is edited, `edited` as it is in the store; `base`: where exports go
    by default. `refused`: why a task can't have a directory, as far as that was looked at. `databases` and
    `kinds` (objects by type) are None until the server has told; `database` is the one that is looked into
    where none was chosen. `mode` is the connection's."""

    now: datetime
    opened: datetime
    taken: frozenset[str] = frozenset()
    edits: str | None = None
    edited: Export | None = None
    base: str = ""
    refused: Mapping[str, str] = field(default_factory=dict)
    connections: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    databases: tuple[str, ...] | None = None
    database: str = ""
    kinds: Mapping[ObjectType, int] | None = None
    oceanbase: bool = False
    mode: Mode | None = None


def problems(draft: Draft, known: Known) -> dict[str, str]:
    """What is wrong, by field, in the words of the model. Empty where it can be started."""
    found: dict[str, str] = {}
    for name, text in _problems(draft, known):
        if text:
            found.setdefault(name, text)
    if len(found) > 1:
        # What the whole complains about is said at a field already.
        found.pop("", None)
    return found


def _problems(draft: Draft, known: Known) -> Iterator[tuple[str, str]]:
    yield "connection", "" if draft.connection else "A connection is needed."
    if draft.connection and known.connections and draft.connection not in known.connections:
        yield "connection", f"There is no connection {draft.connection!r} any more."
    if known.databases is not None and draft.connection:
        wanted = draft.database or known.database
        if not wanted:
            yield "database", "A database is needed."
        elif wanted not in known.databases:
            yield "database", f"There is no database {wanted!r}, or this account doesn't see it."
    yield "patterns", _wrong(lambda: [ObjectPattern.parse(text) for text in split(draft.patterns)])
    yield "exclude", _wrong(lambda: [ObjectPattern.parse(text) for text in split(draft.exclude)])
    queries = draft.rows.queries
    if draft.range == PARTIAL and not (draft.selected or draft.patterns.strip() or queries):
        yield "objects", "At least one object."
    yield from _data_problems(draft, known)
    if draft.schema().privileges and known.mode not in (None, *WITH_PRIVILEGES):
        yield "privileges", "Only PostgreSQL's and Oracle's privileges are exported."
    if draft.to_files:
        yield from filed.problems(draft.filed, data=draft.content.data)
    yield "retry_limit", _wrong(lambda: number(draft.retry_limit))
    yield "notify", _wrong(lambda: notify_from(draft.notify))
    if known.oceanbase:
        yield "account", _wrong(draft.sys_account)
    yield from _place_problems(draft, known)
    yield "at", _wrong(lambda: draft.start(known.now))
    if draft.periodic:
        yield from repeating.problems(draft.repeat, known.opened)
    if draft.watched:
        yield from new_rows.watching_problems(draft.watching)
    if draft.only_new:
        yield from new_rows.problems(draft.fresh)
    yield "", _wrong(draft.check)


def _data_problems(draft: Draft, known: Known) -> Iterator[tuple[str, str]]:
    if draft.writes(Format.CSV):
        yield _csv_problem(draft)
    if draft.writes(Format.SQL):
        yield "batch_rows", _wrong(lambda: sql_of(draft))
        if draft.sql_rows is SqlRows.COPY and known.mode not in (None, Mode.POSTGRESQL):
            yield "sql_rows", "Only PostgreSQL's client loads rows behind COPY."
    if draft.text_applies:
        yield "compression_level", _wrong(lambda: _compressed(draft))
    if draft.writes(Format.PARQUET):
        trial = Draft(parquet_codec=draft.parquet_codec, parquet_level=draft.parquet_level)
        yield "parquet_level", _wrong(lambda: parquet_of(trial))
        yield "row_group_rows", _wrong(lambda: parquet_of(Draft(row_group_rows=draft.row_group_rows)))


def _compressed(draft: Draft) -> ExportSettings:
    """Raises InvalidValue where the compression has no such level."""
    return ExportSettings(
        connection="",
        all_objects=True,
        compression=draft.compression,
        compression_level=level_of(draft),
    )


def _place_problems(draft: Draft, known: Known) -> Iterator[tuple[str, str]]:
    name, target = draft.title(), draft.target(known.base, known.opened)
    if draft.keep == EXPORT:
        yield "name", _wrong(lambda: check_export_name(name))
        if name in known.taken and name != known.edits:
            yield "name", f"There is an export {name!r} already."
    elif draft.name is not None and not draft.name.strip():
        yield "name", "A name is needed."
    if not target.strip():
        yield "directory", "A directory is needed."
    elif not draft.to_files:
        yield "directory", _wrong(draft.into) or _connection_problem(draft, known)
    elif leaves(target.strip()):
        yield "directory", _place_problem(draft, target.strip(), known)
    elif draft.keep == TASK and draft.filed.if_exists is IfExists.FAIL:
        yield "directory", known.refused.get(path_of(target), "")


def _connection_problem(draft: Draft, known: Known) -> str:
    into = draft.into()
    if into is not None and known.connections and into.connection not in known.connections:
        return f"There is no connection {into.connection!r}."
    return ""


def _place_problem(draft: Draft, place: str, known: Known) -> str:
    """What is wrong with a place that files leave this machine for, as far as that can be said at once."""
    text = _wrong(lambda: check_place(place))
    if text:
        return text
    found = place_of(place)
    if found.name and found.name not in known.destinations:
        return f"There is no destination {found.name!r}."
    if draft.keep == TASK and not found.path:
        return "A task needs a directory below it."
    if found.url:
        files = filed.there(draft.filed, used=draft.place_is_used)
        return _wrong(lambda: check_remote(files, latest=draft.keep == EXPORT and draft.filed.latest))
    return ""


def _wrong(build: Callable[[], object]) -> str:
    try:
        build()
    except InvalidValue as error:
        return f"{error.message} {error.hint}".strip()
    return ""


def _csv_problem(draft: Draft) -> tuple[str, str]:
    """Of the CSV fields the first with which the whole can't be, in the form's order."""
    text = _wrong(lambda: csv_of(draft))
    if text:
        trial = Draft(format=Format.CSV)
        for name in ("separator", "quote", "null", "binary"):
            trial = replace(trial, **{name: getattr(draft, name)})
            if _wrong(partial(csv_of, trial)):
                return name, text
    return "separator", text


def path_of(text: str) -> str:
    """A place as typed: a URL or one below a destination as it is, a directory absolute; `~` is the home of
    whoever types it."""
    if leaves(text.strip()) or text.strip().startswith(PREFIX):
        return text.strip()
    return str(absolute(str(Path(text.strip()).expanduser()))) if text.strip() else ""


def export_of(draft: Draft, known: Known, settings: ExportSettings) -> Export:
    """Raises InvalidValue."""
    fields: dict[str, Any] = {
        "directory": path_of(draft.target(known.base, known.opened)),
        "settings": settings,
        "schedule": draft.repeat.schedule(known.opened) if draft.periodic else None,
        "watch": draft.watching.watch() if draft.watched else None,
        "fixed": draft.filed.fixed and draft.to_files,
        "latest": draft.filed.latest and draft.to_files,
    }
    if known.edited is not None:
        return msgspec.structs.replace(known.edited, **fields)
    return Export(name=draft.title(), **fields)

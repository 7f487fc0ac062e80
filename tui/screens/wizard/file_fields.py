"""The fields of the form about the files: how many, how large, how called and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import Any

from core.model.file_settings import Directories, Empty, IfExists
from core.model.vocabulary import Engine
from tui.screens.wizard.draft import EXPORT, Draft
from tui.screens.wizard.field import NO, YES, Field, Step, field
from tui.screens.wizard.filed import FIXED, LATEST, OWN, UNSAID
from tui.screens.wizard.rules import Known


def _get(name: str) -> Callable[[Draft, Known], str]:
    def get(draft: Draft, known: Known) -> str:
        del known
        value = getattr(draft.filed, name)
        if isinstance(value, bool):
            return YES if value else NO
        return str(value)

    return get


def _put(name: str) -> Callable[[Draft, str], Draft]:
    def put(draft: Draft, text: str) -> Draft:
        old = getattr(draft.filed, name)
        value: Any = text
        if isinstance(old, bool):
            value = text == YES
        elif isinstance(old, Enum):
            value = type(old)(text)
        return replace(draft, filed=replace(draft.filed, **{name: value}))

    return put


def _field(
    id: str,
    label: str,
    hint: str,
    options: tuple[tuple[str, str], ...] | None = None,
    *,
    shown: Callable[[Draft, Known], bool],
    step: Step = Step.FILES,
    name: str = "",
) -> Field:
    of = name or id
    return field(id, step, label, hint, options, shown=shown, get=_get(of), put=_put(of))


def _data(draft: Draft, known: Known) -> bool:
    return draft.content.data and draft.to_files


def _many(draft: Draft, known: Known) -> bool:
    return _data(draft, known) and draft.filed.many


def _dask(draft: Draft, known: Known) -> bool:
    """What was typed must be seen to be taken back."""
    return _many(draft, known) and (draft.filed.engine == Engine.DASK or bool(draft.filed.scheduler))


def _files(draft: Draft, known: Known) -> bool:
    return draft.to_files and not (draft.merge and not draft.content.data)


FILE_FIELDS: tuple[Field, ...] = (
    _field(
        "many",
        "Data files",
        "One for each object; or many, whose parts are read at the same time.",
        ((NO, "one for each"), (YES, "many at once")),
        shown=_data,
    ),
    _field(
        "parts",
        "Parts at once",
        "At most so many, each in a process. Empty: as the settings file says.",
        shown=_many,
    ),
    _field(
        "engine",
        "Parts read by",
        "Processes here, or a Dask cluster. Usual: as the destination has it, or the connection.",
        ((UNSAID, "usual"), (Engine.LOCAL, "this machine"), (Engine.DASK, "Dask")),
        shown=_many,
    ),
    _field(
        "scheduler",
        "Dask scheduler",
        "tcp://HOST:8786 or tls://HOST:8786. Empty: that of the destination or the connection.",
        shown=_dask,
    ),
    _field(
        "max_records", "Rows in a file", "At most; then the next file begins. Empty: no limit.", shown=_data
    ),
    _field(
        "max_size", "Size of a file", "At most, before compression: 500m, 2g. Empty: no limit.", shown=_data
    ),
    _field("prefix", "Prefix", "Stands before the name of each object's files; may be empty.", shown=_files),
    _field(
        "file_name",
        "Name",
        "{object}, {type}, {database}, {connection}, {export}, {task}, {part:05}, {date}, {time}.",
        shown=_data,
        name="name",
    ),
    _field(
        "directories",
        "Directories",
        "By type: TABLE/orders.csv. By object: TABLE/orders/orders.csv.",
        ((Directories.TYPES, "by type"), (Directories.OBJECTS, "by object"), (Directories.FLAT, "none")),
        shown=_files,
    ),
    _field(
        "empty",
        "Empty tables",
        "Of a table without rows: a file with its header, or none.",
        ((Empty.FILE, "a file"), (Empty.NONE, "no file")),
        shown=_data,
    ),
)

PLACE_FIELDS: tuple[Field, ...] = (
    _field(
        "place",
        "Runs go to",
        "Each run a directory of its own, with a link to the latest if wanted; or one for all.",
        ((OWN, "one each"), (LATEST, "and a link: latest"), (FIXED, "the same")),
        step=Step.DESTINATION,
        shown=lambda draft, known: draft.to_files and draft.keep == EXPORT,
    ),
    _field(
        "if_exists",
        "If it isn't empty",
        "Fail, take the next free name (-2), or replace an earlier run's.",
        ((IfExists.FAIL, "fail"), (IfExists.NEW, "next name"), (IfExists.REPLACE, "replace")),
        step=Step.DESTINATION,
        shown=lambda draft, known: draft.to_files and draft.place_is_used,
    ),
)

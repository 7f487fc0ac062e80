"""The fields about taking only what is new, and about running when there is new data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import Any

from core.model.mark import NullMarks, Window
from tui.screens.wizard.draft import Draft
from tui.screens.wizard.field import Field, Step, field
from tui.screens.wizard.rules import Known


def _get(group: str, name: str) -> Callable[[Draft, Known], str]:
    def get(draft: Draft, known: Known) -> str:
        del known
        return str(getattr(getattr(draft, group), name))

    return get


def _put(group: str, name: str) -> Callable[[Draft, str], Draft]:
    def put(draft: Draft, text: str) -> Draft:
        held = getattr(draft, group)
        old = getattr(held, name)
        value: Any = type(old)(text) if isinstance(old, Enum) else text
        return replace(draft, **{group: replace(held, **{name: value})})

    return put


def _field(
    id: str,
    name: str,
    label: str,
    hint: str,
    options: tuple[tuple[str, str], ...] | None = None,
    *,
    shown: Callable[[Draft, Known], bool],
    group: str = "fresh",
) -> Field:
    return field(
        id, Step.EXECUTION, label, hint, options, shown=shown, get=_get(group, name), put=_put(group, name)
    )


def _may_be_new(draft: Draft, known: Known) -> bool:
    del known
    return draft.may_be_new


def _new(draft: Draft, known: Known) -> bool:
    del known
    return draft.only_new


def _watched(draft: Draft, known: Known) -> bool:
    del known
    return draft.watched


NEW_FIELDS: tuple[Field, ...] = (
    _field("window", "window", "Rows", "All of them every time, or those that are new since the last run.",
           ((Window.ALL, "all"), (Window.NEW, "only new")), shown=_may_be_new),
    _field("mark", "mark", "Mark", "The column that grows: id; orders=id kinds= (all). Empty: the fittest.",
           shown=_new),
    _field("overlap_by", "overlap", "Look back",
           "For what is committed late: auto, 10m for times, 5000 for numbers.",
           shown=_new),
    _field("null_marks", "nulls", "NULL marks",
           "Rows without a mark: fail, leave them out, take them each time.",
           ((NullMarks.FAIL, "fail"), (NullMarks.SKIP, "skip"), (NullMarks.EACH, "each time")), shown=_new),
)  # fmt: skip

WATCH_FIELDS: tuple[Field, ...] = (
    _field("probe_every", "probe_every", "Ask every", "How often the source is asked: 30s, 1m, 2h.",
           shown=_watched, group="watching"),
    _field("settle", "settle", "Settle", "So long after a change a run begins: 10s.",
           shown=_watched, group="watching"),
    _field("min_interval", "min_interval", "At most every", "From one run's beginning to the next's: 1m.",
           shown=_watched, group="watching"),
)  # fmt: skip

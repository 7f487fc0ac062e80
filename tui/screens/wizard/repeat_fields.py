"""The fields that say when a saved export runs by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import Any

from core.model.schedule import Missed, Overlap, Unit
from core.zones import local_zone
from tui.screens.wizard.draft import Draft
from tui.screens.wizard.field import Field, Step, field
from tui.screens.wizard.repeating import CRON, EVERY
from tui.screens.wizard.rules import Known


def _get(name: str) -> Callable[[Draft, Known], str]:
    def get(draft: Draft, known: Known) -> str:
        del known
        return str(getattr(draft.repeat, name))

    return get


def _put(name: str) -> Callable[[Draft, str], Draft]:
    def put(draft: Draft, text: str) -> Draft:
        old = getattr(draft.repeat, name)
        value: Any = type(old)(text) if isinstance(old, Enum) else text
        return replace(draft, repeat=replace(draft.repeat, **{name: value}))

    return put


def _shown(*rules: str) -> Callable[[Draft, Known], bool]:
    return lambda draft, known: draft.periodic and draft.repeat.rule in (rules or (EVERY, CRON))


def _field(
    id: str,
    label: str,
    hint: str,
    options: tuple[tuple[str, str], ...] | None = None,
    *rules: str,
    name: str = "",
) -> Field:
    of = name or id
    return field(id, Step.EXECUTION, label, hint, options, shown=_shown(*rules), get=_get(of), put=_put(of))


REPEAT_FIELDS: tuple[Field, ...] = (
    _field("rule", "By", "So often from a start on, or by a cron expression.",
           ((EVERY, "so often"), (CRON, "cron expression"))),
    _field("every", "Every", "A number of hours, days, weeks or months.", None, EVERY),
    _field("unit", "Unit", "Months that lack the start's day have it at their end.",
           tuple((unit, str(unit)) for unit in Unit), EVERY),
    _field("cron", "Cron", "Minute, hour, day, month, day of week: 0 4 * * 1-5; or @daily.", None, CRON),
    _field("zone", "Zone", f"Where clock times are meant: Europe/Berlin. Empty: {local_zone()}.", None),
    _field("begin", "Not before", "2026-11-30T04:00 by the zone's clocks. Empty: now.", None, name="start"),
    _field("until", "Not after", "2026-12-31, or with a time. Empty: no end.", None),
    _field("runs", "Runs", "End after so many that were started. Empty: no end.", None),
    _field("overlap", "Overlap", "While the run before hasn't ended: leave it out, or run one behind it.",
           ((Overlap.SKIP, "skip"), (Overlap.QUEUE, "queue"))),
    _field("missed", "Missed", "A run that was due while nothing served: run it late, or leave it out.",
           ((Missed.RUN, "run late"), (Missed.SKIP, "skip"))),
)  # fmt: skip

"""What the first files will be called, below the fields that say so."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from heapq import nsmallest
from typing import TYPE_CHECKING

from core.errors import InvalidValue
from core.model.settings import ExportSettings
from core.model.vocabulary import ObjectRef, ObjectType
from tui.runs import Line, run
from tui.screens.wizard.draft import Draft
from tui.screens.wizard.field import Step
from tui.screens.wizard.rules import Known
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from core.service import Service
    from tui.app import OfframpApp

SHOWN = 2
EXAMPLE = ObjectRef(ObjectType.TABLE, "orders")


@dataclass(frozen=True, slots=True)
class _Asked:
    settings: ExportSettings
    refs: tuple[ObjectRef, ...]
    database: str
    name: str


class Called(Lines):
    """Shown in the step of the files. Names are made in a thread: what makes them loads a while."""

    DEFAULT_CSS = "Called { dock: bottom; height: 6; padding: 0 0 0 2; display: none; }"
    can_focus = False

    def __init__(self) -> None:
        super().__init__()
        self._asked: _Asked | None = None

    def put(self, app: OfframpApp, step: Step, draft: Draft, known: Known) -> None:
        shown = step is Step.FILES and draft.to_files
        if self.display != shown:
            self.display = shown
        if not shown:
            return
        try:
            asked = _asked(draft, known)
        except InvalidValue:
            self._asked = None
            self.show([])
            return
        if asked != self._asked:
            self._asked = asked
            app.call(
                partial(_names, app.service, asked),
                partial(self._told, asked),
                failed=lambda error: self._told(asked, [error.message], "bad"),
            )

    def _told(self, asked: _Asked, names: list[str], role: str = "dim") -> None:
        if asked == self._asked and self.is_running:
            lines: list[Line] = [run(name, role) for name in names]
            self.show([run("Files will be called", "head"), *lines])


def _asked(draft: Draft, known: Known) -> _Asked:
    """Raises InvalidValue while something is wrong."""
    few = _first(draft.selected) or (EXAMPLE,)
    return _Asked(draft.settings_of_few(), few, draft.database or known.database, draft.title())


@lru_cache(maxsize=4)
def _first(chosen: frozenset[ObjectRef]) -> tuple[ObjectRef, ...]:
    return tuple(nsmallest(SHOWN, chosen))


def _names(service: Service, asked: _Asked) -> list[str]:
    return service.checks.file_names(asked.settings, asked.refs, database=asked.database, name=asked.name)

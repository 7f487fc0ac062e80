"""What is asked about a form that is complete: the command line, the definition, the preflight.

In a thread, one after the other: with thousands of objects each takes its time, and what was wanted may be
something else before it is there. What came too late is dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from core.errors import InvalidValue, OfframpError
from core.model.destination import below
from core.model.settings import ExportSettings
from tui.screens.wizard import work
from tui.screens.wizard.draft import EXPORT, TYPED, Draft
from tui.screens.wizard.findings import Findings, findings_of
from tui.screens.wizard.rules import Known, path_of

if TYPE_CHECKING:
    from tui.app import OfframpApp


@dataclass(frozen=True, slots=True)
class Spelled:
    """A form as a command and as a definition."""

    command: str
    definition: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known: `spelled` first, then what the preflight found, or why there was none."""

    spelled: Spelled | None = None
    findings: Findings | None = None
    error: OfframpError | None = None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """`password` tells whether another preflight is due; nothing else is made of it."""

    draft: Draft
    target: str
    password: str
    known: Known
    base: ExportSettings | None

    @property
    def same(self) -> tuple[Draft, str, str, ExportSettings | None]:
        return self.draft, self.target, self.password, self.base

    def spell(self) -> Spelled:
        return Spelled(work.command(self.draft, self.known, self.base), work.toml(self.draft, self.known))


class Checker:
    """`want` asks; `changed` is called when there is news. `base`: the settings of the export that is
    edited."""

    def __init__(self, app: OfframpApp, changed: Callable[[], object]) -> None:
        self._app = app
        self._changed = changed
        self._wanted: _Wanted | None = None
        self._running: _Wanted | None = None
        self._done: _Wanted | None = None
        self.result = Checked()

    @property
    def settled(self) -> bool:
        """Whether what is wanted has been found."""
        return self._wanted is not None and self._done is self._wanted

    def want(self, draft: Draft, known: Known, base: ExportSettings | None = None) -> None:
        target = path_of(draft.target(known.base, known.opened))
        shown = replace(draft, password=TYPED if draft.password else "")
        wanted = _Wanted(shown, target, draft.password, known, base)
        if self._wanted is None or wanted.same != self._wanted.same:
            self._wanted = wanted
            self.result = Checked()
            self._go_on()

    def again(self) -> None:
        """Ask anew for what is known already: the server may say something else now."""
        if self._wanted is not None:
            self._wanted = replace(self._wanted)
            self.result = Checked()
            self._go_on()

    def _go_on(self) -> None:
        wanted = self._wanted
        if self._running is None and wanted is not None and wanted is not self._done:
            self._running = wanted
            self._app.call(
                wanted.spell, partial(self._spelled, wanted), failed=lambda e: self._end(Checked(error=e))
            )

    def _spelled(self, wanted: _Wanted, spelled: Spelled) -> None:
        if wanted is not self._wanted:
            self._end(Checked())
            return
        self.result = Checked(spelled)
        self._changed()
        self._app.call(
            partial(self._check, wanted),
            lambda found: self._end(Checked(spelled, found)),
            failed=lambda error: self._end(Checked(spelled, error=error)),
        )

    def _check(self, wanted: _Wanted) -> Findings:
        settings = wanted.draft.settings()
        # A saved export makes directories of its own in this one, which need not be empty.
        output, name = wanted.target, wanted.draft.title()
        saved = wanted.draft.keep == EXPORT
        if saved:
            output = below(output, name, *(() if wanted.draft.filed.fixed else ("new",)))
        found = self._app.service.checks.preflight(
            settings,
            output,
            sys_password=wanted.password or None,
            name=name,
            export=name if saved else None,
        )
        return findings_of(found, settings)

    def _end(self, result: Checked) -> None:
        self._done, self._running = self._running, None
        if self.settled:
            self.result = result
            self._changed()
        else:
            self._go_on()

    def copy(self, draft: Draft, known: Known, base: ExportSettings | None = None) -> None:
        """Copy the command line, or say what is still wrong."""

        def failed(error: OfframpError) -> None:
            self._app.page_say(error.message)

        try:
            draft.check()
        except InvalidValue as error:
            failed(error)
            return
        self._app.call(partial(work.command, draft, known, base), self._app.copy_text, failed=failed)

"""What a form is filled with when it opens."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.model.settings import Export, ExportSettings
from tui.screens.wizard.draft import EXPORT, HAND, NOW, TASK, Draft
from tui.screens.wizard.filed import place_of
from tui.screens.wizard.new_rows import WATCH, Watching
from tui.screens.wizard.repeating import PERIODIC, Repeat
from tui.screens.wizard.retained import fresh, with_own_secret_only
from tui.state import Retained


@dataclass(frozen=True, slots=True)
class Filling:
    """`settings`: what it is filled with, None for the defaults; `name`: the task's; `edits`: the saved
    export that is edited. `draft`: a form that was begun elsewhere, instead of settings."""

    settings: ExportSettings | None = None
    name: str = ""
    edits: str | None = None
    draft: Draft | None = None

    def made(self, retained: Retained | None) -> Draft:
        if self.draft is not None:
            return self.draft
        if self.settings is None:
            return fresh(retained)
        if self.edits is not None:
            return Draft.of(self.settings, keep=EXPORT, name=self.edits, when=HAND)
        copied = with_own_secret_only(self.settings)
        return Draft.of(copied, keep=TASK, name=self.name or None, when=NOW)


def completed(draft: Draft, edited: Export | None, connections: tuple[str, ...]) -> Draft:
    """With what the store has told: what is edited has its directory and its schedule, and a single
    connection is the one meant."""
    if edited is not None and draft.directory is None:
        place = place_of(edited)
        draft = replace(draft, directory=edited.directory, filed=replace(draft.filed, place=place))
        if edited.schedule is not None:
            draft = replace(draft, when=PERIODIC, repeat=Repeat.of(edited.schedule))
        if edited.watch is not None:
            draft = replace(draft, when=WATCH, watching=Watching.of(edited.watch))
    if not draft.connection and len(connections) == 1:
        draft = replace(draft, connection=connections[0])
    return draft

"""What a form is filled with when it opens."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import Any

from core.model.into import Existing
from core.model.settings import Export, ExportSettings
from tui.screens.wizard.data_files import data_fields
from tui.screens.wizard.draft import EXPORT, FULL, HAND, NOW, PARTIAL, TASK, Draft
from tui.screens.wizard.filed import Filed, place_of
from tui.screens.wizard.new_rows import WATCH, NewRows, Watching
from tui.screens.wizard.repeating import PERIODIC, Repeat
from tui.screens.wizard.retained import fresh, with_own_secret_only
from tui.screens.wizard.rows import Rows
from tui.screens.wizard.texts import notify_text, parted
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
            return draft_of(self.settings, keep=EXPORT, name=self.edits, when=HAND)
        copied = with_own_secret_only(self.settings)
        return draft_of(copied, keep=TASK, name=self.name or None, when=NOW)


def draft_of(settings: ExportSettings, **more: Any) -> Draft:
    """The form for settings; `more` are further fields."""
    chosen, patterns = parted(settings.patterns)
    account = settings.sys_account
    plain = {
        name: getattr(settings, name) for name in ("connection", "content", "consistency", "lock", "on_error")
    }
    return Draft(
        **plain,
        **data_fields(settings),
        database=settings.database or "",
        range=FULL if settings.all_objects else PARTIAL,
        chosen=chosen,
        patterns=shlex.join(patterns),
        exclude=shlex.join(settings.exclude),
        tables=settings.into.existing if settings.into is not None else Existing.CREATE,
        filed=Filed.of(settings.files, default=settings),
        drop=settings.schema.drop,
        merge=settings.schema.merge,
        flavour=settings.schema.flavour,
        privileges=settings.schema.privileges,
        retry_limit=str(settings.retry_limit),
        rows=Rows.of(settings),
        fresh=NewRows.of(settings.window, settings.mark),
        notify=notify_text(settings.notify),
        sys=account is not None,
        account=account.account if account else "",
        secret=account.secret if account else None,
        base=settings,
        **more,
    )


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

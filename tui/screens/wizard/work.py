"""What the wizard and the sheet do with what was described: check it, spell it out, start or save it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import OfframpError
from core.model.convert import definitions_to_toml
from core.model.destination import above, leaves
from core.model.into import PREFIX
from core.model.settings import Export, ExportSettings
from core.service import Service, watch_words, words
from core.service.tasks import refuse_used
from tui.cli import spelling, watch_options
from tui.cli.file_options import place_options
from tui.screens.wizard.draft import AT, EXPORT, HAND, Draft
from tui.screens.wizard.new_rows import WATCH
from tui.screens.wizard.repeating import PERIODIC
from tui.screens.wizard.rules import Known, export_of, path_of
from tui.screens.wizard.texts import slug

if TYPE_CHECKING:
    from tui.app import OfframpApp

# As a command and as a definition


def command(draft: Draft, known: Known, base: ExportSettings | None = None) -> str:
    """The command line that does the same; `base` are the settings of the export that is edited. Raises
    InvalidValue while something is wrong."""
    settings = draft.settings()
    target = path_of(draft.target(known.base, known.opened))
    typed = draft.sys and bool(draft.password)
    at = draft.at.strip() if draft.when == AT else ""
    if draft.keep != EXPORT:
        name = draft.name or ""
        return spelling.dump_line(settings, target, name=name, at=at, password=typed)
    name = draft.title()
    export = export_of(draft, known, settings)
    schedule = export.schedule
    before = known.edited.watch if known.edited is not None else None
    more = [*place_options(export, known.edited), *watch_options.options(export.watch, before)]
    if known.edits is not None and base is not None:
        line = spelling.edit_line(
            settings,
            name,
            target,
            base,
            password=typed,
            schedule=schedule,
            before=known.edited.schedule if known.edited is not None else None,
            more=more,
        )
    else:
        line = spelling.create_line(settings, name, target, password=typed, schedule=schedule, more=more)
    return line if draft.when in (HAND, PERIODIC, WATCH) else f"{line} && {spelling.run_line(name, at)}"


def toml(draft: Draft, known: Known) -> str:
    """The definition for `export apply`; a task as an export beside its directory. Raises InvalidValue."""
    settings = draft.settings()
    if draft.keep == EXPORT:
        return definitions_to_toml(exports=[export_of(draft, known, settings)])
    target = path_of(_target(draft, known))
    directory = above(target) if draft.to_files else target
    name = slug(draft.title()) or "export"
    return definitions_to_toml(exports=[Export(name=name, directory=directory, settings=settings)])


def _target(draft: Draft, known: Known) -> str:
    return draft.target(known.base, known.opened)


# Doing it; in a thread


@dataclass(frozen=True, slots=True)
class Begun:
    """Words on what was done, and the number of the task that was queued, None where there is none."""

    said: str
    task: int | None = None


def begin(service: Service, draft: Draft, known: Known, now: datetime) -> Begun:
    """Save what is to be saved, queue what is to run. Blocks. Raises
    OfframpError, and nothing is kept of a password then."""
    settings = draft.settings()
    at = draft.start(now)
    if draft.sys and draft.password:
        settings = service.exports.with_sys_password(settings, draft.password)
    try:
        if draft.keep == EXPORT:
            return _save(service, draft, known, settings, at)
        output = path_of(_target(draft, known))
        task = service.tasks.dump(settings, output, name=draft.title(), at=at)
    except OfframpError:
        service.exports.forget_sys_password(settings)
        raise
    service.tasks.serve()
    return Begun(f"Task {task.id} is {task.status}: {words.state(task, now)}.", task.id)


def _save(
    service: Service, draft: Draft, known: Known, settings: ExportSettings, at: datetime | None
) -> Begun:
    export = export_of(draft, known, settings)
    if known.edits is not None:
        service.exports.replace(export)
    else:
        service.exports.create(export)
    said = f"Export {export.name} is {'changed' if known.edits is not None else 'saved'}"
    if draft.when == HAND:
        return Begun(f"{said}.")
    if draft.periodic or draft.watched:
        service.tasks.serve()
        return Begun(f"{said}, and runs by itself: {watch_words.trigger(export)}.")
    task = service.exports.run(export.name, at=at)
    service.tasks.serve()
    return Begun(f"{said}; task {task.id} is {task.status}.", task.id)


def look_at(path: str) -> str:
    """Why a task can't have this directory, "" where it can, and where that is for the preflight to say.
    Blocks."""
    if leaves(path) or path.startswith(PREFIX):
        return ""
    try:
        refuse_used(Path(path))
    except OfframpError as error:
        return f"{error.message} {error.hint}".strip()
    return ""


def leave(app: OfframpApp, begun: Begun) -> None:
    """Out of the form, to the task where one was queued, with words on what was done."""
    while len(app.screen_stack) > 1:
        app.pop_screen()
    if begun.task is not None:
        app.go_to_task(begun.task)
    app.call_after_refresh(app.page_say, begun.said)

"""What the wizard and the sheet do with what was described: check it, spell it out, start or save it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import InvalidValue, OfframpError
from core.model.convert import definitions_to_toml
from core.model.settings import Export, ExportSettings
from core.service import Service, words
from core.service.tasks import refuse_used
from tui.cli import spelling
from tui.look import Glyphs
from tui.runs import Line, join, run, wrap
from tui.screens.wizard.draft import AT, EXPORT, HAND, Draft, slug
from tui.screens.wizard.rules import Known, export_of, path_of

if TYPE_CHECKING:
    from core.pipeline.preflight import CheckedObject, Preflight
    from tui.app import OfframpApp

FEW = 6


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
    if known.edits is not None and base is not None:
        line = spelling.edit_line(settings, name, target, base, password=typed)
    else:
        line = spelling.create_line(settings, name, target, password=typed)
    return line if draft.when == HAND else f"{line} && {spelling.run_line(name, at)}"


def toml(draft: Draft, known: Known) -> str:
    """The definition for `export apply`; a task as an export beside its directory. Raises InvalidValue."""
    settings = draft.settings()
    if draft.keep == EXPORT:
        return definitions_to_toml(exports=[export_of(draft, known, settings)])
    directory = str(Path(path_of(_target(draft, known))).parent)
    name = slug(draft.title()) or "export"
    return definitions_to_toml(exports=[Export(name=name, directory=directory, settings=settings)])


def _target(draft: Draft, known: Known) -> str:
    return draft.target(known.base, known.opened)


# Doing it; in a thread


def begin(service: Service, draft: Draft, known: Known, now: datetime) -> str:
    """Save what is to be saved, queue what is to run; gives back words on what was done. Blocks. Raises
    OfframpError, and nothing is kept of a password then."""
    settings = draft.settings()
    at = draft.start(now)
    if draft.sys and draft.password:
        settings = service.exports.with_sys_password(settings, draft.password)
    try:
        if draft.keep == EXPORT:
            return _save(service, draft, known, settings, at)
        output = Path(path_of(_target(draft, known)))
        task = service.tasks.dump(settings, output, name=draft.title(), at=at)
    except OfframpError:
        service.exports.forget_sys_password(settings)
        raise
    service.tasks.serve()
    return f"Task {task.id} is {task.status}: {words.state(task, now)}."


def _save(service: Service, draft: Draft, known: Known, settings: ExportSettings, at: datetime | None) -> str:
    export = export_of(draft, known, settings)
    if known.edits is not None:
        service.exports.replace(export)
    else:
        service.exports.create(export)
    said = f"Export {export.name} is {'changed' if known.edits is not None else 'saved'}"
    if draft.when == HAND:
        return f"{said}."
    task = service.exports.run(export.name, at=at)
    service.tasks.serve()
    return f"{said}; task {task.id} is {task.status}."


def look_at(path: str) -> str:
    """Why a task can't have this directory, "" where it can. Blocks."""
    try:
        refuse_used(Path(path))
    except OfframpError as error:
        return f"{error.message} {error.hint}".strip()
    return ""


# The preflight


@dataclass(frozen=True, slots=True)
class Checked:
    """What the last preflight found, or why there was none; neither while it is being made."""

    found: Preflight | None = None
    error: OfframpError | None = None


class Checker:
    """Makes a preflight whenever something else is wanted, one after the other; `changed` is called when
    there is news."""

    def __init__(self, app: OfframpApp, changed: Callable[[], object]) -> None:
        self._app = app
        self._changed = changed
        self._wanted: tuple[ExportSettings, str, str] | None = None
        self._running: tuple[ExportSettings, str, str] | None = None
        self._known: tuple[ExportSettings, str, str] | None = None
        self.result = Checked()

    @property
    def settled(self) -> bool:
        """Whether what is wanted has been found."""
        return self._wanted is not None and self._known == self._wanted

    def want(self, draft: Draft, known: Known) -> None:
        """Raises InvalidValue while something is wrong."""
        settings = draft.settings()
        # A saved export makes a directory of its own in this one, which need not be empty.
        directory = path_of(_target(draft, known))
        if draft.keep == EXPORT:
            directory = str(Path(directory, draft.title(), "new"))
        wanted = (settings, directory, draft.password)
        if wanted != self._wanted:
            self._wanted = wanted
            self.result = Checked()
            self._go_on()

    def _go_on(self) -> None:
        wanted = self._wanted
        if self._running is not None or wanted is None or wanted == self._known:
            return
        self._running = wanted
        settings, output, password = wanted
        self._app.call(
            partial(
                self._app.service.checks.preflight, settings, Path(output), sys_password=password or None
            ),
            lambda found: self._take(Checked(found)),
            failed=lambda error: self._take(Checked(error=error)),
        )

    def _take(self, result: Checked) -> None:
        self._known, self._running = self._running, None
        if self.settled:
            self.result = result
            self._changed()
        else:
            self._go_on()


def preflight_lines(
    checked: Checked, settings: ExportSettings, columns: int, glyphs: Glyphs
) -> Iterator[Line]:
    """What the preflight says, the worst first."""
    if checked.error is not None:
        yield from _marked(f"{checked.error.message} {checked.error.hint}", "bad", columns, glyphs.bad)
        return
    found = checked.found
    if found is None:
        yield run("Preflight: asking the server ...", "dim")
        return
    failing = found.failing
    stops = False
    try:
        found.raise_for_problems(settings)
    except OfframpError:
        stops = True
    for problem in found.problems:
        yield from _marked(f"{problem.message} {problem.hint}", "bad", columns, glyphs.bad)
    for item in failing[:FEW]:
        text = f"{item.ref}: {item.problem.message}" if item.problem is not None else str(item.ref)
        yield from _marked(text, "bad" if stops else "warn", columns, glyphs.bad if stops else glyphs.warn)
    if len(failing) > FEW:
        yield run(f"  and {len(failing) - FEW} more that can't be read", "bad" if stops else "warn")
    for text in found.hazards:
        yield from _marked(text, "warn", columns, glyphs.warn)
    yield from _marked(estimate(found, settings, glyphs), "" if stops else "good", columns,
                       " " if stops else glyphs.good)  # fmt: skip
    for text in (*found.notes, *_warnings(found.objects)):
        yield from _marked(text, "dim", columns, " ")


def estimate(found: Preflight, settings: ExportSettings, glyphs: Glyphs) -> str:
    """`11 of 12 objects readable, ≈85,000,000 rows, 9.1 GB of 212 GB free; SQLite 3.40.1`."""
    objects = words.count(len(found.objects), "object")
    if found.failing:
        objects = f"{len(found.objects) - len(found.failing)} of {objects}"
    pieces = [f"{objects} readable"]
    if settings.content.data:
        pieces.append(f"{glyphs.about}{found.total_rows:,} rows")
    free = f" of {words.size(found.free_bytes)} free" if found.free_bytes is not None else ""
    pieces.append(f"{glyphs.about}{words.size(found.needed_bytes)}{free}")
    return f"{', '.join(pieces)}; {found.server.product} {found.server.version}"


def _warnings(objects: tuple[CheckedObject, ...]) -> Iterator[str]:
    said = [f"{item.ref}: {text}" for item in objects for text in item.warnings]
    yield from said[:FEW]
    if len(said) > FEW:
        yield f"And {len(said) - FEW} more notes; the manifest will have them all."


def _marked(text: str, role: str, columns: int, mark: str) -> Iterator[Line]:
    for index, line in enumerate(wrap(text.strip(), max(10, columns - 2))):
        yield join(
            run(mark if index == 0 else " ", role), run(" "), run(line, "" if role == "good" else role)
        )


def command_line(draft: Draft, known: Known, base: ExportSettings | None) -> tuple[str, str]:
    """The command, and "" or what is still wrong."""
    try:
        return command(draft, known, base), ""
    except InvalidValue as error:
        return "", error.message


def leave(app: OfframpApp, said: str, *, to_tasks: bool) -> None:
    """Out of the form, to the tasks where one was queued, with words on what was done."""
    while len(app.screen_stack) > 1:
        app.pop_screen()
    if to_tasks and app.current_mode != "tasks":
        app.switch_mode("tasks")
    app.call_after_refresh(app.page_say, said)

"""How saved exports look: rows of the list and of an export's history, the definition, the picture."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core.model.connection import Connection
from core.model.destination import below
from core.model.settings import Export
from core.model.task import Task
from core.model.vocabulary import ObjectPattern, ObjectType, TaskStatus
from core.service import words
from core.service.saved import History, SavedExport
from tui.cli.file_options import place_words
from tui.cli.forms import export_words, settings_fields
from tui.look import STATUS_ROLES, Glyphs, status_line
from tui.plain import plain, width
from tui.runs import EMPTY, Line, fit, join, run, wrap
from tui.screens import schedule_rows
from tui.screens.task_rows import ago, progress_cell
from tui.widgets.columns import Column
from tui.widgets.flow import FlowExport, FlowSource
from tui.widgets.table import Cell, Row
from tui.widgets.tail import TailCell

LABEL = 14

COLUMNS = (
    Column(id="name", label="Export", least=16, most=32, share=2),
    Column(id="connection", label="Connection", least=11, most=20, share=1, drop=4),
    Column(id="what", label="What", least=14, most=48, share=3, drop=3),
    Column(id="trigger", label="Trigger", least=10, most=20, share=1, drop=2),
    Column(id="state", label="Last run", least=12),
    Column(id="when", label="", least=6, drop=1, right=True),
    Column(id="next", label="Next run", least=9, drop=1, right=True),
    Column(id="rows", label="Rows", least=13, drop=7, right=True),
    Column(id="form", label="Form", least=12, most=18, drop=6),
    Column(id="to", label="To", least=14, share=2, drop=5),
)
RUN_COLUMNS = (
    Column(id="number", label="Task", least=5, right=True),
    Column(id="start", label="Start", least=19),
    Column(id="status", label="Status", least=12),
    Column(id="rows", label="Rows", least=13, right=True),
    Column(id="size", label="Size", least=9, drop=3, right=True),
    Column(id="took", label="Took", least=9, drop=1, right=True),
    Column(id="how", label="", least=12, share=1, drop=2),
)


def row(saved: SavedExport, now: datetime, glyphs: Glyphs) -> Row:
    export, last = saved.export, saved.last
    settings = export.settings
    cells: tuple[Cell, ...] = (
        run(export.name),
        run(settings.connection),
        run(what(export)),
        schedule_rows.trigger(saved),
        status_line(last.status, glyphs) if last is not None else run("never ran", "dim"),
        run(ago(when(last), now) if last is not None else "", "dim"),
        schedule_rows.coming(saved, now),
        run(f"{last.processed_rows:,}" if last is not None and settings.content.data else "", "dim"),
        run(form(export), "dim"),
        TailCell(export.directory, "dim"),
    )
    return Row(export.name, cells)


def when(task: Task) -> datetime:
    """The time of a run for lists: its end, else its beginning."""
    return task.ended or task.started or task.created


def what(export: Export) -> str:
    """`orders, order_items`, `everything`, with the content where that isn't both."""
    taken = export_words(export).replace(f"{ObjectType.TABLE}:", "")
    content = export.settings.content
    if content.schema and content.data:
        return taken
    return f"{'data' if content.data else 'schema'} of {taken}"


def form(export: Export) -> str:
    """`csv UTF-8`, `jsonl gzip:3 UTF-8`, `parquet zstd`."""
    settings = export.settings
    if not settings.content.data:
        return f"sql {settings.encoding}"
    pieces = [settings.format, words.packing(settings), settings.encoding if settings.format.is_text else ""]
    return " ".join(filter(None, pieces))


def began(task: Task) -> datetime:
    """Of a run: when it began or is to begin."""
    return task.started or task.not_before or task.created


def run_row(task: Task, now: datetime, glyphs: Glyphs) -> Row:
    progress = words.progress(task, now)
    start = began(task)
    cells = (
        run(str(task.id), "dim"),
        run(f"{start.astimezone():%Y-%m-%d %H:%M:%S}"),
        status_line(task.status, glyphs),
        run(f"{task.processed_rows:,}" if task.settings.content.data else "-"),
        run(words.size(task.processed_bytes) if task.processed_bytes else "", "dim"),
        run(words.duration(progress.seconds) if task.started else "", "dim"),
        EMPTY if task.status is TaskStatus.COMPLETED else progress_cell(task, now, glyphs),
    )
    return Row(task.id, cells)


def run_lines(task: Task | None, now: datetime, columns: int, rows: int) -> list[Line]:
    """The run under the cursor in full: how it stands or how it ended, with the error and what to do."""
    if task is None:
        return []
    head = f"Task {task.id}" if task.error is not None else f"Task {task.id} {str(task.status).lower()}"
    role = STATUS_ROLES[task.status] if task.error is not None else ""
    text = ": ".join(filter(None, (head, words.state(task, now))))
    lines = [run(line, role) for line in wrap(text, columns)]
    if task.error is not None and task.error.hint:
        lines += [run(line, "accent") for line in wrap(task.error.hint, columns)]
    else:
        lines.append(run(task.output, "dim"))
    return lines[:rows]


def definition(history: History, now: datetime, columns: int) -> list[Line]:
    """What is taken, in which form, where it goes, and when; what is as always is left out."""
    export = history.export
    pairs = [(label, value) for label, value in settings_fields(export.settings) if value]
    if export.settings.into is None:
        pairs += [("to", f"{below(export.directory, export.name)}/"), *place_fields(export)]
    pairs += schedule_rows.definition(history, now)
    # Two columns of short values where there is room for them.
    lines: list[Line] = []
    short = [(a, b) for a, b in pairs if width(plain(b)) <= columns // 2 - LABEL - 2]
    long = [pair for pair in pairs if pair not in short]
    for first in range(0, len(short), 2):
        cells = [
            join(run(label.ljust(LABEL), "dim"), fit(run(value), columns // 2 - LABEL))
            for label, value in short[first : first + 2]
        ]
        lines.append(join(*cells))
    for label, value in long:
        for number, piece in enumerate(wrap(value, columns - LABEL)):
            lines.append(join(run((label if number == 0 else "").ljust(LABEL), "dim"), run(piece)))
    return lines


def place_fields(export: Export) -> list[tuple[str, str]]:
    words_ = place_words(export)
    return [("place", words_)] if words_ else []


# The picture


def flow(
    exports: Sequence[SavedExport], connections: Sequence[Connection], now: datetime, glyphs: Glyphs
) -> list[FlowSource]:
    """A source for each connection: those with exports first."""
    names = {e.export.settings.connection for e in exports} | {c.name for c in connections}
    sources = []
    for name in sorted(names):
        own = tuple(_flow_export(e, now, glyphs) for e in exports if e.export.settings.connection == name)
        sources.append(FlowSource(name, own, "" if own else "no export"))
    return sorted(sources, key=lambda source: not source.exports)


def _flow_export(saved: SavedExport, now: datetime, glyphs: Glyphs) -> FlowExport:
    last = saved.last
    if last is None:
        state = short = run("never ran", "dim")
    else:
        age = run(ago(when(last), now), "dim")
        role = STATUS_ROLES[last.status]
        state = join(status_line(last.status, glyphs), age, between=" ")
        short = join(run(glyphs.status[last.status], role), age, between=" ")
    return FlowExport(saved.export.name, data_sets(saved), state, short, saved.export.directory)


def data_sets(saved: SavedExport) -> tuple[str, ...]:
    """`shop.orders`, `shop.*`: what an export takes, as one would name it to others."""
    settings = saved.export.settings
    known = saved.connection.begins_in if saved.connection is not None else None
    database = settings.database or known
    before = f"{database}." if database else ""
    queries = tuple(f"{name} (query)" for name in settings.queries)
    if settings.all_objects:
        return (f"{before}*", *queries)
    return (*(f"{before}{_named(pattern)}" for pattern in settings.patterns), *queries)


def _named(pattern: ObjectPattern) -> str:
    plain_type = pattern.type in (None, ObjectType.TABLE)
    return pattern.name if plain_type else f"{pattern.name} ({str(pattern.type).lower()})"

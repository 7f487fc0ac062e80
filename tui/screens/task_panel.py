"""The selected task, live: the strip below the list, or the panel beside it where there is room."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from textual.geometry import Size

from core.model.task import Task, TaskObject
from core.model.vocabulary import ObjectStatus, TaskStatus
from core.service import words
from tui.look import OBJECT_ROLES, Glyphs, bar, graph, status_line
from tui.runs import EMPTY, Line, join, run, wrap

STUCK_SECONDS = 10.0
GRAPH_COLUMNS = 32


def strip(
    task: Task, history: list[tuple[float, float]], now: datetime, glyphs: Glyphs, columns: int
) -> list[Line]:
    """Two lines: what it is doing, and how fast."""
    head = join(run(f"{task.name} {task.id}", "strong"), run(what(task, now)), between=glyphs.between)
    return [join(run(" "), head), join(run(" "), pace(task, history, now, glyphs, columns - 2))]


def what(task: Task, now: datetime) -> str:
    """What it does, to which end, or how it stands."""
    if task.status in (TaskStatus.RUNNING, TaskStatus.PUBLISHING):
        return f"{words.amount(task)} -> {task.output}"
    return words.state(task, now)


def pace(task: Task, history: list[tuple[float, float]], now: datetime, glyphs: Glyphs, columns: int) -> Line:
    """`▁▂▅▇ 812 k rows/s · 168 MB/s · reading · 1 min 52 s`; for one that isn't at work where its files are,
    or what to do."""
    if not task.status.holds_slot:
        if task.error is not None:
            return run(task.error.hint or task.error.message, "dim")
        return run(task.output if task.published else "", "dim")
    drawing = graph([rows for rows, _ in history], min(GRAPH_COLUMNS, max(8, columns // 3)), glyphs)
    pieces = []
    if history:
        rows, size = history[-1]
        pieces.append(run(rows_a_second(rows)))
        pieces.append(run(f"{words.size(size)}/s"))
    pieces.append(stage(task, now))
    pieces.append(run(words.duration(words.progress(task, now).seconds), "dim"))
    return join(drawing, join(*pieces, between=glyphs.between), between="  ")


def rows_a_second(rows: float) -> str:
    return f"{rows / 1000:,.0f} k rows/s" if rows >= 10_000 else f"{rows:,.0f} rows/s"


def stage(task: Task, now: datetime) -> Line:
    """The stage that it is in; since when, where that is long ago: a silent task says where it is stuck."""
    text = task.stage or str(task.status).lower()
    if task.stage_since is None:
        return run(text)
    seconds = (now - task.stage_since).total_seconds()
    if seconds < STUCK_SECONDS:
        return run(text)
    return run(f"{text} for {words.duration(seconds)}", "warn" if seconds > 60 else "")


def panel(
    task: Task,
    objects: Sequence[TaskObject],
    history: list[tuple[float, float]],
    now: datetime,
    glyphs: Glyphs,
    *,
    size: Size,
) -> list[Line]:
    """The same with more room: its objects too."""
    columns, rows = max(10, size.width), size.height
    progress = words.progress(task, now)
    lines = [run(f"{task.name} {task.id}", "strong"), status_line(task.status, glyphs), EMPTY]
    if task.status.holds_slot and progress.share is not None:
        words_ = f" {int(progress.share * 100)}%"
        lines += [join(bar(progress.share, columns - len(words_), glyphs), run(words_)), EMPTY]
    lines += [run(line) for line in wrap(words.state(task, now), columns)]
    if task.status.holds_slot:
        lines.append(pace(task, history, now, glyphs, columns))
    elif task.error is not None and task.error.hint:
        lines += [run(line, "accent") for line in wrap(task.error.hint, columns)]
    lines += [EMPTY, *(run(line, "dim") for line in wrap(f"-> {task.output}", columns))]
    if objects:
        lines.append(EMPTY)
        room = max(1, rows - len(lines) - 1)
        ordered = sorted(objects, key=_interest)
        lines += [object_line(item, glyphs) for item in ordered[:room]]
        if len(objects) > room:
            lines.append(run(f"and {len(objects) - room} more", "dim"))
    return lines


_INTEREST = {
    ObjectStatus.FAILURE: 0,
    ObjectStatus.RUNNING: 1,
    ObjectStatus.KILLED: 2,
    ObjectStatus.WAITING: 3,
}


def _interest(item: TaskObject) -> tuple[int, int]:
    status = summary(item)
    return _INTEREST.get(status, 4), item.number


def summary(item: TaskObject) -> ObjectStatus:
    """One status for both halves of an object."""
    halves = [s for s in (item.data_status, item.schema_status) if s is not None]
    for status in (ObjectStatus.FAILURE, ObjectStatus.RUNNING, ObjectStatus.KILLED, ObjectStatus.WAITING):
        if status in halves:
            return status
    return ObjectStatus.SUCCESS


def object_line(item: TaskObject, glyphs: Glyphs) -> Line:
    status = summary(item)
    rows = f" {item.processed_rows:,}" if item.data_status is not None else ""
    return join(
        run(glyphs.object[status], OBJECT_ROLES[status]),
        run(item.ref.name),
        run(rows.strip(), "dim"),
        between=" ",
    )

"""How a task looks in the list: columns, and a row of cells for each task."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core.model.task import Task
from core.model.task_filter import TaskOrder
from core.model.vocabulary import TaskStatus
from core.service import words
from tui.look import STATUS_ROLES, Glyphs, status_line
from tui.plain import cut, plain
from tui.runs import Line, join, run
from tui.widgets.bars import ProgressCell, WordsCell
from tui.widgets.columns import Column
from tui.widgets.table import Cell, Row

COLUMNS = (
    Column(id=TaskOrder.NAME, label="Task", least=15, most=30, share=2),
    Column(id=TaskOrder.NUMBER, label="No.", least=5, drop=5, right=True),
    Column(id=TaskOrder.CONNECTION, label="Connection", least=11, most=20, share=1, drop=4),
    Column(id=TaskOrder.CREATED, label="Created", least=8, drop=3),
    Column(id=TaskOrder.STATUS, label="Status", least=12),
    Column(id=TaskOrder.PROGRESS, label="Progress", least=20, most=46, share=3, drop=1),
    Column(id=TaskOrder.DURATION, label="Took", least=10, drop=7, right=True),
    Column(id=TaskOrder.OWNER, label="Owner", least=9, drop=9),
    Column(id=TaskOrder.OUTPUT, label="Destination", least=18, share=1, drop=8),
)


# What a title line holds beside a task's name: number, status, and how things stand with the engine.
BESIDE_THE_NAME = 52


class Rows:
    """Makes the rows of a list again and again. That of a task that has ended is kept while its age reads the
    same: most rows are of such tasks, and a list is made anew every few seconds, if only for its times."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[Task, str, Row]] = {}

    def of(self, tasks: Sequence[Task], now: datetime, glyphs: Glyphs) -> list[Row]:
        before, self._kept = self._kept, {}
        made = []
        for task in tasks:
            age = ago(task.created, now)
            known = before.get(task.id)
            if known is None or known[0] is not task or known[1] != age or not task.status.ended:
                known = task, age, row(task, now, glyphs)
            self._kept[task.id] = known
            made.append(known[2])
        return made


def row(task: Task, now: datetime, glyphs: Glyphs) -> Row:
    took = words.progress(task, now).seconds
    cells: tuple[Cell, ...] = (
        run(task.name),
        run(str(task.id), "dim"),
        run(task.settings.connection),
        run(ago(task.created, now), "dim"),
        status_line(task.status, glyphs),
        progress_cell(task, now, glyphs),
        run(words.duration(took) if task.started else "", "dim"),
        run(task.owner, "dim"),
        run(task.output, "dim"),
    )
    return Row(task.id, cells)


def title(task: Task, glyphs: Glyphs, columns: int) -> Line:
    """`orders-nightly 412 · ▶ Running` for a title line of so many columns: a long name gives way."""
    name = cut(plain(task.name), max(20, columns - BESIDE_THE_NAME))
    return join(run(f"{name} {task.id}", "strong"), status_line(task.status, glyphs), between=glyphs.between)


def progress_cell(task: Task, now: datetime, glyphs: Glyphs) -> Cell:
    """A bar for what runs, else in words why it waits or how it ended."""
    match task.status:
        case TaskStatus.RUNNING | TaskStatus.PUBLISHING:
            return running_cell(task, now, glyphs)
        case TaskStatus.COMPLETED:
            return WordsCell(words.wordings(task, now))
        case TaskStatus.FAILED:
            return WordsCell(words.wordings(task, now), "bad")
        case status:
            return WordsCell(words.wordings(task, now), STATUS_ROLES[status])


def running_cell(task: Task, now: datetime, glyphs: Glyphs) -> ProgressCell:
    progress = words.progress(task, now)
    if task.status is TaskStatus.PUBLISHING:
        return ProgressCell(progress.share, "publishing", glyphs)
    left = ""
    if progress.left is not None and progress.seconds >= 2:
        left = f"~{about(progress.left)}"
    elif not task.total_rows and task.processed_rows:
        left = words.count(task.processed_rows, "row")
    elif progress.share is None:
        left = task.stage or "starting"
    return ProgressCell(progress.share, left, glyphs)


def about(seconds: float) -> str:
    """`40 s`, `3 min`, `2 h`: one unit, since it is a guess."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{round(seconds / 3600)} h"


def ago(when: datetime, now: datetime) -> str:
    """`now`, `2 min`, `14 h`, `3 d`: short, for lists."""
    seconds = max(0.0, (now - when).total_seconds())
    if seconds < 60:
        return "now"
    if seconds < 3600:
        return f"{int(seconds // 60)} min"
    if seconds < 48 * 3600:
        return f"{int(seconds // 3600)} h"
    return f"{int(seconds // 86400)} d"

"""A task at work, live: how far, how fast, how much longer, and what it is at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.model.task import Task
from core.model.vocabulary import TaskStatus
from core.service import words
from tui.look import Glyphs, bar, graph
from tui.runs import EMPTY, Line, join, length, run
from tui.screens.task_panel import GRAPH_COLUMNS, rows_a_second
from tui.screens.task_rows import about

RECENT = 30
SILENT_SECONDS = 15.0
# How far the number of rows that are left may lie from a server's estimate of them: a guess about a guess.
# The manual of MySQL 8.0 gives 40 to 50 % for the whole table ("SHOW TABLE STATUS", Rows).
FEWER, MORE = 0.8, 1.3


@dataclass(frozen=True, slots=True)
class Left:
    """Seconds that are left, at least and at most; `exact`: the rows were counted."""

    least: float
    most: float
    exact: bool

    def words(self) -> str:
        source = "exact count" if self.exact else "estimate"
        low, high = about(self.least), about(self.most)
        if low == high:
            return f"{high} left ({source})"
        number, _, unit = low.partition(" ")
        return f"{number if high.endswith(f' {unit}') else low} to {high} left ({source})"


def left(task: Task, history: Sequence[tuple[float, float]], now: datetime, *, exact: bool) -> Left | None:
    """From the slowest to the fastest of how fast it went all the time, and of late; None where there is
    nothing to tell it by. `exact`: the task's total was counted."""
    progress = words.progress(task, now)
    if task.status is not TaskStatus.RUNNING or not task.total_rows or progress.seconds < 2:
        return None
    late = [rows for rows, _ in history[-RECENT:]]
    recent = sum(late) / len(late) if late else 0.0
    rates = [rate for rate in (progress.rate, recent) if rate > 0]
    if not rates:
        return None
    rows = task.total_rows - task.processed_rows
    if rows <= 0:
        return None
    fewer, more = (1.0, 1.0) if exact else (FEWER, MORE)
    return Left(rows * fewer / max(rates), rows * more / min(rates), exact)


def live(
    task: Task,
    history: list[tuple[float, float]],
    now: datetime,
    glyphs: Glyphs,
    columns: int,
    *,
    exact: bool,
    silent: float,
) -> list[Line]:
    """Two lines for a task at work, none for another. `silent`: seconds without a row."""
    if not task.status.holds_slot:
        return []
    return [
        _how_far(task, history, now, glyphs, columns, exact=exact),
        _what(task, history, now, glyphs, columns, silent=silent),
    ]


def _how_far(
    task: Task,
    history: Sequence[tuple[float, float]],
    now: datetime,
    glyphs: Glyphs,
    columns: int,
    *,
    exact: bool,
) -> Line:
    progress = words.progress(task, now)
    remaining = left(task, history, now, exact=exact)
    ran = words.duration(progress.seconds)
    pieces = [
        run(f"{int(progress.share * 100)}%" if progress.share is not None else ""),
        run(remaining.words() if remaining else "", "accent"),
        run(f"{ran} so far", "dim"),
    ]
    behind = join(*pieces, between=glyphs.between)
    if progress.share is None:
        return behind
    room = columns - length(behind) - 2
    drawing = bar(progress.share, min(30, room), glyphs) if room >= 5 else EMPTY
    return join(drawing, behind, between="  ")


def _what(
    task: Task,
    history: list[tuple[float, float]],
    now: datetime,
    glyphs: Glyphs,
    columns: int,
    *,
    silent: float,
) -> Line:
    drawing = graph([rows for rows, _ in history], min(GRAPH_COLUMNS, max(8, columns // 4)), glyphs)
    pieces = []
    if silent >= SILENT_SECONDS:
        pieces.append(run(f"no row for {words.duration(silent)}", "warn"))
    elif history:
        rows, size = history[-1]
        pieces.append(run(f"{rows_a_second(rows)}, {words.size(size)}/s"))
    for whole in (True, False):
        words_ = join(*pieces, stage(task, now, whole=whole), between=glyphs.between)
        line = join(drawing, words_, between="  ")
        if length(line) <= columns:
            break
    return line


def stage(task: Task, now: datetime, *, whole: bool = True) -> Line:
    """`reading TABLE:orders for 40 s, since 14:01:20`; not `whole` without since when."""
    text = task.stage or str(task.status).lower()
    if task.stage_since is None:
        return run(text)
    seconds = (now - task.stage_since).total_seconds()
    since = task.stage_since.astimezone()
    day = "" if since.date() == now.astimezone().date() else f"{since:%Y-%m-%d} "
    return join(
        run(f"{text} for {words.duration(seconds)}"), run(f", since {day}{since:%H:%M:%S}" if whole else "")
    )

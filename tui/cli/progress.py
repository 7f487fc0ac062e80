"""Progress on standard error: one line that is drawn over on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from datetime import datetime

from core.model.task import Task
from core.model.vocabulary import TaskStatus
from core.service import words
from tui.cli.output import Output
from tui.plain import cut, plain

DRAW_SECONDS = 0.5
LINE_SECONDS = 10.0
BAR = 20
CLEAR = "\r\x1b[K"


class Progress:
    """Shows one task. `update` may be called as often as one likes; `close` leaves the terminal clean."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._last: tuple[float, str] = (0.0, "")
        self._drawn = ""

    def update(self, task: Task, now: datetime) -> None:
        if self._out.quiet or task.status.ended:
            return
        if self._out.terminal_words:
            self._draw(task, now)
        else:
            self._print(task, now)

    def _draw(self, task: Task, now: datetime) -> None:
        moment, _ = self._last
        if time.monotonic() - moment < DRAW_SECONDS:
            return
        line = cut(plain(bar_line(task, now)), self._out.columns() - 1)
        if line != self._drawn:
            sys.stderr.write(f"{CLEAR}{line}")
            sys.stderr.flush()
        self._last, self._drawn = (time.monotonic(), task.status), line

    def _print(self, task: Task, now: datetime) -> None:
        """When something has changed that isn't a mere number, else every ten seconds."""
        moment, said = self._last
        what = f"{task.status} {task.position} {task.reason}"
        if what == said and time.monotonic() - moment < LINE_SECONDS:
            return
        self._out.say(f"Task {task.id} {bar_line(task, now, bar=False)}")
        self._last = (time.monotonic(), what)

    def close(self) -> None:
        """Take the line away."""
        if self._drawn:
            sys.stderr.write(CLEAR)
            sys.stderr.flush()
            self._drawn = ""


def bar_line(task: Task, now: datetime, *, bar: bool = True) -> str:
    """`Running [########............]  41 %, 2 min left, 350 k rows/s, 12.0 MB/s, 1 of 3 objects, …`: what
    matters most comes first, since a terminal may cut the rest."""
    if task.status is not TaskStatus.RUNNING:
        return f"{task.status}: {words.state(task, now)}"
    progress = words.progress(task, now)
    pieces = []
    if progress.left is not None and progress.seconds >= 2:
        pieces.append(f"about {words.duration(progress.left)} left")
    if progress.rate >= 1:
        pieces.append(words.rate(progress))
    pieces += [words.amount(task), task.stage or "starting"]
    said = ", ".join(filter(None, pieces))
    if progress.share is None:
        return f"{task.status}: {said}"
    filled = int(progress.share * BAR)
    drawing = (
        f"[{'#' * filled}{'.' * (BAR - filled)}] {progress.share * 100:3.0f} %"
        if bar
        else f"{progress.share:.0%}"
    )
    return f"{task.status} {drawing}, {said}"

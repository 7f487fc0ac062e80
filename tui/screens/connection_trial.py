"""Trying a connection or a destination, step by step, with words as it goes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message

from core.errors import OfframpError
from core.service import Service
from tui.look import Glyphs
from tui.runs import EMPTY, Line, join, run, wrap
from tui.widgets.dialog import Framed
from tui.widgets.lines import Lines
from tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from connectors.base import TestStep

WIDEST = 84
LABEL = 12


class Trial(Framed[None]):
    """Tries the connection while it is open. Escape leaves: what isn't finished is not recorded, and a
    server that doesn't answer is not waited for."""

    BINDINGS = [Binding("escape,enter,q", "leave", show=False), Binding("t", "again", show=False)]

    class Step(Message):
        """One more step, the end (None), or an error."""

        def __init__(self, attempt: int, step: TestStep | OfframpError | None) -> None:
            super().__init__()
            self.attempt = attempt
            self.step = step

    def __init__(self, service: Service, name: str, glyphs: Glyphs, *, destination: bool = False) -> None:
        super().__init__()
        self._kind = "destination" if destination else "connection"
        self._test = service.destinations.test if destination else service.connections.test
        self._connection_name = name
        self._glyphs = glyphs
        self._steps: list[TestStep] = []
        self._error: OfframpError | None = None
        self._attempt = 0
        self._over = False
        self._stop = threading.Event()

    def compose(self) -> ComposeResult:
        with Vertical(classes="frame"):
            yield Sheet()

    def on_mount(self) -> None:
        self.query_one(".frame").styles.width = min(WIDEST, self.app.size.width - 4)
        self._begin()

    @property
    def over(self) -> bool:
        """Whether the trial has ended."""
        return self._over

    def _begin(self) -> None:
        self._steps, self._error, self._over = [], None, False
        self._attempt += 1
        self._stop = threading.Event()
        # Not one of Textual's workers: a driver that hangs must not keep anybody from leaving.
        threading.Thread(
            target=self._run, args=(self._attempt, self._stop), name="connection test", daemon=True
        ).start()
        self._draw()

    def _run(self, attempt: int, stop: threading.Event) -> None:
        try:
            steps: Iterator[TestStep] = self._test(self._connection_name)
            for step in steps:
                if stop.is_set():
                    return
                self.post_message(self.Step(attempt, step))
        except OfframpError as error:
            self.post_message(self.Step(attempt, error))
            return
        self.post_message(self.Step(attempt, None))

    def on_trial_step(self, message: Step) -> None:
        if message.attempt != self._attempt:
            return
        if message.step is None or isinstance(message.step, OfframpError):
            self._over, self._error = True, message.step
        else:
            self._steps.append(message.step)
        self._draw()

    def _draw(self) -> None:
        inner = min(WIDEST, self.app.size.width - 4) - 6
        lines: list[Line] = [run(f"Test of {self._kind} {self._connection_name}", "strong"), EMPTY]
        lines += step_lines([(s.name, s.ok, s.detail) for s in self._steps], inner, self._glyphs)
        if self._error is not None:
            lines += [run(line, "bad") for line in wrap(self._error.message, inner)]
            lines += [run(line, "accent") for line in wrap(self._error.hint, inner) if line]
        if not self._over:
            lines.append(run("Trying ...", "dim"))
        keys = (("t", "Test again"), ("Enter", "Close")) if self._over else (("Esc", "Stop"),)
        lines += [EMPTY, join(*(run(key, "key") + run(f" {what}  ", "dim") for key, what in keys))]
        self.query_one(Lines).show(lines)

    def action_again(self) -> None:
        if self._over:
            self._begin()

    def action_leave(self) -> None:
        self._stop.set()
        self.dismiss(None)


def step_lines(steps: list[tuple[str, Any, str]], columns: int, glyphs: Glyphs) -> list[Line]:
    """Steps with what each has found; those that went wrong stand out."""
    lines: list[Line] = []
    for name, ok, detail in steps:
        head = join(
            run(glyphs.good if ok else glyphs.bad, "good" if ok else "bad"), run(f" {name}".ljust(LABEL))
        )
        for number, piece in enumerate(wrap(detail, max(10, columns - LABEL - 1))):
            indent = head if number == 0 else run(" " * (LABEL + 1))
            lines.append(join(indent, run(piece, "" if ok else "bad")))
    return lines

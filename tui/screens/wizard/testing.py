"""The test of a sys tenant account, in words as it goes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message

from core.errors import OfframpError
from tui import look
from tui.runs import Line, join, run, wrap
from tui.screens.connection_trial import step_lines
from tui.screens.wizard.draft import Draft
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from connectors.base import TestStep

ROOM = 3


class TestKey(Lines, can_focus=True):
    """What one presses."""

    DEFAULT_CSS = "TestKey { height: 1; } TestKey:focus { text-style: reverse; }"
    BINDINGS = [Binding("space", "press", show=False)]

    def action_press(self) -> None:
        if isinstance(self.parent, SysTest):
            self.parent.press()

    def on_click(self) -> None:
        self.action_press()


class SysTest(Vertical):
    """`put` says of which form; what was found of another account is taken away."""

    DEFAULT_CSS = """
    SysTest { height: 1fr; padding: 1 0 0 2; display: none; }
    SysTest #sys-steps { height: 1fr; margin-top: 1; }
    """

    class Step(Message):
        """One more step, the end (None), or an error."""

        def __init__(self, attempt: int, step: TestStep | OfframpError | None) -> None:
            super().__init__()
            self.attempt = attempt
            self.step = step

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._attempt = 0
        self._stop = threading.Event()
        self._about: tuple[object, ...] | None = None
        self._steps: list[TestStep] = []
        self._error: OfframpError | None = None
        self._over = True
        self._draft = Draft()
        self._wrong = ""

    def compose(self) -> ComposeResult:
        yield TestKey([join(run("[space]", "key"), run(" Test connection"))])
        steps = Lines(id="sys-steps")
        steps.can_focus = False
        yield steps

    @property
    def over(self) -> bool:
        """Whether no test is under way."""
        return self._over

    def put(self, draft: Draft, wrong: str) -> None:
        self._draft, self._wrong = draft, wrong
        if self._about is not None and self._about != _about(draft):
            self._leave()
            self._about = None
            self._draw()

    def press(self) -> None:
        """Try it; a test that is under way is left. Says why where there is nothing to try."""
        from tui.app import OfframpApp  # noqa: PLC0415 - the application imports its screens

        app, draft = self.app, self._draft
        assert isinstance(app, OfframpApp)  # noqa: S101 - it is shown by nothing else
        wrong = self._wrong if draft.sys else "No sys account is used."
        if wrong:
            app.page_say(wrong, "warn")
            return
        account, service = draft.sys_account(), app.service
        self._leave()
        self._about, self._over = _about(draft), False
        attempt, stop = self._attempt, self._stop

        def work() -> None:
            last: OfframpError | None = None
            try:
                for step in service.connections.test(draft.connection, account, draft.password or None):
                    if stop.is_set():
                        return
                    self.post_message(self.Step(attempt, step))
            except OfframpError as error:
                last = error
            self.post_message(self.Step(attempt, last))

        # Not one of Textual's workers: a driver that hangs must not keep anybody from leaving.
        threading.Thread(target=work, name="sys account test", daemon=True).start()
        self._draw()

    def _leave(self) -> None:
        self._stop.set()
        self._stop = threading.Event()
        self._attempt += 1
        self._steps, self._error, self._over = [], None, True

    def on_unmount(self) -> None:
        self._leave()

    def on_sys_test_step(self, message: Step) -> None:
        message.stop()
        if message.attempt != self._attempt:
            return
        if message.step is None or isinstance(message.step, OfframpError):
            self._over, self._error = True, message.step
        else:
            self._steps.append(message.step)
        self._draw()

    def _draw(self) -> None:
        columns = max(20, self.size.width - ROOM)
        lines: list[Line] = []
        glyphs = getattr(self.app, "glyphs", look.UNICODE)
        if self._about is not None:
            found = [(step.name, step.ok, step.detail) for step in self._steps]
            lines += step_lines(found, columns, glyphs)
            if self._error is not None:
                text = f"{glyphs.bad} {self._error.message} {self._error.hint}".strip()
                lines += [run(line, "bad") for line in wrap(text, columns)]
            if not self._over:
                lines.append(run("Testing ...", "dim"))
        self.query_one("#sys-steps", Lines).show(lines)


def _about(draft: Draft) -> tuple[object, ...]:
    return draft.connection, draft.sys, draft.account, draft.password, draft.secret

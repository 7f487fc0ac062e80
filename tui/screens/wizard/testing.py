"""The test of a sys tenant account, in words as it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message

from core.errors import OfframpError
from tui.runs import Line, join, run
from tui.screens.wizard.draft import Draft
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from connectors.base import TestStep
    from tui.app import OfframpApp


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
    """`Wanted` asks for the test; `begin` makes it."""

    DEFAULT_CSS = """
    SysTest { height: 1fr; padding: 1 0 0 2; display: none; }
    SysTest #sys-steps { height: 1fr; margin-top: 1; }
    """

    class Wanted(Message):
        def __init__(self, test: SysTest) -> None:
            super().__init__()
            self.test = test

    def compose(self) -> ComposeResult:
        yield TestKey([join(run("[space]", "key"), run(" Test connection"))])
        steps = Lines(id="sys-steps")
        steps.can_focus = False
        yield steps

    def press(self) -> None:
        self.post_message(self.Wanted(self))

    def begin(self, app: OfframpApp, draft: Draft) -> None:
        """Try it in a thread; its steps appear when all of them are known."""
        account = draft.sys_account()
        self._show([run("Testing ...", "dim")])
        good, bad = app.glyphs.good, app.glyphs.bad

        def work() -> list[TestStep]:
            return list(app.service.connections.test(draft.connection, account, draft.password or None))

        def then(found: list[TestStep]) -> None:
            self._show([_line(step, good, bad) for step in found])

        def failed(error: OfframpError) -> None:
            self._show([run(f"{bad} {error.message} {error.hint}".strip(), "bad")])

        app.call(work, then, failed=failed)

    def _show(self, lines: list[Line]) -> None:
        self.query_one("#sys-steps", Lines).show(lines)


def _line(step: TestStep, good: str, bad: str) -> Line:
    mark = run(f"{good} ", "good") if step.ok else run(f"{bad} ", "bad")
    return join(mark, run(step.name, "" if step.ok else "bad"), run(f"  {step.detail}", "dim"))

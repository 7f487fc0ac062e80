"""One line to type, over a screen."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Input

from tui.plain import plain
from tui.runs import EMPTY, run, wrap
from tui.widgets.dialog import FRAME, Framed
from tui.widgets.lines import Lines

COLUMNS = 66


class Ask(Framed[str | None]):
    """Gives back what was typed, None for Escape. `check` says what is wrong with a text, "" for nothing;
    it is called with every key, and Enter is refused while it finds something."""

    DEFAULT_CSS = """
    Ask Input { margin: 1 0; }
    """
    BINDINGS = [Binding("escape", "leave", show=False)]

    def __init__(
        self,
        title: str,
        *,
        label: str,
        value: str = "",
        check: Callable[[str], str] = lambda _: "",
        password: bool = False,
    ) -> None:
        super().__init__()
        self._title = title
        self._label = label
        self._value = value
        self._check = check
        self._password = password

    def compose(self) -> ComposeResult:
        with Vertical(classes="frame"):
            yield Lines(id="wanted")
            entry = Input(
                value=self._value if self._password else plain(self._value),
                password=self._password,
                select_on_focus=False,
            )
            entry.cursor_blink = False
            yield entry
            yield Lines(id="wrong")

    def on_mount(self) -> None:
        self._draw()
        self.query_one(Input).focus()

    def on_resize(self) -> None:
        self._draw()

    @property
    def _inner(self) -> int:
        return min(COLUMNS, self.app.size.width - 4) - FRAME

    def _draw(self) -> None:
        self.query_one(".frame").styles.width = self._inner + FRAME
        title = [run(line, "strong") for line in wrap(self._title, self._inner)]
        label = [run(line, "dim") for line in wrap(self._label, self._inner)]
        self.query_one("#wanted", Lines).show([*title, EMPTY, *label])
        self._judge(self.query_one(Input).value)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._judge(event.value)

    def _judge(self, text: str) -> str:
        wrong = self._check(text)
        self.query_one("#wrong", Lines).show(
            [run(line, "warn") for line in wrap(wrong, self._inner)]
            if wrong
            else [run("Enter goes on, Esc leaves.", "dim")]
        )
        return wrong

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if not self._judge(event.value):
            self.dismiss(event.value)

    def action_leave(self) -> None:
        self.dismiss(None)

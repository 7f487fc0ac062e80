"""Some lines to type, over a screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Input

from tui.plain import plain
from tui.runs import EMPTY, Line, run, wrap
from tui.widgets.dialog import WIDEST, Framed
from tui.widgets.lines import Lines


class AskSeveral(Framed[dict[str, str] | None]):
    """`entries`: id, label and value of each line. Gives back what was typed by id, None for Escape. `check`
    says what is wrong with all of it, "" for nothing; Enter goes to the next line, and on the last one out,
    which is refused while something is wrong."""

    DEFAULT_CSS = """
    AskSeveral Input { margin: 0 0 1 0; }
    AskSeveral .label { height: 1; }
    """
    BINDINGS = [
        Binding("escape", "leave", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(
        self,
        title: str,
        entries: Sequence[tuple[str, str, str]],
        *,
        text: str = "",
        check: Callable[[Mapping[str, str]], str] = lambda _: "",
    ) -> None:
        super().__init__()
        self._title = title
        self._entries = tuple(entries)
        self._text = text
        self._check = check

    def compose(self) -> ComposeResult:
        with Vertical(classes="frame"):
            yield _still(Lines(id="head"))
            for name, label, value in self._entries:
                yield _still(Lines([run(label, "dim")], classes="label"))
                entry = Input(value=plain(value), select_on_focus=False, id=name)
                entry.cursor_blink = False
                yield entry
            yield _still(Lines(id="wrong"))

    @property
    def _columns(self) -> int:
        return min(WIDEST, self.app.size.width - 4)

    def on_mount(self) -> None:
        self.query_one(".frame").styles.width = self._columns
        head: list[Line] = [run(line, "strong") for line in wrap(self._title, self._columns - 6)]
        if self._text:
            head += [run(line, "dim") for line in wrap(self._text, self._columns - 6)]
        self.query_one("#head", Lines).show([*head, EMPTY])
        self.query(Input).first().focus()
        self._judge()

    @property
    def typed(self) -> dict[str, str]:
        return {
            name: _as_it_was(self.query_one(f"#{name}", Input).value, value)
            for name, _, value in self._entries
        }

    def on_input_changed(self) -> None:
        self._judge()

    def _judge(self) -> str:
        wrong = self._check(self.typed)
        words = wrap(wrong, self._columns - 6) if wrong else ["Enter goes on, Esc leaves."]
        self.query_one("#wrong", Lines).show([run(line, "warn" if wrong else "dim") for line in words])
        return wrong

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.input.id != self._entries[-1][0]:
            self.focus_next(Input)
        elif not self._judge():
            self.dismiss(self.typed)

    def action_leave(self) -> None:
        self.dismiss(None)


def _as_it_was(typed: str, before: str) -> str:
    """What stood for a line break or another sign that no field shows is that again."""
    if typed == plain(before):
        return before
    for sign in {c for c in before if plain(c) != c}:
        typed = typed.replace(plain(sign), sign)
    return typed


def _still(lines: Lines) -> Lines:
    """Not a stop of Tab."""
    lines.can_focus = False
    return lines

"""What lies over a screen: a choice (also the question before something is destroyed), and an error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen

from core.errors import ErrorInfo, OfframpError
from tui.actions import key_name
from tui.runs import EMPTY, Line, run, wrap
from tui.widgets.columns import Column
from tui.widgets.lines import Lines
from tui.widgets.table import Row, Table

WIDEST = 74
FRAME = 6


@dataclass(frozen=True, slots=True)
class Choice:
    """`key` chooses it at once (Textual's name of a key; "" for none); `detail` stands behind the label."""

    id: str
    label: str
    key: str = ""
    detail: str = ""


R = TypeVar("R")


class Framed(ModalScreen[R]):
    """A frame in the middle of the screen, over what is there: a `Vertical` of the class `frame`."""

    DEFAULT_CSS = """
    Framed { align: center middle; background: $background 60%; }
    Framed:ansi { background: transparent; }
    Framed .frame {
        width: auto; height: auto; max-height: 90%; padding: 0 2; border: round $accent;
        background: $background;
    }
    .-ascii Framed .frame { border: ascii $accent; }
    Framed .frame Lines { height: auto; max-height: 18; }
    Framed .frame Table { height: auto; max-height: 16; margin-top: 1; }
    """


class Choose(Framed[str | None]):
    """Asks for one of some `choices`; gives back its id, None for Escape. The cursor stands on `default`,
    which must be the safe answer where another one destroys something."""

    BINDINGS = [
        Binding("escape", "leave", show=False),
        Binding("enter", "choose", show=False),
        # A second `.` or `?` closes what the first one opened.
        Binding("full_stop,q", "leave", show=False),
    ]

    def __init__(
        self, title: str, choices: Sequence[Choice], *, text: str = "", default: str | None = None
    ) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._choices = tuple(choices)
        self._default = default or self._choices[0].id

    def compose(self) -> ComposeResult:
        columns = [
            Column(id="key", label="", least=max((len(key_name(c.key)) for c in self._choices), default=0)),
            Column(id="label", label="", least=max(len(c.label) for c in self._choices)),
            Column(id="detail", label="", least=0, share=1),
        ]
        with Vertical(classes="frame"):
            yield Lines()
            yield Table(columns, head=False)

    def on_mount(self) -> None:
        self._draw()
        table = self.query_one(Table)
        table.show(
            [
                Row(c.id, (run(key_name(c.key), "key"), run(c.label), run(c.detail, "dim")))
                for c in self._choices
            ]
        )
        table.select(self._default)
        table.focus()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        room = min(WIDEST, self.app.size.width - 4) - FRAME
        widest = max(len(c.label) for c in self._choices) + max(len(c.detail) for c in self._choices) + 12
        inner = max(34, min(room, max(widest, len(self._title), len(self._text))))
        self.query_one(".frame").styles.width = inner + FRAME
        lines: list[Line] = [run(line, "strong") for line in wrap(self._title, inner)]
        if self._text:
            lines += [EMPTY, *(run(line) for line in wrap(self._text, inner))]
        self.query_one(Lines).show(lines)
        self.query_one(Table).styles.height = min(len(self._choices), max(3, self.app.size.height - 8))

    def on_key(self, event: events.Key) -> None:
        for choice in self._choices:
            if choice.key == event.key:
                event.stop()
                self.dismiss(choice.id)
                return

    def on_table_chosen(self, event: Table.Chosen) -> None:
        self.dismiss(str(event.row_id))

    def action_choose(self) -> None:
        self.dismiss(str(self.query_one(Table).cursor_id))

    def action_leave(self) -> None:
        self.dismiss(None)


def confirm(question: str, *, yes: str, no: str = "Cancel", text: str = "") -> Choose:
    """The question before something is destroyed: gives back "yes", else nothing is to be done."""
    return Choose(question, [Choice("no", no, "n"), Choice("yes", yes, "y")], text=text, default="no")


class Tell(Framed[None]):
    """An error in full: what happened, and what to do about it."""

    BINDINGS = [Binding("escape,enter,space,q", "leave", show=False)]

    def __init__(self, error: OfframpError | ErrorInfo, *, title: str = "That didn't work") -> None:
        super().__init__()
        self._title = title
        self._error = error

    def compose(self) -> ComposeResult:
        with Vertical(classes="frame"):
            yield Lines()

    def on_mount(self) -> None:
        columns = min(WIDEST, self.app.size.width - 4)
        self.query_one(".frame").styles.width = columns
        inner = columns - FRAME
        lines = [run(self._title, "bad"), EMPTY]
        lines += [run(line) for line in wrap(self._error.message, inner)]
        if self._error.hint:
            lines += [EMPTY, *(run(line, "accent") for line in wrap(self._error.hint, inner))]
        lines += [EMPTY, run("Enter closes this.", "dim")]
        self.query_one(Lines).show(lines)

    def action_leave(self) -> None:
        self.dismiss(None)

"""What the keys do here (`?`), the menu of actions (`.`), and finding an action by its name (`:`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.actions import Action, Place, key_name
from tui.runs import EMPTY, run, wrap
from tui.widgets.columns import Column
from tui.widgets.dialog import Choice, Choose
from tui.widgets.lines import Lines
from tui.widgets.table import Row, Table


@dataclass(frozen=True, slots=True)
class Entry:
    """An action as it stands now: its keys, and why it can't be done ("" where it can)."""

    action: Action
    keys: tuple[str, ...]
    refusal: str

    @property
    def key_names(self) -> str:
        return " ".join(key_name(key) for key in self.keys)


def menu(entries: Sequence[Entry], title: str) -> Choose:
    """The actions that can be done now, to choose one."""
    choices = [
        Choice(entry.action.id, entry.action.label, entry.keys[0], entry.action.help)
        for entry in entries
        if not entry.refusal and entry.action.places[0] is not Place.ANY
    ]
    choices += [
        Choice(entry.action.id, entry.action.label, entry.keys[0], entry.action.help)
        for entry in entries
        if not entry.refusal and entry.action.id in ("app.palette", "app.help", "app.theme", "app.quit")
    ]
    return Choose(title, choices)


class _Overlay(ModalScreen[str | None]):
    """A wide frame with a list in it."""

    DEFAULT_CSS = """
    _Overlay { align: center middle; background: $background 60%; }
    _Overlay:ansi { background: transparent; }
    _Overlay .wide {
        width: 94%; max-width: 100; height: 92%; padding: 0 1; border: round $accent;
        background: $background;
    }
    .-ascii _Overlay .wide { border: ascii $accent; }
    _Overlay Input { margin: 1 0; }
    """


class Help(_Overlay):
    """Keys and what they do, in full for the one under the cursor; gives back None."""

    DEFAULT_CSS = """
    Help #in-full { height: 4; margin-top: 1; }
    """

    BINDINGS = [Binding("escape,question_mark,q,enter", "leave", show=False)]

    def __init__(self, entries: Sequence[Entry], moves: Sequence[Entry], place: str) -> None:
        super().__init__()
        self._entries = entries
        self._moves = moves
        self._place = place

    def compose(self) -> ComposeResult:
        with Vertical(classes="wide"):
            yield Lines(id="title")
            yield Table(
                [
                    Column(id="key", label="Key", least=13),
                    Column(id="label", label="Action", least=16),
                    Column(id="help", label="What it does", least=20, share=1),
                    Column(id="id", label="Name in [keys]", least=18, drop=1),
                ]
            )
            yield Lines(id="in-full")

    def on_mount(self) -> None:
        self.query_one("#title", Lines).show([run(f"Keys: {self._place}", "strong"), EMPTY])
        here = [e for e in self._entries if e.action.places[0] is not Place.ANY]
        anywhere = [e for e in self._entries if e.action.places[0] is Place.ANY]
        rows = [self._row(entry) for entry in (*here, *anywhere, *self._moves)]
        self.query_one(Table).show(rows)
        self.query_one(Table).focus()

    def on_table_moved(self, event: Table.Moved) -> None:
        event.stop()
        self._show_in_full()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_in_full)

    def _show_in_full(self) -> None:
        entry = next(
            (e for e in (*self._entries, *self._moves) if e.action.id == self.query_one(Table).cursor_id),
            None,
        )
        below = self.query_one("#in-full", Lines)
        if entry is not None:
            words = " ".join(filter(None, (entry.action.help, entry.refusal)))
            lines = [run(line) for line in wrap(words, max(20, below.size.width))]
            below.show([*lines[:3], run(f"In [keys] of the settings file: {entry.action.id}", "dim")])

    def _row(self, entry: Entry) -> Row:
        action = entry.action
        cells = (
            run(entry.key_names, "key"),
            run(action.label),
            run(entry.refusal or action.help, "dim" if entry.refusal else ""),
            run(action.id, "dim"),
        )
        return Row(action.id, cells, "dim" if entry.refusal else "")

    def action_leave(self) -> None:
        self.dismiss(None)


class Palette(_Overlay):
    """Finds an action by words of its label and its sentence; gives back its id."""

    BINDINGS = [
        Binding("escape", "leave", show=False),
        Binding("down", "move(1)", show=False),
        Binding("up", "move(-1)", show=False),
    ]

    def __init__(self, entries: Sequence[Entry]) -> None:
        super().__init__()
        self._entries = entries

    def compose(self) -> ComposeResult:
        with Vertical(classes="wide"):
            entry = Input(placeholder="what to do", select_on_focus=False)
            entry.cursor_blink = False
            yield entry
            yield Table(
                [
                    Column(id="label", label="", least=16),
                    Column(id="help", label="", least=20, share=1),
                    Column(id="key", label="", least=10, right=True),
                ],
                head=False,
            )

    def on_mount(self) -> None:
        self._find("")
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._find(event.value)

    def _find(self, text: str) -> None:
        words = text.lower().split()
        found = [
            entry
            for entry in self._entries
            if all(
                word in f"{entry.action.label} {entry.action.help} {entry.action.id}".lower()
                for word in words
            )
        ]
        # A word at the beginning of the label counts more.
        found.sort(
            key=lambda e: (bool(e.refusal), not (words and e.action.label.lower().startswith(words[0])))
        )
        table = self.query_one(Table)
        table.show(
            [
                Row(
                    e.action.id,
                    (run(e.action.label), run(e.refusal or e.action.help, "dim"), run(e.key_names, "key")),
                    "dim" if e.refusal else "",
                )
                for e in found
            ]
        )
        table.action_go(0)

    def on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            event.stop()
            self._choose()

    def on_table_chosen(self) -> None:
        self._choose()

    def _choose(self) -> None:
        chosen = self.query_one(Table).cursor_id
        self.dismiss(str(chosen) if chosen is not None else None)

    def action_move(self, rows: int) -> None:
        self.query_one(Table).action_move(rows)

    def action_leave(self) -> None:
        self.dismiss(None)

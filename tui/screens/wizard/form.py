"""Fields on the screen: each one line, a choice or something to type, with a mark where it is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input

from tui import look
from tui.plain import plain
from tui.runs import Line, fit, join, length, run
from tui.screens.wizard.draft import Draft
from tui.screens.wizard.field import Field, Option
from tui.screens.wizard.rules import Known
from tui.widgets.dialog import Choice, Choose
from tui.widgets.lines import Lines, role_styles

LABEL = 19
MANY = 3


class Pick(Widget, can_focus=True):
    """One of some options: left and right take the one before and the next, space too; of many, space shows
    the list. All of them stand side by side where there is room."""

    DEFAULT_CSS = "Pick { height: 1; width: 1fr; }"
    BINDINGS = [
        Binding("right", "turn(1)", show=False),
        Binding("left", "turn(-1)", show=False),
        Binding("space", "open", show=False),
    ]

    class Changed(Message):
        def __init__(self, pick: Pick, value: str) -> None:
            super().__init__()
            self.pick = pick
            self.value = value

        @property
        def control(self) -> Pick:
            return self.pick

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.options: tuple[Option, ...] = ()
        self.value = ""

    def put(self, options: Sequence[Option], value: str) -> None:
        if (tuple(options), value) != (self.options, self.value):
            self.options, self.value = tuple(options), value
            self.refresh()

    @property
    def _place(self) -> int:
        return next((i for i, option in enumerate(self.options) if option.value == self.value), -1)

    def action_turn(self, by: int) -> None:
        if self.options:
            place = self._place
            place = (place + by) % len(self.options) if place >= 0 else 0
            self._choose(self.options[place].value)

    def action_open(self) -> None:
        if len(self.options) <= MANY:
            self.action_turn(1)
            return
        choices = [Choice(str(i), plain(option.label)) for i, option in enumerate(self.options)]

        def chosen(answer: str | None) -> None:
            if answer is not None:
                self._choose(self.options[int(answer)].value)

        self.app.push_screen(Choose("Choose", choices, default=str(max(0, self._place))), chosen)

    def _choose(self, value: str) -> None:
        if value != self.value:
            self.value = value
            self.refresh()
            self.post_message(self.Changed(self, value))

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        x = 1
        for option in self.options:
            wide = length(run(option.label)) + 2
            if x - 1 <= event.x < x - 1 + wide and self._fits:
                self._choose(option.value)
                return
            x += wide
        if not self._fits:
            self.action_open()

    @property
    def _fits(self) -> bool:
        return sum(length(run(option.label)) + 2 for option in self.options) <= self.size.width

    def render_line(self, y: int) -> Strip:
        del y
        roles = role_styles(self)
        base = self.rich_style
        theme = look.THEMES.get(self.app.theme, look.DARK)
        chosen = base + (look.cursor_style(theme) if self.has_focus else Style()) + Style(bold=True)
        segments: list[Segment] = []
        if self._fits:
            for option in self.options:
                here = option.value == self.value
                text = plain(option.label)
                style = chosen + roles["accent"] if here else base + roles["dim"]
                segments.append(Segment(f"[{text}]" if here else f" {text} ", style))
        else:
            place = self._place
            label = plain(self.options[place].label) if place >= 0 else plain(self.value)
            words: Line = join(
                run(f"[{label}]", "accent"), run(f"  {place + 1} of {len(self.options)}", "dim")
            )
            segments = [
                Segment(text, (chosen if i == 0 else base) + roles[role])
                for i, (text, role) in enumerate(fit(words, self.size.width))
            ]
        return Strip(segments).adjust_cell_length(self.size.width, base)


class FieldRow(Horizontal):
    """A label and what is chosen or typed."""

    DEFAULT_CSS = f"""
    FieldRow {{ height: 1; width: 1fr; }}
    FieldRow > Lines {{ width: {LABEL + 2}; height: 1; }}
    FieldRow > Input {{ width: 1fr; padding: 0 1; }}
    """

    def __init__(self, field: Field) -> None:
        super().__init__(id=f"row-{field.id}")
        self.field = field

    def compose(self) -> ComposeResult:
        label = Lines()
        label.can_focus = False
        yield label
        if self.field.options is not None:
            yield Pick(id=self.field.id)
            return
        entry = Input(id=self.field.id, password=self.field.secret, select_on_focus=False)
        entry.cursor_blink = False
        yield entry

    @property
    def control(self) -> Pick | Input:
        found = self.query_one(f"#{self.field.id}")
        assert isinstance(found, Pick | Input)  # noqa: S101 - as composed
        return found

    def put(self, draft: Draft, known: Known, wrong: str) -> None:
        shown = self.field.shown(draft, known)
        if self.display != shown:
            self.display = shown
        control, value = self.control, self.field.get(draft, known)
        if isinstance(control, Pick):
            options = self.field.options
            control.put(options(draft, known) if options is not None else (), value)
        elif plain(value) != control.value and value != control.value:
            with self.prevent(Input.Changed):
                control.value = value if self.field.secret else plain(value)
                control.cursor_position = len(control.value)
        glyphs = getattr(self.app, "glyphs", look.UNICODE)
        mark = run(f"{glyphs.bad} ", "bad") if wrong else run("  ")
        role = "bad" if wrong else "accent" if self.has_focus_within else "dim"
        self.query_one(Lines).show([join(mark, run(self.field.label, role))])


class Form(VerticalScroll, can_focus=False):
    """Fields below each other. Up, down and Tab go from one to the next. Tells by `Edited` what was changed,
    by `Entered` which field the cursor is in."""

    DEFAULT_CSS = "Form { height: auto; max-height: 1fr; scrollbar-size-vertical: 1; }"
    BINDINGS = [
        Binding("down", "go(1)", show=False),
        Binding("up", "go(-1)", show=False),
    ]

    class Edited(Message):
        def __init__(self, field: Field, text: str) -> None:
            super().__init__()
            self.field = field
            self.text = text

    class Entered(Message):
        def __init__(self, field: Field) -> None:
            super().__init__()
            self.field = field

    def __init__(self, fields: Sequence[Field], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.fields = tuple(fields)

    def compose(self) -> ComposeResult:
        for field in self.fields:
            yield FieldRow(field)

    @property
    def rows(self) -> list[FieldRow]:
        return list(self.query(FieldRow))

    @property
    def current(self) -> Field | None:
        """The field that the cursor is in."""
        return next((row.field for row in self.rows if row.control.has_focus), None)

    def put(self, draft: Draft, known: Known, wrong: Mapping[str, str]) -> None:
        for row in self.rows:
            row.put(draft, known, wrong.get(row.field.id, ""))

    def enter(self, field_id: str = "") -> bool:
        """Put the cursor into a field, by default the first; False where there is none."""
        for row in self.rows:
            if row.display and field_id in ("", row.field.id):
                row.control.focus()
                return True
        return False

    def action_go(self, by: int) -> None:
        shown = [row for row in self.rows if row.display]
        here = next((i for i, row in enumerate(shown) if row.control.has_focus), None)
        if here is None:
            return
        if 0 <= here + by < len(shown):
            shown[here + by].control.focus()
        elif by > 0:
            self.screen.focus_next()
        else:
            self.screen.focus_previous()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        row = event.widget.parent
        if isinstance(row, FieldRow):
            self.post_message(self.Entered(row.field))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        row = event.input.parent
        if isinstance(row, FieldRow):
            self.post_message(self.Edited(row.field, event.value))

    def on_pick_changed(self, event: Pick.Changed) -> None:
        event.stop()
        row = event.pick.parent
        if isinstance(row, FieldRow):
            self.post_message(self.Edited(row.field, event.value))

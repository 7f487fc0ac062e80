"""A form over a screen: fields one below the other, each with its rule checked as one types.

Tab and the arrows go from field to field, Left and Right choose where there is a choice, Enter saves, Escape
leaves. The line at the bottom says what the field wants, or what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.segment import Segment
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input

from tui import look
from tui.plain import plain, width
from tui.runs import EMPTY, Line, fit, join, run, wrap
from tui.widgets.lines import Lines, role_styles

LABEL = 18
WIDEST = 84
HELP_ROWS = 2
MORE = " ..."


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """`help` is what it wants, in a sentence. With `choices` (value, label) one of them is chosen, else a
    text is typed, unseen where it is `secret`."""

    id: str
    label: str
    help: str
    choices: tuple[tuple[str, str], ...] = ()
    secret: bool = False


class Pick(Widget, can_focus=True):
    """One of some choices in a row: Left and Right, Space, or a choice's first letter."""

    DEFAULT_CSS = "Pick { height: 1; width: 1fr; }"
    BINDINGS = [
        Binding("left,h", "turn(-1)", show=False),
        Binding("right,l,space", "turn(1)", show=False),
    ]

    class Changed(Message):
        def __init__(self, pick: Pick) -> None:
            super().__init__()
            self.pick = pick

    def __init__(self, choices: Sequence[tuple[str, str]], value: str, *, id: str) -> None:
        super().__init__(id=id)
        self.choices = tuple(choices)
        self.value = value

    def put(self, value: str) -> None:
        if value != self.value:
            self.value = value
            self.refresh()
            self.post_message(self.Changed(self))

    def action_turn(self, by: int) -> None:
        values = [value for value, _ in self.choices]
        self.put(values[(values.index(self.value) + by) % len(values)])

    def on_key(self, event: events.Key) -> None:
        if event.character is None or not event.character.isalpha() or event.key in ("h", "l"):
            return
        values = [value for value, _ in self.choices]
        here = values.index(self.value)
        for step in range(1, len(values) + 1):
            value, label = self.choices[(here + step) % len(values)]
            if label.lower().startswith(event.character.lower()):
                event.stop()
                self.put(value)
                return

    def on_click(self, event: events.Click) -> None:
        window = self._window
        x = len(MORE) if window.start else 0
        if event.x < x:
            self.put(self.choices[window.start - 1][0])
            return
        for value, label in self.choices[window]:
            if x <= event.x < x + width(label) + 2:
                self.put(value)
                return
            x += width(label) + 2
        if window.stop < len(self.choices) and event.x < x + len(MORE):
            self.put(self.choices[window.stop][0])

    @property
    def _window(self) -> slice:
        """The choices that are shown: where there is no room for all, whole ones up to the chosen one and
        beyond; `MORE` takes its place at either end."""
        index = next(i for i, (value, _) in enumerate(self.choices) if value == self.value)
        number, room = len(self.choices), self.size.width

        def fits(first: int, end: int) -> bool:
            marks = len(MORE) * ((first > 0) + (end < number))
            return marks + sum(width(label) + 2 for _, label in self.choices[first:end]) <= room

        first = next((i for i in range(index) if fits(i, index + 1)), index)
        end = next((i for i in range(number, index + 1, -1) if fits(first, i)), index + 1)
        return slice(first, end)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def render_line(self, y: int) -> Strip:
        base, roles = self.rich_style, role_styles(self)
        cursor = look.cursor_style(look.THEMES.get(self.app.theme, look.DARK))
        segments: list[Segment] = []
        window = self._window
        more = Segment(MORE, base + roles["dim"])
        if y == 0:
            segments += [more] if window.start else []
            for value, label in self.choices[window]:
                here = value == self.value
                style = base + (roles["accent" if here else "dim"])
                if here and self.has_focus:
                    style += cursor
                # A mark beside the colour: the terminal may have none.
                segments.append(Segment(f"{'>' if here else ' '}{label} ", style))
            segments += [more] if window.stop < len(self.choices) else []
        return Strip(segments).adjust_cell_length(self.size.width, base)


class Form(ModalScreen[bool]):
    """A subclass says in

    `fields()`      its fields, in their order,
    `start()`       what stands in them at first,
    `seen(values)`  which of them are shown now,
    `wrong(values)` what is wrong, by field,
    `save(values)`  what is to be done with them; it dismisses the form.
    """

    title_text = ""
    DEFAULT_CSS = """
    Form { align: center top; background: $background 60%; }
    Form:ansi { background: transparent; }
    Form .sheet {
        height: auto; max-height: 100%; padding: 0 2; border: round $accent; background: $background;
    }
    .-ascii Form .sheet { border: ascii $accent; }
    Form VerticalScroll { height: auto; scrollbar-size-vertical: 1; }
    Form Horizontal { height: 1; }
    Form Horizontal > Lines { width: 20; height: 1; }
    Form Input { width: 1fr; }
    Form #form-help { height: 2; margin-top: 1; }
    """
    BINDINGS = [
        Binding("escape", "leave", show=False),
        Binding("down", "app.focus_next", show=False, priority=True),
        Binding("up", "app.focus_previous", show=False, priority=True),
        Binding("tab", "app.focus_next", show=False),
        Binding("shift+tab", "app.focus_previous", show=False),
        Binding("enter", "save", show=False, priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._touched: set[str] = set()
        self._said = ""

    def fields(self) -> Sequence[Field]:
        raise NotImplementedError

    def start(self) -> Mapping[str, str]:
        raise NotImplementedError

    def seen(self, values: Mapping[str, str]) -> set[str]:
        del values
        return {field.id for field in self.fields()}

    def wrong(self, values: Mapping[str, str]) -> dict[str, str]:
        raise NotImplementedError

    def save(self, values: Mapping[str, str]) -> None:
        raise NotImplementedError

    # The widgets

    def compose(self) -> ComposeResult:
        start = self.start()
        with Vertical(classes="sheet"):
            yield Lines([run(self.title_text, "strong"), EMPTY], id="form-title")
            with VerticalScroll(can_focus=False):
                for field in self.fields():
                    with Horizontal(id=f"row-{field.id}"):
                        yield Lines([run(field.label, "dim")], id=f"label-{field.id}")
                        yield self._entry(field, start.get(field.id, ""))
            yield Lines(id="form-help")
            yield Lines(
                [
                    join(
                        *(
                            run(key, "key") + run(f" {what}  ", "dim")
                            for key, what in (
                                ("Enter", "Save"),
                                ("Tab", "Next field"),
                                ("Left Right", "Choose"),
                                ("Esc", "Leave"),
                            )
                        )
                    )
                ]
            )

    def _entry(self, field: Field, value: str) -> Widget:
        if field.choices:
            return Pick(field.choices, value or field.choices[0][0], id=f"field-{field.id}")
        entry = Input(
            value=value if field.secret else plain(value),
            password=field.secret,
            select_on_focus=False,
            id=f"field-{field.id}",
        )
        entry.cursor_blink = False
        return entry

    def on_mount(self) -> None:
        self._before = self.values
        for lines in self.query(Lines):
            lines.can_focus = False  # Tab goes from field to field
        self._show_rows()
        self.on_resize()
        first = next(iter(self.query("Input, Pick").results(Widget)), None)
        for entry in self.query("Input, Pick").results(Widget):
            if entry.parent is not None and getattr(entry.parent, "display", False):
                first = entry
                break
        if first is not None:
            first.focus()

    def on_resize(self) -> None:
        columns = min(WIDEST, self.app.size.width - 2)
        self.query_one(".sheet").styles.width = columns
        # Frame, title, help and keys stay; the fields scroll where they don't fit.
        self.query_one(VerticalScroll).styles.max_height = max(3, self.app.size.height - 8)
        self._judge()

    @property
    def values(self) -> dict[str, str]:
        """What stands in the fields, of all of them, seen or not."""
        found = {}
        for field in self.fields():
            entry = self.query_one(f"#field-{field.id}")
            found[field.id] = entry.value if isinstance(entry, (Input, Pick)) else ""
        return found

    @property
    def said(self) -> str:
        """What the line at the bottom says."""
        return self._said

    def _show_rows(self) -> None:
        shown = self.seen(self.values)
        for field in self.fields():
            self.query_one(f"#row-{field.id}").display = field.id in shown

    def _here(self) -> Field | None:
        focused = self.focused
        name = (focused.id or "").removeprefix("field-") if focused is not None else ""
        return next((field for field in self.fields() if field.id == name), None)

    # Checking

    def found_wrong(self) -> dict[str, str]:
        values = self.values
        shown = self.seen(values)
        return {name: text for name, text in self.wrong(values).items() if name in shown}

    def _judge(self) -> None:
        wrong = self.found_wrong()
        for field in self.fields():
            bad = field.id in wrong and field.id in self._touched
            label = join(run("! ", "bad") if bad else run("  "), run(field.label, "bad" if bad else "dim"))
            self.query_one(f"#label-{field.id}", Lines).show([label])
        here = self._here()
        if here is not None:
            problem = wrong.get(here.id, "") if here.id in self._touched else ""
            self.tell(problem or here.help, "warn" if problem else "dim")

    def tell(self, text: str, role: str = "warn") -> None:
        self._said = text
        inner = min(WIDEST, self.app.size.width - 2) - 6
        lines: list[Line] = [fit(run(line, role), inner) for line in wrap(text, inner)[:HELP_ROWS]]
        self.query_one("#form-help", Lines).show([*lines, EMPTY, EMPTY][:HELP_ROWS])

    def _changed(self, widget: Widget) -> None:
        self._touched.add((widget.id or "").removeprefix("field-"))
        self._show_rows()
        self._judge()

    def on_input_changed(self, event: Input.Changed) -> None:
        if self.is_mounted and event.input.has_focus:
            self._changed(event.input)

    def on_pick_changed(self, event: Pick.Changed) -> None:
        self._changed(event.pick)

    def on_descendant_focus(self) -> None:
        self._judge()

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        # What one has passed by counts as filled in.
        if event.widget.id and event.widget.id.startswith("field-"):
            self._touched.add(event.widget.id.removeprefix("field-"))

    # Leaving

    def action_save(self) -> None:
        wrong = self.found_wrong()
        if wrong:
            self._touched = {field.id for field in self.fields()}
            first = next(field.id for field in self.fields() if field.id in wrong)
            self.query_one(f"#field-{first}").focus()
            self._judge()
            self.tell(wrong[first])
            return
        self.save(self.values)

    def action_leave(self) -> None:
        if self.values == self._before:
            self.dismiss(result=False)
            return
        from tui.widgets.dialog import confirm  # noqa: PLC0415 - only where something would be lost

        def answered(answer: str | None) -> None:
            if answer == "yes":
                self.dismiss(result=False)

        self.app.push_screen(
            confirm("Leave without saving?", yes="Leave", no="Go on", text="What was typed is lost."),
            answered,
        )

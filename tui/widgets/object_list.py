"""The objects of a database: by type with counts, searched as one types, marked; twenty thousand are few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input

from core.model.vocabulary import ObjectRef, ObjectType
from core.service.words import count, size
from tui import look
from tui.runs import EMPTY, Line, ends, join, run, wrap
from tui.widgets.columns import Column
from tui.widgets.dialog import confirm
from tui.widgets.lines import Lines
from tui.widgets.table import Row, Table

if TYPE_CHECKING:
    from connectors.base import ObjectInfo

WINDOW = 200
COLUMNS = (
    Column(id="type", label="Type", least=9, drop=1),
    Column(id="name", label="Object", least=20, share=3, most=60),
    Column(id="rows", label="Rows", least=14, drop=2, right=True),
    Column(id="size", label="Size", least=9, drop=3, right=True),
    Column(id="note", label="", least=8, share=2, drop=4),
)


class ObjectList(Vertical):
    """`show` gives it objects; `marked` are those that were chosen, also while a search hides them. Tells
    with `Changed` when that changes. `glyphs` of the application say how an estimate is written."""

    DEFAULT_CSS = """
    ObjectList { height: 1fr; }
    ObjectList #object-counts { height: 1; }
    ObjectList #object-search { height: 1; }
    ObjectList #object-search Lines { width: 3; }
    ObjectList #object-search Input { padding: 0; width: 1fr; background: $background; }
    ObjectList #object-words { height: 1fr; padding: 1 3; display: none; }
    """

    class Changed(Message):
        """Other objects are marked."""

        def __init__(self, marked: frozenset[ObjectRef]) -> None:
            super().__init__()
            self.marked = marked

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.kind: ObjectType | None = None
        self.data_only = False
        self._infos: tuple[ObjectInfo, ...] = ()
        self._folded: tuple[str, ...] = ()
        self._shown: list[ObjectInfo] = []
        self._found: Counter[ObjectType] = Counter()
        self._offset = 0
        self._words = ""

    def compose(self) -> ComposeResult:
        yield _still(Lines(id="object-counts"))
        with Horizontal(id="object-search"):
            yield _still(Lines([run(" / ", "dim")]))
            entry = Input(placeholder="search", select_on_focus=False, id="search")
            entry.cursor_blink = False
            entry.can_focus = False
            yield entry
        yield _still(Lines(id="object-words"))
        yield Table(COLUMNS)

    def on_mount(self) -> None:
        self._narrow()

    # What is in it

    @property
    def table(self) -> Table:
        return self.query_one(Table)

    @property
    def search(self) -> Input:
        return self.query_one("#search", Input)

    @property
    def infos(self) -> tuple[ObjectInfo, ...]:
        return self._infos

    @property
    def kinds(self) -> Counter[ObjectType]:
        return Counter(info.ref.type for info in self._infos)

    @property
    def marked(self) -> frozenset[ObjectRef]:
        return frozenset(mark for mark in self.table.marks if isinstance(mark, ObjectRef))

    @property
    def here(self) -> ObjectRef | None:
        """The object under the cursor."""
        found = self.table.cursor_id
        return found if isinstance(found, ObjectRef) else None

    def chosen(self) -> frozenset[ObjectRef]:
        """The marked objects, else the one under the cursor."""
        return self.marked or (frozenset({self.here}) if self.here is not None else frozenset())

    def show(self, infos: Iterable[ObjectInfo], marked: Iterable[ObjectRef] = ()) -> None:
        """Other objects, with their marks; the search stays."""
        self._words = ""
        self._infos = tuple(infos)
        self._folded = tuple(info.ref.name.casefold() for info in self._infos)
        self.table.set_marks(set(marked))
        if self.kind not in self.kinds:
            self.kind = None
        self._narrow()

    def tell(self, words: str) -> None:
        """Words in the place of objects: it is being asked, or what went wrong."""
        self._infos, self._folded = (), ()
        self._words = words
        self._narrow()

    def mark_only(self, marked: frozenset[ObjectRef], *, data_only: bool) -> None:
        """The marks as they are elsewhere, and whether only what has data counts."""
        if self.marked != marked:
            self.table.set_marks(set(marked))
        if self.data_only != data_only:
            self.data_only = data_only
            self._narrow()
        else:
            self._show_counts()

    # What is done with it

    def toggle(self) -> None:
        self.table.toggle_mark()
        self._tell_marks()

    def toggle_all(self) -> None:
        """Mark all that is shown, or, where all of it is marked, none of that."""
        shown = {info.ref for info in self._shown}
        marks = self.marked
        self.table.set_marks(set(marks - shown if shown <= marks else marks | shown))
        self._tell_marks()

    def clear_marks(self) -> None:
        """Take all marks away, if that is confirmed."""

        def answered(answer: str | None) -> None:
            if answer == "yes":
                self.table.set_marks(set())
                self._tell_marks()

        if number := len(self.marked):
            self.app.push_screen(confirm(f"Unmark all {count(number, 'object')}?", yes="Unmark"), answered)

    def next_type(self) -> None:
        """Show the next type only; after the last one, all."""
        present: list[ObjectType | None] = [None, *(kind for kind in ObjectType if self._found[kind])]
        place = present.index(self.kind) if self.kind in present else 0
        self.kind = present[(place + 1) % len(present)]
        self._narrow()

    def begin_search(self) -> None:
        self.search.can_focus = True
        self.search.focus()

    def end_search(self) -> None:
        self.table.focus()
        self.search.can_focus = False

    def back(self) -> bool:
        """Out of the search, then the search itself, then the type; False where there was nothing."""
        if self.search.has_focus:
            self.end_search()
        elif self.search.value:
            self.search.value = ""
        elif self.kind is not None:
            self.kind = None
            self._narrow()
        else:
            return False
        return True

    def _tell_marks(self) -> None:
        self._show_counts()
        self.post_message(self.Changed(self.marked))

    # What is seen

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._narrow()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.end_search()

    def key_down(self) -> None:
        if self.search.has_focus:
            self.end_search()

    def on_table_window_wanted(self, event: Table.WindowWanted) -> None:
        event.stop()
        self._offset = max(0, min(event.first, len(self._shown) - WINDOW))
        self._show_rows()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_counts)
        self.call_after_refresh(self._show_words)

    def _narrow(self) -> None:
        wanted = self.search.value.casefold()
        # Substrings of twenty thousand names are found in some milliseconds: no thread is worth it.
        found = [
            info
            for info, name in zip(self._infos, self._folded, strict=True)
            if wanted in name and (info.ref.type.has_data or not self.data_only)
        ]
        self._found = Counter(info.ref.type for info in found)
        self._shown = [info for info in found if self.kind is None or info.ref.type is self.kind]
        self._offset = 0
        self._show_words()
        self._show_rows()
        self._show_counts()

    def _show_words(self) -> None:
        """What stands in the place of objects where there are none."""
        nothing = "Nothing here matches." if self._infos else "No object."
        words = self._words or ("" if self._shown else nothing)
        place = self.query_one("#object-words", Lines)
        place.display = bool(words)
        self.table.display = not words
        place.show([run(line, "dim") for line in wrap(words, max(20, self.size.width - 6))] if words else [])

    def _show_rows(self) -> None:
        glyphs = getattr(self.app, "glyphs", look.UNICODE)
        window = self._shown[self._offset : self._offset + WINDOW]
        self.table.show(
            [_row(info, glyphs.about) for info in window], offset=self._offset, total=len(self._shown)
        )

    def _show_counts(self) -> None:
        kinds = [
            run(f"{kind} {number:,}", "accent" if kind is self.kind else "dim")
            for kind in ObjectType
            if (number := self._found[kind])
        ]
        marked = len(self.marked)
        total = len(self._infos)
        right = (
            run(f"{marked:,} of {count(total, 'object')}", "accent" if marked else "dim") if total else EMPTY
        )
        line = self.query_one("#object-counts", Lines)
        line.show([ends(join(run(" "), join(*kinds, between="  ")), join(right, run(" ")), line.size.width)])


def _still(lines: Lines) -> Lines:
    """Not a stop of Tab."""
    lines.can_focus = False
    return lines


def _row(info: ObjectInfo, about: str) -> Row:
    rows: Line = run(f"{about}{info.rows:,}") if info.rows is not None else run("-", "dim")
    bytes_: Line = run(size(info.bytes)) if info.bytes is not None else run("-", "dim")
    has_data = info.ref.type.has_data
    return Row(
        info.ref,
        (
            run(info.ref.type, "dim"),
            run(info.ref.name),
            rows if has_data else EMPTY,
            bytes_ if has_data else EMPTY,
            run(info.note, "warn") if info.note else run(info.comment, "dim"),
        ),
    )

"""The objects of a database: by type with counts, searched as one types, marked; twenty thousand are few."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING, Protocol

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


class Explains(Protocol):
    """Words about objects that come from elsewhere, "" for none."""

    def words_of(self, ref: ObjectRef) -> str: ...


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
        self._groups: dict[ObjectType, _Group] = {}
        self._shown: list[ObjectInfo] = []
        self._found: dict[ObjectType, list[ObjectInfo]] = {}
        self._marked: frozenset[ObjectRef] = frozenset()
        self._offset = 0
        self._words = ""
        self._explained: Explains | None = None

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
    def marked(self) -> frozenset[ObjectRef]:
        return self._marked

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
        groups: dict[ObjectType, list[ObjectInfo]] = {}
        for info in self._infos:
            groups.setdefault(info.ref.type, []).append(info)
        self._groups = {kind: _Group(group) for kind, group in groups.items()}
        self._mark(frozenset(marked))
        if self.kind not in self._groups:
            self.kind = None
        self._narrow()

    def tell(self, words: str) -> None:
        """Words in the place of objects: it is being asked, or what went wrong."""
        if self._infos or self._words != words:
            self._infos, self._groups = (), {}
            self._words = words
            self._narrow()

    def explain(self, explained: Explains) -> None:
        """Words beside objects come from there; the rows are only made anew where it is another one."""
        if explained != self._explained:
            self._explained = explained
            self._show_rows()

    def mark_only(self, marked: frozenset[ObjectRef], *, data_only: bool) -> None:
        """The marks as they are elsewhere, and whether only what has data counts."""
        self._mark(marked)
        if self.data_only != data_only:
            self.data_only = data_only
            self._narrow()
        else:
            self._show_counts()

    def _mark(self, marked: frozenset[ObjectRef]) -> None:
        if marked is not self._marked and marked != self._marked:
            self._marked = marked
            self.table.set_marks(set(marked))

    # What is done with it, for the page that shows it (`Page.parts`)

    def do_objects_mark(self) -> None:
        self.toggle()

    def do_objects_all(self) -> None:
        """Mark all that is shown, or, where all of it is marked, none of that."""
        shown = self._shown_refs()
        self._mark(self._marked - shown if shown <= self._marked else self._marked | shown)
        self._tell_marks()

    def _shown_refs(self) -> frozenset[ObjectRef]:
        """Of whole types they are known already: to make a set of thousands anew takes its time."""
        refs: frozenset[ObjectRef] = frozenset()
        for kind, found in self._found.items():
            if self.kind in (None, kind):
                group = self._groups[kind]
                refs |= group.refs if len(found) == len(group.infos) else {info.ref for info in found}
        return refs

    def do_objects_clear(self) -> None:
        """Take all marks away, if that is confirmed."""

        def answered(answer: str | None) -> None:
            if answer == "yes":
                self._mark(frozenset())
                self._tell_marks()

        if number := len(self._marked):
            self.app.push_screen(confirm(f"Unmark all {count(number, 'object')}?", yes="Unmark"), answered)

    def do_objects_type(self) -> None:
        """Show the next type only; after the last one, all."""
        present: list[ObjectType | None] = [None, *(kind for kind in ObjectType if self._found.get(kind))]
        place = present.index(self.kind) if self.kind in present else 0
        self.kind = present[(place + 1) % len(present)]
        self._choose_shown()

    def do_objects_search(self) -> None:
        self.search.can_focus = True
        self.search.focus()

    def toggle(self) -> None:
        here = self.here
        self.table.toggle_mark()
        if here is not None:
            self._marked ^= {here}
        self._tell_marks()

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
            self._choose_shown()
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
        """Find what is searched for. Of twenty thousand names that takes some milliseconds: no thread is
        worth it."""
        wanted = self.search.value.casefold()
        self._found = {
            kind: group.holding(wanted)
            for kind, group in self._groups.items()
            if kind.has_data or not self.data_only
        }
        self._choose_shown()

    def _choose_shown(self) -> None:
        found = self._found
        if self.kind is not None:
            self._shown = found.get(self.kind, [])
        else:
            self._shown = list(chain.from_iterable(found.values()))
        self._offset = 0
        self._show_words()
        self._show_rows()
        self._show_counts()

    def _show_words(self) -> None:
        """What stands in the place of objects where there are none."""
        nothing = "Nothing here matches." if self._infos else "This account sees no objects here."
        words = self._words or ("" if self._shown else nothing)
        place = self.query_one("#object-words", Lines)
        place.display = bool(words)
        self.table.display = not words
        place.show([run(line, "dim") for line in wrap(words, max(20, self.size.width - 6))] if words else [])

    def _show_rows(self) -> None:
        glyphs = getattr(self.app, "glyphs", look.UNICODE)
        window = self._shown[self._offset : self._offset + WINDOW]
        self.table.show(
            [_row(info, glyphs.about, self._explanation(info.ref)) for info in window],
            offset=self._offset,
            total=len(self._shown),
        )

    def _explanation(self, ref: ObjectRef) -> str:
        return self._explained.words_of(ref) if self._explained is not None else ""

    def _show_counts(self) -> None:
        kinds = [
            run(f"{kind} {number:,}", "accent" if kind is self.kind else "dim")
            for kind in ObjectType
            if (number := len(self._found.get(kind, ())))
        ]
        marked, total = len(self._marked), len(self._infos)
        if self.data_only:
            marked = sum(1 for ref in self._marked if ref.type.has_data)
            total = sum(len(group.infos) for kind, group in self._groups.items() if kind.has_data)
        right = (
            run(f"{marked:,} of {count(total, 'object')}", "accent" if marked else "dim") if total else EMPTY
        )
        line = self.query_one("#object-counts", Lines)
        line.show([ends(join(run(" "), join(*kinds, between="  ")), join(right, run(" ")), line.size.width)])


class _Group:
    """The objects of one type, prepared to be searched and marked."""

    def __init__(self, infos: list[ObjectInfo]) -> None:
        self.infos = infos
        self.refs = frozenset(info.ref for info in infos)
        self._folded = [info.ref.name.casefold() for info in infos]

    def holding(self, wanted: str) -> list[ObjectInfo]:
        """Those whose name holds `wanted`, which is folded."""
        if not wanted:
            return self.infos
        pairs = zip(self.infos, self._folded, strict=True)
        return [info for info, name in pairs if wanted in name]


def _still(lines: Lines) -> Lines:
    """Not a stop of Tab."""
    lines.can_focus = False
    return lines


def _row(info: ObjectInfo, about: str, explained: str) -> Row:
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
            run(explained, "accent")
            if explained
            else run(info.note, "warn")
            if info.note
            else run(info.comment, "dim"),
        ),
    )

"""The saved exports: as a list, and as a picture of how the data flows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.widget import Widget

from core.model.connection import Connection
from core.service import Service, schedule_words, watch_words, words
from core.service.saved import SavedExport
from tui.actions import Place, bindings
from tui.reading import Query, Seen
from tui.runs import EMPTY, Line, join, run
from tui.screens import export_rows, saved_lists
from tui.screens.export_page import ExportPage
from tui.widgets.flow_view import FlowView
from tui.widgets.lines import Lines
from tui.widgets.list_bar import ListBar
from tui.widgets.table import Table
from tui.widgets.tail import tail


@dataclass(frozen=True, slots=True)
class Shown:
    exports: tuple[SavedExport, ...]
    connections: tuple[Connection, ...]


def read_exports(service: Service) -> Shown:
    """For the reader."""
    return Shown(service.saved.exports(), tuple(service.connections.list()))


class ExportsScreen(ExportPage):
    """The same export is under the cursor in the list and in the picture."""

    place: ClassVar[Place] = Place.EXPORTS
    BINDINGS = bindings(Place.EXPORTS)
    CSS = """
    ExportsScreen #empty { height: 1fr; padding: 1 3; display: none; }
    ExportsScreen FlowView { display: none; }
    ExportsScreen #strip { height: 3; margin-top: 1; padding: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._exports: dict[str, SavedExport] = {}
        self._picture = False

    def body(self) -> Iterable[Widget]:
        yield ListBar(saved_lists.EXPORT_ORDERS, saved_lists.export_filter, self._keys_to_list)
        yield Lines(id="empty")
        yield Table(export_rows.COLUMNS)
        yield FlowView(ascii_only=self.offramp.options.ascii)
        yield Lines(id="strip")

    def on_mount(self) -> None:
        self.bar.keep(self.offramp.state.exports)
        self.table.set_order(self.bar.order)
        self.table.focus()

    @property
    def bar(self) -> ListBar:
        return self.query_one(ListBar)

    def parts(self) -> tuple[Widget, ...]:
        return (self.bar,)

    @property
    def table(self) -> Table:
        return self.query_one(Table)

    @property
    def flow(self) -> FlowView:
        return self.query_one(FlowView)

    def wanted(self) -> Query | None:
        return read_exports

    def read(self, seen: Seen) -> None:
        shown = seen.value
        if not isinstance(shown, Shown):
            return
        now, glyphs = self.offramp.now(), self.offramp.glyphs
        left = saved_lists.exports(shown.exports, self.bar.view, now)
        self._exports = {saved.export.name: saved for saved in left}
        self.table.show([export_rows.row(saved, now, glyphs) for saved in left])
        # A connection that nothing leaves is of no interest to who looks for something.
        connections = shown.connections if len(left) == len(shown.exports) else ()
        self.flow.show(export_rows.flow(left, connections, now, glyphs))
        self.bar.put(lambda _: saved_lists.counted(len(left), len(shown.exports), "export"))
        self._show_which(shown)
        self._show_strip()

    def subject(self) -> Any:
        name = self.flow.cursor if self._picture else self.table.cursor_id
        return self._exports.get(str(name))

    def menu_title(self) -> str:
        saved = self.subject()
        return f"Export {saved.export.name}" if saved is not None else "Exports"

    # Showing

    def _show_which(self, shown: Shown) -> None:
        nothing = not self._exports
        empty = self.query_one("#empty", Lines)
        empty.display = nothing
        self.table.display = not nothing and not self._picture
        self.flow.display = not nothing and self._picture
        if nothing:
            nowhere = nothing_saved(self.offramp.key_name, bool(shown.connections))
            empty.show(saved_lists.nothing_left("export") if shown.exports else nowhere)
        if not self.bar.typing:
            self._keys_to_list()

    def _keys_to_list(self) -> None:
        (self.flow if self._picture else self.table).focus()

    def _show_strip(self) -> None:
        saved: SavedExport | None = self.subject()
        strip = self.query_one("#strip", Lines)
        columns = max(10, self.size.width - 2)
        if saved is None:
            strip.show([EMPTY] * 3)
            return
        export, last = saved.export, saved.last
        what = run(export_rows.what(export))
        head = join(run(export.name, "strong"), what, between=self.offramp.glyphs.between)
        form = f"{export_rows.form(export)} -> "
        where = run(form + tail(export.directory, columns - len(form)), "dim")
        coming = ""
        if saved.due is not None and export.schedule is not None:
            coming = f" Next: {schedule_words.coming(saved.due, export.schedule, self.offramp.now())}."
        if export.watch is not None:
            coming = f" Source: {watch_words.state(saved.watched, self.offramp.now())}."
        if last is None:
            third = run(f"It has never been run.{coming}", "dim")
        else:
            state = words.state(last, self.offramp.now())
            text = f"Task {last.id} {str(last.status).lower()}" + (f": {state}" if state else "")
            third = run(text, "bad" if last.error is not None else "dim")
            third = join(third, run(f".{coming}" if coming else "", "dim"))
        strip.show([head, where, third])

    def on_resize(self) -> None:
        self.call_after_refresh(self.tick)

    def on_table_moved(self) -> None:
        self._show_strip()
        self.refresh_actions()

    def on_flow_view_moved(self) -> None:
        self._show_strip()
        self.refresh_actions()

    def on_table_head_clicked(self, event: Table.HeadClicked) -> None:
        self.bar.sort(event.column_id)

    def on_list_bar_changed(self) -> None:
        self.offramp.remember(exports=self.bar.view)
        self.table.set_order(self.bar.order)
        self.tick()
        self.refresh_actions()

    def on_table_chosen(self) -> None:
        self.action_act("export.view")

    def on_flow_view_chosen(self) -> None:
        self.action_act("export.view")

    # Actions

    def do_export_view(self) -> None:
        from tui.screens.export import ExportScreen  # noqa: PLC0415 - only when it is opened

        self.app.push_screen(ExportScreen(self.export.name))

    def do_export_flow(self) -> None:
        saved: SavedExport | None = self.subject()
        self._picture = not self._picture
        if saved is not None:
            name = saved.export.name
            if self._picture:
                # It draws itself once it has a size, and then finds the export.
                self.call_after_refresh(self.flow.select, name)
            else:
                self.table.select(name)
        self.tick()
        self.refresh_actions()

    def do_app_back(self) -> None:
        """Out of the filter, then the filter itself, then out of the picture."""
        if not self.bar.back() and self._picture:
            self.do_export_flow()


def nothing_saved(key: Any, any_connection: bool) -> list[Line]:
    lines = [
        run("No export is saved yet.", "strong"),
        EMPTY,
        run("A saved export is run again and again, with its own history: what leaves"),
        run("which database, in which form, and where to."),
        EMPTY,
    ]
    if any_connection:
        lines.append(join(run(f"  {key('export.new')}", "key"), run("  Make one, step by step.")))
    else:
        lines.append(join(run("  3", "key"), run("  Add a connection to a database first.")))
    lines += [
        join(run("  1", "key"), run(f"  Save a task as an export: {key('task.save')} on the task.")),
        join(run(f"  {key('demo.make')}", "key"), run("  Make a sample database with three exports.")),
    ]
    return lines

"""The connections, and the destinations that exports go to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from core.service import Service
from core.service.saved import Destination, Room, SavedConnection, SavedDestination
from tui.actions import Place, bindings
from tui.reading import Query, Seen
from tui.runs import EMPTY, Line, join, run
from tui.screens import connection_rows, saved_lists
from tui.screens.base import Page
from tui.screens.connection_removal import ask_to_remove
from tui.widgets.dialog import Choice, Choose
from tui.widgets.lines import Lines
from tui.widgets.list_bar import ListBar
from tui.widgets.table import Row, Table

WIDE = 120
STRIP_ROWS = 4


@dataclass(frozen=True, slots=True)
class Shown:
    connections: tuple[SavedConnection, ...]
    directories: tuple[Destination, ...]


def read_saved(service: Service) -> Shown:
    """For the reader."""
    return Shown(service.saved.connections(), service.saved.destinations(service.exports.directory()))


class ConnectionsScreen(Page):
    """Two lists, one at a time; Tab leads from one to the other."""

    place: ClassVar[Place] = Place.CONNECTIONS
    BINDINGS = bindings(Place.CONNECTIONS)
    CSS = f"""
    ConnectionsScreen #directory-bar {{ display: none; }}
    ConnectionsScreen #list {{ width: 1fr; }}
    ConnectionsScreen #empty {{ height: 1fr; padding: 1 3; display: none; }}
    ConnectionsScreen #directories {{ display: none; }}
    ConnectionsScreen #side {{ display: none; width: 42; padding: 0 1; height: 1fr; }}
    ConnectionsScreen.-wide #side {{ display: block; }}
    ConnectionsScreen #strip {{ height: {STRIP_ROWS}; margin-top: 1; padding: 0 1; }}
    ConnectionsScreen.-wide #strip {{ display: none; }}
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown = Shown((), ())
        self._connections: dict[str, SavedConnection] = {}
        self._directories: dict[str, Destination] = {}
        self._rooms: dict[str, Room] = {}
        self._measuring: frozenset[str] = frozenset()
        self._second = False
        self._to_select = ""

    def body(self) -> Iterable[Widget]:
        for id_, orders, check in (
            ("connection-bar", saved_lists.CONNECTION_ORDERS, saved_lists.connection_filter),
            ("directory-bar", saved_lists.DIRECTORY_ORDERS, saved_lists.directory_filter),
        ):
            yield ListBar(orders, check, self._keys_to_list, id=id_)
        with Horizontal():
            with Vertical(id="list"):
                yield Lines(id="empty")
                yield Table(connection_rows.COLUMNS, id="connections")
                yield Table(connection_rows.DIRECTORY_COLUMNS, id="directories")
            yield Lines(id="side")
        yield Lines(id="strip")

    def on_mount(self) -> None:
        kept = self.offramp.state
        self.query_one("#connection-bar", ListBar).keep(kept.connections)
        self.query_one("#directory-bar", ListBar).keep(kept.directories)
        self.table.focus()

    def _keys_to_list(self) -> None:
        self.table.focus()

    @property
    def bar(self) -> ListBar:
        """That of the list that is shown."""
        return self.query_one("#directory-bar" if self._second else "#connection-bar", ListBar)

    def parts(self) -> tuple[Widget, ...]:
        return (self.bar,)

    @property
    def table(self) -> Table:
        """The list that is shown."""
        return self.query_one("#directories" if self._second else "#connections", Table)

    def wanted(self) -> Query | None:
        return read_saved

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self._measuring = frozenset()

    def read(self, seen: Seen) -> None:
        shown = seen.value
        if not isinstance(shown, Shown):
            return
        self._shown = shown
        self._show_connections()
        if self._to_select and self.query_one("#connections", Table).select(self._to_select):
            self._to_select = ""
        self._show_directories()
        self._measure()
        self._show_which()
        self._show_selected()

    def subject(self) -> Any:
        here = str(self.table.cursor_id)
        return (self._directories if self._second else self._connections).get(here)

    def menu_title(self) -> str:
        subject = self.subject()
        if isinstance(subject, SavedConnection):
            return f"Connection {subject.connection.name}"
        return subject.directory if isinstance(subject, Destination) else "Connections"

    # Showing

    def _show_connections(self) -> None:
        now, glyphs = self.offramp.now(), self.offramp.glyphs
        bar, table = self.query_one("#connection-bar", ListBar), self.query_one("#connections", Table)
        left = saved_lists.connections(self._shown.connections, bar.view)
        self._connections = {saved.connection.name: saved for saved in left}
        table.set_order(bar.order)
        table.show([connection_rows.row(saved, now, glyphs) for saved in left])

    def _show_directories(self) -> None:
        bar, table = self.query_one("#directory-bar", ListBar), self.query_one("#directories", Table)
        left = saved_lists.directories(self._shown.directories, bar.view, self._rooms)
        self._directories = {item.directory: item for item in left}
        table.set_order(bar.order)
        table.show([self._directory_row(item) for item in left])

    def _directory_row(self, item: Destination) -> Row:
        if item.named is not None:
            now, glyphs = self.offramp.now(), self.offramp.glyphs
            return connection_rows.destination_row(item, item.named, now, glyphs)
        return connection_rows.directory_row(item, self._rooms.get(item.directory))

    def _directory_lines(self, item: Destination, columns: int, rows: int) -> list[Line]:
        if item.named is not None:
            return connection_rows.destination_lines(item.named, self.offramp.glyphs, columns, rows)
        return connection_rows.directory_strip(item, self._rooms.get(item.directory), columns, rows)

    def _measure(self) -> None:
        """Ask for the free space of each directory, in a thread: a file system may not answer."""
        wanted = frozenset(item.directory for item in self._shown.directories)
        if not self._second or wanted == self._measuring:
            return
        self._measuring = wanted
        service = self.offramp.service

        def measured(rooms: dict[str, Room]) -> None:
            self._rooms = rooms
            self._show_directories()
            self._show_selected()

        self.offramp.call(lambda: service.saved.room(sorted(wanted)), measured)

    def _show_which(self) -> None:
        first, second = self.query_one("#connection-bar", ListBar), self.query_one("#directory-bar", ListBar)
        first.display, second.display = not self._second, self._second
        shown = self._shown
        lists = (
            ("Connections", len(self._connections), len(shown.connections)),
            ("Destinations", len(self._directories), len(shown.directories)),
        )
        pieces = []
        for directories, (label, left, total) in enumerate(lists):
            number = f" {total}" if left == total else f" {left} of {total}"
            role = "accent" if directories == self._second else "dim"
            pieces.append(join(run(label, role), run(number, "dim")))
        self.bar.put(lambda _: join(*pieces, between="   "))
        left, total = lists[self._second][1:]
        self.query_one("#empty").display = not left
        self.query_one("#connections").display = bool(left) and not self._second
        self.query_one("#directories").display = bool(left) and self._second
        if not left:
            nowhere = no_connection(self.offramp.key_name)
            noun = "destination" if self._second else "connection"
            self.query_one("#empty", Lines).show(saved_lists.nothing_left(noun) if total else nowhere)
        if not self.bar.typing:
            self.table.focus()

    def _show_selected(self) -> None:
        subject, now, glyphs = self.subject(), self.offramp.now(), self.offramp.glyphs
        side, strip = self.query_one("#side", Lines), self.query_one("#strip", Lines)
        columns = max(20, self.size.width - 2)
        lines: list[Line] = []
        if self.has_class("-wide"):
            wide = max(20, side.size.width - 1)
            if isinstance(subject, SavedConnection):
                lines = connection_rows.panel(subject, now, glyphs, wide)
            elif isinstance(subject, Destination):
                lines = self._directory_lines(subject, wide, 20)
            side.show(lines)
            return
        if isinstance(subject, SavedConnection):
            lines = connection_rows.strip(subject, now, glyphs, columns, STRIP_ROWS)
        elif isinstance(subject, Destination):
            lines = self._directory_lines(subject, columns, STRIP_ROWS)
        strip.show([*lines, *([EMPTY] * (STRIP_ROWS - len(lines)))])

    def on_resize(self) -> None:
        self.set_class(self.size.width >= WIDE, "-wide")
        self.call_after_refresh(self.tick)

    def on_table_moved(self) -> None:
        self._show_selected()
        self.refresh_actions()

    def on_table_head_clicked(self, event: Table.HeadClicked) -> None:
        self.bar.sort(event.column_id)

    def on_list_bar_changed(self, event: ListBar.Changed) -> None:
        if event.bar.id == "directory-bar":
            self.offramp.remember(directories=event.bar.view)
            self._show_directories()
        else:
            self.offramp.remember(connections=event.bar.view)
            self._show_connections()
        self._show_which()
        self._show_selected()
        self.refresh_actions()

    def do_app_back(self) -> None:
        """Out of the filter, then the filter itself."""
        self.bar.back()

    def on_table_chosen(self) -> None:
        self.action_act("connection.open")

    # Actions

    def do_connection_other_list(self) -> None:
        self._second = not self._second
        self._measure()
        self._show_which()
        self._show_selected()
        self.refresh_actions()

    def do_connection_open(self) -> None:
        subject = self.subject()
        if isinstance(subject, Destination):
            self._open_directory(subject)
            return
        from tui.screens.objects import ObjectsScreen  # noqa: PLC0415 - only when it is opened

        self.app.push_screen(ObjectsScreen(subject.connection.name))

    def _open_directory(self, item: Destination) -> None:
        """Choose one of the exports that go there, to see it."""
        if not item.exports:
            self.say("No saved export goes there.")
            return

        def chosen(name: str | None) -> None:
            if name is not None:
                from tui.screens.export import ExportScreen  # noqa: PLC0415 - only when it is opened

                self.app.push_screen(ExportScreen(name))

        choices = [Choice(name, name) for name in item.exports]
        self.app.push_screen(Choose(f"Exports to {item.directory}", choices), chosen)

    def do_connection_add(self) -> None:
        if self._second:
            self._destination_form(None, edits=False)
        else:
            self._form(None, edits=False)

    def do_connection_edit(self) -> None:
        self._form_of(self.subject(), edits=True)

    def do_connection_copy(self) -> None:
        self._form_of(self.subject(), edits=False)

    def _form_of(self, subject: SavedConnection | Destination, *, edits: bool) -> None:
        if isinstance(subject, Destination):
            self._destination_form(subject.named, edits=edits)
        else:
            self._form(subject, edits=edits)

    def _destination_form(self, saved: SavedDestination | None, *, edits: bool) -> None:
        from tui.screens.destination_form import DestinationForm  # noqa: PLC0415 - only when it is opened

        found = saved.destination if saved is not None else None
        taken = [item.named.destination.name for item in self._shown.directories if item.named is not None]
        form = DestinationForm(self.offramp, found, edits=edits, taken=taken)
        test = self.offramp.key_name("connection.test")

        def closed(saved_it: bool | None) -> None:
            if saved_it:
                self.say(f"Saved. {test} tests it.")
                self.offramp.reader.poke()

        self.app.push_screen(form, closed)

    def _form(self, saved: SavedConnection | None, *, edits: bool) -> None:
        from tui.screens.connection_form import ConnectionForm  # noqa: PLC0415 - only when it is opened

        connection = saved.connection if saved is not None else None
        taken = {item.connection.name: item for item in self._shown.connections}
        form = ConnectionForm(self.offramp, connection, edits=edits, taken=taken)
        test = self.offramp.key_name("connection.test")

        def closed(saved_it: bool | None) -> None:
            if saved_it:
                self._to_select = form.saved_name
                self.say(f"Saved. {test} tests it.")
                self.offramp.reader.poke()

        self.app.push_screen(form, closed)

    def do_connection_test(self) -> None:
        from tui.screens.connection_trial import Trial  # noqa: PLC0415 - only when it is opened

        subject = self.subject()
        there = isinstance(subject, Destination)
        name = subject.named.destination.name if there else subject.connection.name
        trial = Trial(self.offramp.service, name, self.offramp.glyphs, destination=there)
        self.app.push_screen(trial, lambda _: self.offramp.reader.poke())

    def do_connection_delete(self) -> None:
        ask_to_remove(self.offramp, self.subject())

    def do_connection_yank(self) -> None:
        subject = self.subject()
        here = subject.directory if isinstance(subject, Destination) else subject.connection.place
        self.offramp.copy_text(here)


def no_connection(key: Callable[[str], str]) -> list[Line]:
    return [
        run("No connection yet.", "strong"),
        EMPTY,
        run("A connection is a named way into a database:"),
        run("SQLite, MySQL, MariaDB, OceanBase, PostgreSQL or Oracle."),
        EMPTY,
        join(run(f"  {key('connection.add')}", "key"), run("  Add one.")),
        join(run(f"  {key('demo.make')}", "key"), run("  Make a sample database with three exports.")),
    ]

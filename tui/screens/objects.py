"""What is in a database: the objects of a connection, to be marked and exported."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import ClassVar

from textual.widget import Widget

from core.errors import OfframpError
from core.service.connections import Listing
from tui.actions import Place, bindings
from tui.plain import plain
from tui.runs import Line, join, run
from tui.screens.base import Page
from tui.widgets.dialog import Choice, Choose
from tui.widgets.object_list import ObjectList
from tui.widgets.table import Table


class ObjectsScreen(Page):
    """Of one connection: the objects of its database, of the only one, or of the one that is chosen."""

    place: ClassVar[Place] = Place.OBJECTS
    BINDINGS = bindings(Place.OBJECTS)

    def __init__(self, connection_name: str, database: str = "") -> None:
        super().__init__()
        self.connection = connection_name
        self._wanted = database
        self._database = ""
        self._databases: tuple[str, ...] = ()

    def body(self) -> Iterable[Widget]:
        yield ObjectList()

    def on_mount(self) -> None:
        self.objects.table.focus()
        self._load(self._wanted)

    def parts(self) -> tuple[Widget, ...]:
        return (self.objects,)

    @property
    def objects(self) -> ObjectList:
        return self.query_one(ObjectList)

    @property
    def is_listed(self) -> bool:
        """Whether the server has told its objects."""
        return bool(self._database)

    # Asking the server

    def _load(self, database: str) -> None:
        self._wanted, self._database = database, ""
        self.objects.tell(f"Asking {self.connection} ...")
        self.refresh_title()
        connections = self.offramp.service.connections
        name = self.connection

        def ask() -> tuple[tuple[str, ...], Listing | None]:
            known = self._databases or connections.databases(name)
            default = database or connections.get(name).database
            if default is None and len(known) != 1:
                return known, None
            return known, connections.objects(name, default or known[0])

        self.offramp.call(ask, partial(self._show, database), failed=partial(self._failed, database))

    def _show(self, wanted: str, found: tuple[tuple[str, ...], Listing | None]) -> None:
        if wanted != self._wanted or not self.is_running:
            return
        self._databases, listing = found
        if listing is None:
            if self._databases:
                self.objects.tell("Choose a database: b shows them.")
                self.do_objects_database()
            else:
                self.objects.tell("This account sees no database.")
            return
        self._database = listing.database
        self.objects.show(listing.objects)
        self.objects.table.focus()
        self.refresh_title()
        self.refresh_actions()

    def _failed(self, wanted: str, error: OfframpError) -> None:
        if wanted == self._wanted and self.is_running:
            self.objects.tell(f"{error.message} {error.hint}".strip())

    # What is seen

    def heading(self) -> tuple[Line, Line]:
        return (
            join(
                run(self.connection, "strong"), run(self._database or self._wanted, "accent"), between=" / "
            ),
            self.offramp.engine_line(),
        )

    def subject(self) -> str:
        return "objects"

    def menu_title(self) -> str:
        here = self.objects.here
        marked = len(self.objects.marked)
        return f"{marked:,} marked objects" if marked else str(here) if here is not None else self.connection

    # What is done

    def on_table_moved(self, event: Table.Moved) -> None:
        event.stop()

    def on_table_chosen(self, event: Table.Chosen) -> None:
        event.stop()
        self.do_objects_export()

    def do_objects_export(self) -> None:
        from tui.screens.quick import QuickSheet  # noqa: PLC0415 - only when it is opened

        chosen = self.objects.chosen()
        if not chosen:
            self.say("There is no object to export.", "warn")
            return
        infos = [info for info in self.objects.infos if info.ref in chosen]
        self.app.push_screen(QuickSheet(self.connection, self._database, infos))

    def do_objects_database(self) -> None:
        if not self._databases:
            self.say("The server hasn't told its databases yet.", "warn")
            return
        choices = [Choice(str(i), plain(name)) for i, name in enumerate(self._databases)]
        default = str(self._databases.index(self._database)) if self._database in self._databases else None

        def chosen(answer: str | None) -> None:
            if answer is not None:
                self._load(self._databases[int(answer)])

        self.app.push_screen(
            Choose(f"Databases of {plain(self.connection)}", choices, default=default), chosen
        )

    def do_app_back(self) -> None:
        if not self.objects.back():
            self.app.pop_screen()

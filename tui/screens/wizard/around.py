"""What is known around the form: asked of the store, the server and the disk, always in a thread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from core.errors import OfframpError
from core.model.connection import Connection
from core.model.settings import Export
from core.model.vocabulary import Mode, ObjectType
from core.service import Service
from core.service.connections import Listing
from tui.screens.wizard import work
from tui.screens.wizard.draft import TASK, Draft
from tui.screens.wizard.rules import Known, path_of

if TYPE_CHECKING:
    from tui.app import OfframpApp

StoreFound = tuple[list[Connection], list[Export], str, Export | None, tuple[str, ...]]
ServerFound = tuple[tuple[str, ...], Listing | None]


def look_around(service: Service, edits: str | None) -> StoreFound:
    """Connections, saved exports, where they go by default, the one to edit, destinations."""
    return (
        service.connections.list(),
        service.exports.list(),
        service.exports.directory(),
        service.exports.get(edits) if edits is not None else None,
        tuple(destination.name for destination in service.destinations.list()),
    )


class Around:
    """`known` is for the rules; `changed` is called when there is more of it. `listing`: the objects of the
    draft's database, else `words` that stand in their place;
    `trouble` where the server couldn't be asked. `edited`: the saved export as it is."""

    def __init__(self, app: OfframpApp, changed: Callable[[], object], *, edits: str | None = None) -> None:
        now = app.now()
        self.known = Known(now=now, opened=now, edits=edits)
        self.connections: dict[str, Connection] = {}
        self.edited: Export | None = None
        self.ready = False
        self.listing: Listing | None = None
        self.words = ""
        self.trouble = ""
        self._app = app
        self._changed = changed
        self._asked: tuple[str, str] | None = None

    def at_now(self, draft: Draft) -> Known:
        """What is known, for this draft and this moment."""
        connection = self.connections.get(draft.connection)
        mode = None if connection is None else connection.mode
        oceanbase = mode is Mode.OCEANBASE
        self.known = replace(self.known, now=self._app.now(), oceanbase=oceanbase, mode=mode)
        return self.known

    # The store

    def look(self, then: Callable[[], object]) -> None:
        """Ask the store; `then` is called once it has told."""
        work_ = partial(look_around, self._app.service, self.known.edits)
        self._app.call(work_, partial(self._looked, then))

    def _looked(self, then: Callable[[], object], found: StoreFound) -> None:
        connections, exports, base, self.edited, destinations = found
        self.connections = {connection.name: connection for connection in connections}
        self.known = replace(
            self.known,
            connections=tuple(self.connections),
            destinations=destinations,
            taken=frozenset(export.name for export in exports),
            base=base,
            edited=self.edited,
        )
        self.ready = True
        then()

    # The server

    def ask_server(self, draft: Draft) -> None:
        """Databases and objects, where those of the draft aren't known or asked for yet."""
        name, database = wanted = (draft.connection, draft.database)
        if name not in self.connections or wanted == self._asked:
            return
        same = self._asked is not None and self._asked[0] == name
        self._asked = wanted
        databases = self.known.databases if same else None
        self.known = replace(self.known, databases=databases, database="", kinds=None)
        self.listing, self.words, self.trouble = None, f"Asking {name} ...", ""
        connections, own = self._app.service.connections, self.connections[name].begins_in

        def ask() -> ServerFound:
            names = connections.databases(name)
            chosen = database or own or (names[0] if len(names) == 1 else None)
            if chosen is None or chosen not in names:
                return names, None
            return names, connections.objects(name, chosen)

        self._app.call(ask, partial(self._listed, wanted), failed=partial(self._not_listed, wanted))

    def ask_again(self, draft: Draft) -> None:
        """What the server says now, and what the disk does."""
        self._asked = None
        self.known = replace(self.known, refused={})
        self.ask_server(draft)
        self._changed()

    def _listed(self, wanted: tuple[str, str], found: ServerFound) -> None:
        if wanted != self._asked:
            return
        names, self.listing = found
        chosen = wanted[1] or self.connections[wanted[0]].begins_in or ""
        self.words = "" if self.listing else "Choose a database first."
        if chosen and self.listing is None:
            self.words = f"There is no database {chosen!r}, or this account doesn't see it."
        self.known = replace(
            self.known,
            databases=names,
            database=self.listing.database if self.listing else chosen,
            kinds=_kinds(self.listing) if self.listing else None,
        )
        self._changed()

    def _not_listed(self, wanted: tuple[str, str], error: OfframpError) -> None:
        if wanted == self._asked:
            self.words = f"{error.message} {error.hint}".strip()
            self.trouble = self.words
            self._changed()

    # The disk

    def look_at_target(self, draft: Draft) -> None:
        """Whether a task can have its directory, where that isn't known yet."""
        path = path_of(draft.target(self.known.base, self.known.opened))
        if draft.keep != TASK or not path or path in self.known.refused:
            return

        def then(refused: str) -> None:
            self.known = replace(self.known, refused={**self.known.refused, path: refused})
            self._changed()

        self.known = replace(self.known, refused={**self.known.refused, path: ""})
        self._app.call(partial(work.look_at, path), then)


def _kinds(listing: Listing) -> Counter[ObjectType]:
    return Counter(info.ref.type for info in listing.objects)

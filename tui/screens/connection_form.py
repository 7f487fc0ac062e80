"""Adding a connection, and changing one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import NotFound, OfframpError
from core.model.connection import Connection
from core.model.vocabulary import Mode
from core.service import Service
from tui.screens import connection_fields as rules
from tui.widgets.form import Field, Form

if TYPE_CHECKING:
    from tui.app import OfframpApp


class ConnectionForm(Form):
    """Gives back True once the connection is saved. `connection` is what it is filled with; `edits`: it is
    that one which is changed. `taken` are the names of all there are."""

    def __init__(
        self,
        offramp: OfframpApp,
        connection: Connection | None = None,
        *,
        edits: bool = False,
        taken: Collection[str] = (),
    ) -> None:
        super().__init__()
        self._offramp = offramp
        self._connection = connection
        self._edits = edits
        self._taken = frozenset(taken)
        self._saving = False
        self.saved_name = ""
        self._fields = rules.fields(edits=edits)
        self.title_text = f"Edit connection {connection.name}" if edits and connection else "Add a connection"

    def fields(self) -> Sequence[Field]:
        return self._fields

    def start(self) -> Mapping[str, str]:
        start = rules.start(self._connection, self._offramp.service.preferences.connect_timeout)
        if not self._edits:
            start.pop("name", None)
            if start.get("password") == rules.KEEP:
                # A password that Offramp keeps belongs to the other one.
                start["password"] = rules.TYPED
        return start

    def seen(self, values: Mapping[str, str]) -> set[str]:
        return rules.seen(values)

    def wrong(self, values: Mapping[str, str]) -> dict[str, str]:
        return rules.wrong(values, self._taken)

    def save(self, values: Mapping[str, str]) -> None:
        if self._saving:
            return
        self._saving = True
        self.saved_name = name = (
            self._connection.name if self._edits and self._connection is not None else values["name"]
        )
        edits, service = self._edits, self._offramp.service
        self._offramp.call(
            lambda: _save(service, name, values, edits=edits),
            lambda _: self.dismiss(result=True),
            failed=self._failed,
        )

    def _failed(self, error: OfframpError) -> None:
        self._saving = False
        self.tell(str(error), "bad")


def _save(service: Service, name: str, values: Mapping[str, str], *, edits: bool) -> None:
    """Keep what the form says. Raises OfframpError."""
    connection = rules.connection_of(values, name, Path.cwd())
    if connection.mode is Mode.SQLITE and not Path(connection.path or "").is_file():
        raise NotFound(f"There is no file {connection.path!r}.", "Give the path of a database file.")
    password = rules.password_of(values)
    if connection.mode is not Mode.SQLITE and values["password"] == rules.KEYRING and password is None:
        password = service.connections.keyring_reference(name)
    if edits:
        keep = connection.mode is not Mode.SQLITE and values["password"] == rules.KEEP
        service.connections.replace(connection, password, keep_password=keep)
    else:
        service.connections.add(connection, password)

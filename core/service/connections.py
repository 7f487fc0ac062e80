"""Connections: add, list, show, test, remove, and look into what is behind them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from shlex import quote
from typing import TYPE_CHECKING

import msgspec

from core import secrets
from core.errors import Conflict, NotFound, UsageError
from core.model.connection import Connection
from core.model.secret import KeyringSecret, SecretRef
from core.model.spelling import nearest
from core.model.task_filter import TaskFilter
from core.model.vocabulary import ObjectType
from core.service.context import Context
from core.service.passwords import NewPassword, Passwords
from core.service.saved import OPEN, SavedConnection
from core.service.trials import recorded

if TYPE_CHECKING:
    from connectors.base import ObjectInfo, Session, TestStep
    from core.model.settings import SysAccount


@dataclass(frozen=True, slots=True)
class Listing:
    """The objects of a database, as asked for."""

    database: str
    objects: tuple[ObjectInfo, ...]


class Connections:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._passwords = Passwords(context, "connection")

    def add(self, connection: Connection, password: NewPassword | SecretRef | None = None) -> Connection:
        """Keep a connection, and its password where that is to be kept; contacts nobody. Gives back what
        was stored. Raises Conflict where the name is taken, SecretError."""
        if any(known.name == connection.name for known in self.list()):
            change = f"offramp connection add {quote(connection.name)} ... --replace"
            raise Conflict(
                f"Connection {connection.name!r} exists already.",
                f"Take another name, or change it: {change}",
            )
        with self._passwords.kept(connection.name, password) as secret:
            made = _with_secret(connection, secret)
            self._context.store.connections.add(made)
        return made

    def replace(
        self,
        connection: Connection,
        password: NewPassword | SecretRef | None = None,
        *,
        keep_password: bool = True,
    ) -> Connection:
        """Put a connection in the place of the one of its name, or add it where there is none. Without a
        `password` it keeps the one that it had, or none if `keep_password` is off. Raises SecretError."""
        old = next((known for known in self.list() if known.name == connection.name), None)
        if old is None:
            return self.add(connection, password)
        kept = self._passwords.keep(connection.name, password)
        made = _with_secret(connection, kept or (old.secret if keep_password else None))
        self._context.store.connections.replace(made)
        if made.secret != old.secret:
            self._context.forget_unused(old.secret)
        return made

    def keyring_reference(self, name: str) -> KeyringSecret:
        """The password that the keyring holds for a connection already. Raises SecretError where it
        holds none."""
        return self._passwords.in_keyring(name)

    def list(self) -> list[Connection]:
        """All, by name."""
        return self._context.store.connections.list()

    def get(self, name: str) -> Connection:
        """Raises NotFound, naming what comes near."""
        try:
            return self._context.store.connections.get(name)
        except NotFound as error:
            close = nearest(name, [known.name for known in self.list()])
            if close:
                error.hint = f"Did you mean {close}?"
            raise

    def show(self, name: str) -> SavedConnection:
        """Raises NotFound."""
        connection = self.get(name)
        store = self._context.store
        exports = tuple(e.name for e in store.exports.list() if e.settings.connection == name)
        return SavedConnection(
            connection=connection,
            password=secrets.describe(connection.secret),
            last_test=store.connections.last_test(name),
            exports=exports,
            tasks=self._open_tasks(name),
        )

    def _open_tasks(self, name: str) -> tuple[int, ...]:
        tasks = self._context.store.tasks.list(TaskFilter(connection=name, statuses=OPEN))
        return tuple(task.id for task in tasks)

    def test(
        self, name: str, sys_account: SysAccount | None = None, sys_password: str | None = None
    ) -> Iterator[TestStep]:
        """Try a connection step by step, with a sys tenant account its steps too, and keep the outcome.
        `sys_password` is for an account whose password is kept nowhere. Raises NotFound, SecretError,
        Unsupported before the first step."""
        connection = self.get(name)
        source = self._context.source(connection, sys_account, sys_password=sys_password)
        more = source.test_sys_account() if sys_account else None
        return recorded(source.test(), more, partial(self._context.store.connections.record_test, name))

    def remove(self, name: str) -> None:
        """Forget a connection and the password that Offramp keeps for it. Raises NotFound; Conflict while
        exports or tasks that haven't ended use it, naming them."""
        details = self.show(name)
        users = [*(f"export {export!r}" for export in details.exports), *(f"task {t}" for t in details.tasks)]
        steps = ["Abort its tasks, or wait for their end."] if details.tasks else []
        steps += ["Remove its exports."] if details.exports else []
        if users:
            shown = ", ".join(users[:8]) + (f" and {len(users) - 8} more" if len(users) > 8 else "")
            raise Conflict(f"Connection {name!r} is used by {shown}.", " ".join(steps))
        self._context.store.connections.remove(name)
        self._passwords.forget(name, details.connection.secret)

    def databases(self, name: str) -> tuple[str, ...]:
        """What the account sees. Raises NotFound, SecretError, ConnectError, SourceError."""
        with self._context.source(self.get(name)).connect() as session:
            return tuple(session.databases())

    def objects(
        self,
        name: str,
        database: str | None = None,
        types: Sequence[ObjectType] | None = None,
        search: str | None = None,
    ) -> Listing:
        """The objects of a database: the one named, else the connection's, else the only one there is.
        Raises NotFound, UsageError, SecretError, ConnectError, SourceError."""
        connection = self.get(name)
        with self._context.source(connection).connect() as session:
            wanted = database or connection.begins_in or session.begins_in or _only(session, connection)
            return Listing(wanted, tuple(session.objects(wanted, types, search)))


def _only(session: Session, connection: Connection) -> str:
    known = session.databases()
    if len(known) == 1:
        return known[0]
    raise UsageError(
        f"Connection {connection.name!r} has no database of its own.",
        f"Name one of: {', '.join(known)}." if known else "This account sees no database.",
    )


def _with_secret(connection: Connection, secret: SecretRef | None) -> Connection:
    return msgspec.structs.replace(connection, secret=secret) if secret is not None else connection

"""What the parts of the service share: the home, the store, ways into databases."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from core import preferences, secrets
from core.errors import OfframpError, StoreOutdated
from core.locations import Locations
from core.model.secret import FileSecret

if TYPE_CHECKING:
    from connectors.base import Source
    from core.engine.numbers import Numbers
    from core.model.connection import Connection
    from core.model.secret import SecretRef
    from core.model.settings import SysAccount
    from core.preferences import Preferences
    from core.store.store import Store


class Context:
    """Opens what is asked for when it is first asked for, and closes it again."""

    def __init__(self, locations: Locations) -> None:
        self.locations = locations
        self._store: Store | None = None

    @property
    def store(self) -> Store:
        """Raises StoreError; where an older Offramp is still at work, and StoreOutdated is raised, an engine
        waits in the background from then on to migrate the store and to go on."""
        if self._store is None:
            # SQLAlchemy is the largest part of a short command's time: `--help` does without.
            from core.store.store import Store  # noqa: PLC0415

            try:
                self._store = Store.open(self.locations)
            except StoreOutdated:
                from core.engine.successor import wait_in_background  # noqa: PLC0415

                wait_in_background(self.locations)
                raise
        return self._store

    @cached_property
    def preferences(self) -> Preferences:
        """Raises InvalidDefinition."""
        return preferences.load(self.locations)

    @cached_property
    def numbers(self) -> Numbers:
        """Of the engine. Raises InvalidDefinition."""
        from core.engine.numbers import chosen  # noqa: PLC0415 - comes with the store

        return chosen(self.preferences)

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def source(
        self,
        connection: Connection,
        sys_account: SysAccount | None = None,
        *,
        sys_password: str | None = None,
    ) -> Source:
        """The database behind a connection, with its passwords; contacts nobody. `sys_password` is used
        where the account names no secret of its own. Raises SecretError, Unsupported."""
        from connectors.base import Credentials  # noqa: PLC0415 - brings numpy
        from core.connectors import open_source  # noqa: PLC0415

        if sys_account is not None and sys_account.secret is not None:
            sys_password = self._password(sys_account.secret, f"sys account {sys_account.account!r}")
        password = self._password(connection.secret, f"Connection {connection.name!r}")
        credentials = Credentials(password=password, sys_password=sys_password)
        return open_source(connection, credentials, sys_account=sys_account)

    def password(self, connection: Connection) -> str | None:
        """Of a connection; None where it has none. Raises SecretError."""
        return self._password(connection.secret, f"Connection {connection.name!r}")

    def _password(self, ref: SecretRef | None, whose: str) -> str | None:
        try:
            return secrets.resolve(ref, self.locations)
        except OfframpError as error:
            error.message = f"{whose}: {error.message}"
            raise

    def keep_password(self, purpose: str, password: str) -> FileSecret:
        """Keep a password in the secrets file under a key that nothing else has."""
        return secrets.store_password(self.locations, secrets.new_key(purpose, datetime.now(UTC)), password)

    def forget_unused(self, ref: SecretRef | None) -> None:
        """Remove a password that Offramp keeps, once no connection, export or task refers to it."""
        if not isinstance(ref, FileSecret):
            return
        from core.store.references import references  # noqa: PLC0415 - comes with the store

        if ref not in references(self.store):
            secrets.forget(self.locations, ref)

    def ensure_engine(self) -> None:
        """See to it that an engine serves the store, so that what was queued gets run."""
        from core.engine.background import ensure_engine  # noqa: PLC0415

        ensure_engine(self.locations, numbers=self.numbers)

"""What the parts of the service share: the home, the store, ways into databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from core import preferences, secrets
from core.errors import OfframpError, StoreOutdated
from core.locations import Locations
from core.model.cluster import scheduler_of
from core.model.destination import leaves, of_place
from core.model.secret import FileSecret

if TYPE_CHECKING:
    from connectors.base import Source
    from connectors.elsewhere import Elsewhere
    from core.engine.numbers import Numbers
    from core.model.connection import Connection
    from core.model.destination import Destination
    from core.model.secret import SecretRef
    from core.model.settings import ExportSettings, SysAccount
    from core.model.task import Task
    from core.pipeline.published import Readable
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

    def elsewhere(self, destination: Destination) -> Elsewhere:
        """The way to a destination that isn't local, with its password; contacts nobody. Raises SecretError,
        Unsupported."""
        from core.connectors import open_destination  # noqa: PLC0415 - few commands need it

        return open_destination(destination, self._password(destination.secret, destination.whose))

    def at(self, place: str) -> tuple[Elsewhere, str]:
        """The way to a stored place that isn't local, and the path there. Raises InvalidValue, NotFound,
        SecretError, Unsupported."""
        from core.store.destinations import missing  # noqa: PLC0415 - comes with the store

        try:
            destination, path = of_place(place, self.store.destinations.by_name())
        except KeyError as error:
            raise missing(error.args[0]) from None
        return self.elsewhere(destination), path

    @contextmanager
    def published(self, place: str) -> Iterator[Readable]:
        """What is published at a stored place, to be read, local or elsewhere. Raises as `at` does, and
        ConnectError."""
        from core.pipeline.published import RemoteReading, readable  # noqa: PLC0415 - few commands need it

        if not leaves(place):
            yield readable(Path(place))
            return
        elsewhere, path = self.at(place)
        with elsewhere.connect() as files:
            yield RemoteReading(files, path)

    def resolved(self, place: str) -> str:
        """A place for one task, as a path where it is local. Raises InvalidValue; NotFound where there is no
        such destination; UsageError for the root of one."""
        from core.store.task_queries import resolved_place  # noqa: PLC0415 - comes with the store

        with self.store.database.read() as db:
            return resolved_place(db, place)

    def placed(self, settings: ExportSettings, place: str) -> ExportSettings:
        """The settings of a task that goes to a stored place, with what its destination and its connection
        say where they say nothing. Raises NotFound; UsageError where a cluster is asked for that nobody has
        named."""
        from core.store.defaults import settings_at  # noqa: PLC0415 - comes with the store

        with self.store.database.read() as db:
            made = settings_at(db, settings, place)
        scheduler_of(made)
        return made

    def discard_partial(self, task: Task) -> None:
        """Remove what attempts of a task have left that nobody goes on with: beside its target, in the spool,
        and at its destination. Only while no attempt runs. Raises OutputError, ConnectError."""
        from core.pipeline.place import discard_partial, token_of  # noqa: PLC0415 - lists do without

        discard_partial(task, self.numbers.spool_in(self.locations))
        if leaves(task.output) and task.attempts:
            from core.pipeline.remote_target import Target  # noqa: PLC0415

            elsewhere, path = self.at(task.output)
            with elsewhere.connect() as files:
                Target(task.id, token_of(task), path).discard(files)

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

        ensure_engine(self.locations, store=self.store, numbers=self.numbers)

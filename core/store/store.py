"""The store: everything that Offramp remembers, in one SQLite file."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from core.locations import Locations
from core.store.check import check, check_thoroughly
from core.store.claims import Claims
from core.store.connections import Connections
from core.store.database import Database
from core.store.destinations import Destinations
from core.store.exports import Exports
from core.store.history import PastRuns
from core.store.lease import Lease
from core.store.marks import Marks
from core.store.notifications import Notifications
from core.store.opening import open_database
from core.store.schedules import Schedules
from core.store.tasks import Tasks
from core.store.watches import Watches

PATIENCE = 10.0


class Store:
    """An open store. Any thread of the process that opened it may use it; calls block for milliseconds,
    and up to `patience` seconds where other programs write much.

    Every call raises StoreBusy where the store can't be had in that time, StoreDamaged where it can't be
    read, StoreTooNew where a newer Offramp migrated it meanwhile, else StoreError.
    """

    def __init__(self, database: Database, locations: Locations) -> None:
        self.locations = locations
        self._database = database
        self.connections = Connections(database)
        self.destinations = Destinations(database)
        self.exports = Exports(database)
        self.schedules = Schedules(database)
        self.marks = Marks(database)
        self.watches = Watches(database)
        self.tasks = Tasks(database)
        self.lease = Lease(database)
        self.claims = Claims(database)
        self.past_runs = PastRuns(database)
        self.notifications = Notifications(database)

    @classmethod
    def open(
        cls,
        locations: Locations,
        *,
        patience: float = PATIENCE,
        wait_on: Callable[[], bool] | None = None,
    ) -> Self:
        """Open the store of `locations`; make it on the first run, migrate an older one after a backup, once
        the older Offramp at work on it has left: `wait_on` says whether to wait for that any longer, without
        it that takes `patience`. Raises StoreDamaged, StoreTooNew, StoreBusy, StoreOutdated, StoreError,
        NotWritable."""
        return cls(open_database(locations, patience=patience, wait_on=wait_on), locations)

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def database(self) -> Database:
        """For parts of the store that are made where they are needed, such as a task's journal."""
        return self._database

    def check(self) -> None:
        """Read all of it, and check its structure. Raises StoreDamaged."""
        check(self._database)

    def check_thoroughly(self) -> None:
        """Check its indexes and what each row means, too. Raises StoreDamaged."""
        check_thoroughly(self._database)

    def modes(self) -> tuple[str, str]:
        """How SQLite keeps this connection's changes safe: the journal's mode and `synchronous`, in words."""
        with self._database.read() as db:
            journal = str(db.exec_driver_sql("PRAGMA journal_mode").scalar_one())
            number = int(db.exec_driver_sql("PRAGMA synchronous").scalar_one())
        return journal, ("off", "normal", "full", "extra")[number]

    def changes(self) -> int:
        """A number that differs once anybody has changed anything, but for an engine that says that it
        lives. A look at it costs a hundredth of a millisecond."""
        return self._database.changes()

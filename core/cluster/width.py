"""How many parts a cluster reads at once: as many as were asked for, or as it has threads, or as the source's
connection allows, or its server lets in."""

from __future__ import annotations

import time

from core.cluster.dispatch import Dispatch
from core.errors import ConnectionLost
from core.model.connection import Connection

# How often the cluster is asked who is there, and for how long nobody may be.
COUNT_SECONDS = 5.0
NOBODY_SECONDS = 60.0
# More sessions than that are only opened where somebody asks for them (--parts).
MOST = 64


class Width:
    """`now` is how many. `asked` is what the settings say; `connection` leads to the source."""

    def __init__(self, asked: int | None, connection: Connection) -> None:
        self._asked = asked
        self._connection = connection
        self._room: int | None = None
        self._counted: float | None = None
        self._seen = 0.0
        self.now = 1

    def count(self, dispatch: Dispatch) -> None:
        """Ask from time to time who is there. Raises ConnectionLost where nobody is for long."""
        now = time.monotonic()
        if self._counted is not None and now - self._counted < COUNT_SECONDS:
            return
        threads = dispatch.threads()
        if threads or self._counted is None:
            self._seen = now
        self._counted = now
        if now - self._seen > NOBODY_SECONDS:
            raise ConnectionLost(
                f"The Dask cluster at {dispatch.address} has had no worker for {NOBODY_SECONDS:g} s.",
                "Start workers; what is finished is used again.",
            )
        self.now = max(1, self._connection.readers(self._asked or min(threads, MOST)))
        if self._room is not None:
            self.now = min(self.now, self._room)

    def lower(self, room: int) -> None:
        """The server, or the account, has no room for more than so many."""
        self._room = self.now = room

"""What a worker is told on its standard input: one line of JSON, the only way that passwords take."""

from __future__ import annotations

import msgspec

from core.model.connection import Connection
from core.model.destination import Destination
from core.store.retry import Backoff
from core.tasklog import LONGEST as LONGEST_LOG

LONGEST = 1 << 20
OUTDATED = 4
"""The exit status of a worker that is newer than the store, and than the engine that started it."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """Where files go that leave this machine: `path` at a destination, with its password. `token` is the
    task's own, the same in all its attempts; `spool` the local directory in which they are built.
    `from_afar`: others send files there, too, who know a moment later that it is over."""

    destination: Destination
    path: str
    token: str
    spool: str = ""
    from_afar: bool = False
    password: str | None = None

    def __repr__(self) -> str:
        return f"<delivery to {self.destination.whose}>"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """The task, the token of this attempt, the directory of the store, and the way into the database with
    its passwords. `progress`: how often progress is stored, in seconds; `log_bytes`: the log's limit;
    `part_processes`: how many read parts of an object at once where the settings don't say. `hold`:
    descriptors that these keep open, put in by the worker itself. `delivery`: where its files go that leave
    this machine; `discard`: for the sweep, that what was sent goes, too. `into`: the way into the database
    that rows go into, with its password. `export`: what a look is taken for, which has no task."""

    task: int
    token: str
    home: str
    connection: Connection
    backoff: Backoff
    progress: float = 1.0
    log_bytes: int = LONGEST_LOG
    part_processes: int = 1
    hold: tuple[int, ...] = ()
    password: str | None = None
    sys_password: str | None = None
    delivery: Delivery | None = None
    discard: bool = False
    into: Connection | None = None
    into_password: str | None = None
    export: str = ""

    def __repr__(self) -> str:
        return f"<order for task {self.task}>"

    @property
    def program(self) -> str:
        """Who the attempt says it is, to the server too: no other attempt says the same."""
        return f"offramp task {self.task} {self.token[:16]}"

    @property
    def secrets(self) -> list[str]:
        there = self.delivery.password if self.delivery is not None else None
        found = (self.password, self.sys_password, there, self.into_password)
        return [secret for secret in found if secret]

    def line(self) -> bytes:
        return msgspec.json.encode(self) + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Order:
        """Raises msgspec.DecodeError, whose message quotes no value."""
        return msgspec.json.decode(line, type=cls)

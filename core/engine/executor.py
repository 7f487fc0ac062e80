"""Starting workers: the way into the database is looked up, passwords are resolved, a process begins."""

from __future__ import annotations

import asyncio
import concurrent.futures
import errno
import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from msgspec.structs import replace

from core.engine.numbers import Numbers
from core.engine.orders import Delivery, Order
from core.engine.spawn import Child, start_detached
from core.errors import ErrorInfo, NotFound, OfframpError
from core.locations import Locations
from core.model.connection import Connection
from core.model.destination import leaves, of_place
from core.model.secret import EnvironmentSecret, SecretRef
from core.model.settings import ExportSettings
from core.model.task import Task
from core.model.vocabulary import Engine
from core.pipeline.place import token_of
from core.secrets import resolve
from core.store.claims import Claim
from core.store.store import Store

WORKER = (sys.executable, "-P", "-m", "core.engine.worker")
SWEEP = (sys.executable, "-P", "-m", "core.engine.sweep")
# What a worker takes and gives back in pieces of a megabyte and more is best left to one heap of the C
# library. Only what is much larger goes back to the system at once: of that the library would come to keep up
# to 64 MB. Of Arrow's allocators mimalloc keeps 50 MB of Parquet that nobody uses; jemalloc, which its
# packages for Linux have, takes as much as the C library's heap, and a twentieth less time. There
# each thread has an arena of its own, which keeps what a row group took while the next one's thread takes as
# much anew: one for all of them is 10 MB less.
LIBRARIES = {
    "ARROW_DEFAULT_MEMORY_POOL": "jemalloc" if sys.platform == "linux" else "system",
    "JE_ARROW_MALLOC_CONF": "narenas:1",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(8 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(16 << 20),
    # Threads for the linear algebra in numpy, which nobody uses here.
    "OPENBLAS_NUM_THREADS": "1",
}
PROBE = (sys.executable, "-P", "-m", "core.engine.probe")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A claim with what its worker is told. `hidden` are variables that the worker's environment loses."""

    order: Order
    hidden: frozenset[str]


@dataclass(frozen=True, slots=True)
class Way:
    """The way into a claim's database; `hidden` are the variables with passwords, of whatever connection.
    `delivery` is where its files go that leave this machine, still without its password; `into` the way into
    the database that its rows go into."""

    connection: Connection
    hidden: frozenset[str]
    delivery: Delivery | None = None
    into: Connection | None = None


def look_up(store: Store, claim: Claim) -> Way:
    """The connection and the destination as they are in the store now. Raises NotFound, with words for the
    task."""
    name = claim.settings.connection
    hidden = hidden_of(store, claim.settings)
    delivery = delivery_of(store, store.tasks.get(claim.task))
    target = claim.settings.into
    into = _connection(store, target.connection) if target is not None else None
    return Way(_connection(store, name), hidden, delivery, into)


def hidden_of(store: Store, settings: ExportSettings) -> frozenset[str]:
    """The variables with passwords, of whatever connection: no process that is started has them."""
    account = settings.sys_account
    references = [account.secret if account else None, *(c.secret for c in store.connections.list())]
    references += [destination.secret for destination in store.destinations.list()]
    return frozenset(ref.variable for ref in references if isinstance(ref, EnvironmentSecret))


def _connection(store: Store, name: str) -> Connection:
    try:
        return store.connections.get(name)
    except NotFound:
        raise NotFound(
            f"Connection {name!r} isn't there any more.",
            "Add it again (offramp connection add), then retry the task.",
        ) from None


def delivery_of(store: Store, task: Task) -> Delivery | None:
    """Where a task's files go that leave this machine, without its password; None where they don't. Raises
    NotFound, InvalidValue."""
    if not leaves(task.output):
        return None
    try:
        destination, path = of_place(task.output, store.destinations.by_name())
    except KeyError as error:
        raise NotFound(
            f"Destination {error.args[0]!r} isn't there any more.",
            "Add it again (offramp destination add), then retry the task.",
        ) from None
    afar = task.settings.engine is Engine.DASK
    return Delivery(destination=destination, path=path, token=token_of(task), from_afar=afar)


async def prepare(
    claim: Claim, way: Way, locations: Locations, numbers: Numbers, *, discard: bool = False
) -> Prepared:
    """Resolve the passwords, which may take as long as a command that prints one. Raises SecretError."""
    account = claim.settings.sys_account
    references: list[tuple[str, SecretRef | None]] = [
        (f"Connection {way.connection.name!r}", way.connection.secret)
    ]
    delivery = way.delivery
    references.append(
        (delivery.destination.whose, delivery.destination.secret) if delivery is not None else ("", None)
    )
    if account is not None:
        references.append((f"Sys account {account.account!r}", account.secret))
    into = way.into
    target = (f"Connection {into.name!r}", into.secret) if into is not None else ("", None)
    references.insert(2, target)
    found = await in_thread(lambda: [_password(whose, ref, locations) for whose, ref in references])
    order = Order(
        task=claim.task,
        token=claim.token,
        home=str(locations.home),
        connection=way.connection,
        backoff=numbers.backoff,
        progress=numbers.progress,
        log_bytes=numbers.log_bytes,
        part_processes=numbers.part_processes,
        password=found[0],
        delivery=replace(delivery, password=found[1], spool=str(numbers.spool_in(locations)))
        if delivery is not None
        else None,
        into=into,
        into_password=found[2],
        sys_password=found[3] if account is not None else None,
        discard=discard,
    )
    return Prepared(order, way.hidden)


def _password(whose: str, ref: SecretRef | None, locations: Locations) -> str | None:
    try:
        return resolve(ref, locations)
    except OfframpError as error:
        error.message = f"{whose}: {error.message}"
        raise


def start(
    prepared: Prepared,
    locations: Locations,
    command: Sequence[str] = WORKER,
    *,
    ended: Callable[[], None] | None = None,
) -> Child:
    """Start the worker; `ended` is called, by a thread, at its end. Raises OSError where no process can be
    had."""
    environment = {name: value for name, value in os.environ.items() if name not in prepared.hidden}
    environment = LIBRARIES | environment
    return start_detached(
        command,
        output=locations.worker_output(prepared.order.task),
        environment=environment,
        message=prepared.order.line(),
        ended=ended,
    )


def cannot_start(error: OSError) -> ErrorInfo:
    """Why a worker could not be started, as a reason to try again later."""
    return ErrorInfo(
        code="worker-not-started",
        message=f"No process could be started for the task: {error.strerror or error}.",
        hint="Make room where Offramp keeps its logs."
        if error.errno in (errno.ENOSPC, errno.EDQUOT)
        else "The machine may be short of memory or processes.",
        transient=True,
    )


async def in_thread(work: Callable[[], T]) -> T:
    """Run `work` in a daemon thread: one that hangs keeps neither the loop nor the process from ending."""
    result: concurrent.futures.Future[T] = concurrent.futures.Future()

    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as error:  # noqa: BLE001 - handed on whole to who awaits it
            result.set_exception(error)

    threading.Thread(target=run, name="in-thread", daemon=True).start()
    return await asyncio.wrap_future(result)

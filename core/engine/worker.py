"""The worker: the process that runs one attempt of one task, and lives by nobody's leave but its lock.

Started as `python -P -m core.engine.worker` in a session of its own, with an `Order` on standard input.
It imports neither Textual nor Alembic, and what reads and writes data only once it has taken hold.
"""

from __future__ import annotations

import faulthandler
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from core import faults
from core.dumps import forbid_core_dumps
from core.engine.orders import LONGEST, OUTDATED, Order
from core.errors import ErrorInfo, LostClaim, OfframpError, OutputError, StoreError, StoreFull, StoreOutdated
from core.faults import Point
from core.locations import Locations
from core.locks import FileLock
from core.model.cluster import scheduler_of
from core.model.vocabulary import Engine
from core.pipeline.cancel import Cancel
from core.pipeline.journal import Journal
from core.store.journal import StoreJournal
from core.store.store import Store
from core.tasklog import TaskLogHandler

if TYPE_CHECKING:
    from core.model.settings import ExportSettings
    from core.pipeline.crews import Beyond, Crews
    from core.pipeline.delivery import Delivery
    from core.pipeline.into.there import Elsewhere

DONE, FAILED, LOST = 0, 1, 3
# What is loaded stays: to look through it for garbage at every 700 objects is a tenth of a worker's start.
GARBAGE_OBJECTS = 20_000
LOCK_SECONDS = 10.0
PATIENCE = 60.0

Attempt = Callable[[Journal, Order, logging.Logger, Cancel], None]
"""Runs the attempt and writes its end to the journal. May raise OfframpError."""


def run_attempt(journal: Journal, order: Order, log: logging.Logger, cancel: Cancel) -> None:
    """The attempt itself: the task's pipeline on the connection's source."""
    # These load drivers, numpy and Arrow: late, so that hold is taken at once.
    from connectors.base import Credentials  # noqa: PLC0415
    from core.connectors import open_source  # noqa: PLC0415
    from core.pipeline.run import run_task  # noqa: PLC0415

    source = open_source(
        order.connection,
        Credentials(password=order.password, sys_password=order.sys_password),
        sys_account=journal.task().settings.sys_account,
        program=order.program,
    )
    delivery = None
    if order.delivery is not None:
        from core.connectors import open_destination  # noqa: PLC0415
        from core.pipeline.delivery import Delivery  # noqa: PLC0415

        there = order.delivery
        elsewhere = open_destination(there.destination, there.password)
        delivery = Delivery(journal.task(), elsewhere, there.path, Path(there.spool))
    run_task(
        journal,
        source,
        log=log,
        cancel=cancel,
        crews=_crews(order, journal.task().settings, delivery),
        delivery=delivery,
        beyond=_beyond(order, journal.task().settings),
        elsewhere=_elsewhere(order),
    )


def _crews(order: Order, settings: ExportSettings, delivery: Delivery | None) -> Crews:
    """What makes those who read parts at once."""
    address = scheduler_of(settings)
    if address is not None:
        from core.cluster.crew import Cluster  # noqa: PLC0415 - few tasks need it

        return Cluster(address, delivery)
    from core.pipeline.crew import Processes  # noqa: PLC0415 - late, as above

    # More than the machine has processors gain nothing, unless somebody says so in the settings.
    return Processes(min(order.part_processes, os.cpu_count() or 1), order.hold)


def _beyond(order: Order, settings: ExportSettings) -> Beyond | None:
    """What looks at the cluster that reads the task's parts, where one does."""
    if settings.engine is not Engine.DASK:
        return None
    from core.cluster.checks import ClusterCheck  # noqa: PLC0415 - few tasks need it
    from core.connectors import open_destination  # noqa: PLC0415

    there = order.delivery
    if there is None:
        return ClusterCheck(order.connection, settings)
    elsewhere = open_destination(there.destination, there.password)
    return ClusterCheck(order.connection, settings, elsewhere, there.path)


def _elsewhere(order: Order) -> Elsewhere | None:
    """The way into the database that rows go into, where they do."""
    if order.into is None:
        return None
    from core.pipeline.into.there import Elsewhere  # noqa: PLC0415 - few tasks need it

    return Elsewhere.of(order.into, order.into_password, order.program)


def main(attempt: Attempt = run_attempt) -> int:
    """Carry out the order on standard input; returns the process's exit status. What can be said is in the
    task's status and log; standard error has only what came before there was a log."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0o077)
    gc.set_threshold(GARBAGE_OBJECTS)
    forbid_core_dumps()
    faulthandler.enable()
    order = Order.parse(sys.stdin.buffer.readline(LONGEST))
    faults.reached(Point.SPAWNED)
    locations = Locations(Path(order.home))
    cancel = Cancel()
    _heed_termination(cancel)
    # Never released: it is free when this process and whoever it passed the descriptor on to are gone.
    lock = FileLock(locations.task_lock(order.task))
    if not lock.acquire(timeout=LOCK_SECONDS):
        print(f"Task {order.task} has a worker already.", file=sys.stderr)  # noqa: T201 - goes to a file
        return LOST
    order = msgspec.structs.replace(order, hold=(lock.descriptor,))
    faults.reached(Point.LOCKED)
    try:
        # Whether to migrate is not for a worker to say: the engine that started it is of the older version.
        store = Store.open(locations, patience=PATIENCE, wait_on=lambda: False)
    except StoreOutdated as error:
        print(error, file=sys.stderr)  # noqa: T201
        return OUTDATED
    with store:
        journal = StoreJournal(store, order.task, order.token, backoff=order.backoff, interval=order.progress)
        try:
            journal.take_hold(os.getpid(), os.getpgrp(), datetime.now(UTC))
        except LostClaim as error:
            print(error, file=sys.stderr)  # noqa: T201
            return LOST
        except StoreError as error:
            # The engine finds that nobody took hold, and puts the task back into the queue.
            print(error, file=sys.stderr)  # noqa: T201
            return FAILED
        faults.reached(Point.HELD)
        log = _open_log(locations, order)
        log.info("Worker %d begins.", os.getpid())
        status = _carry_out(attempt, journal, order, log, cancel)
        journal.close()
    return status


def _carry_out(
    attempt: Attempt, journal: StoreJournal, order: Order, log: logging.Logger, cancel: Cancel
) -> int:
    """Run the attempt; an error that it leaves behind becomes the end of the task."""
    try:
        attempt(journal, order, log, cancel)
    except LostClaim as error:
        log.warning("%s", error)
        return LOST
    except StoreFull as error:
        log.error("%s", error)  # noqa: TRY400
        _make_room(journal, order, log)
        return _give_up(journal, error.info(), log)
    except OfframpError as error:
        log.error("%s", error)  # noqa: TRY400 - what it says is for people; the traceback says no more
        return _give_up(journal, error.info(), log)
    except Exception as error:
        # A bug, which must not pass for a lost worker: that would be tried again.
        log.error("Unexpected: %s", type(error).__name__, exc_info=True)
        info = ErrorInfo(
            code="internal",
            message=f"Offramp itself failed: {type(error).__name__}.",
            hint=f"Please report it, with the task's log: offramp logs {order.task}.",
        )
        return _give_up(journal, info, log)
    return DONE


def _make_room(journal: StoreJournal, order: Order, log: logging.Logger) -> None:
    """Where the output takes the room that the store needs for being told of the end, what was begun of it
    goes: nobody could retry, abort or remove the task otherwise."""
    from core.pipeline.place import discard_partial  # noqa: PLC0415 - by now it is loaded

    try:
        task = journal.task()
        spool = Path(order.delivery.spool) if order.delivery is not None else None
        if _device(spool or Path(task.output)) == _device(Path(order.home)):
            discard_partial(task, spool)
    except (StoreError, LostClaim, OutputError, OSError) as error:
        log.warning("No room can be made for telling the end: %s", error)


def _device(path: Path) -> int:
    while not path.exists():
        path = path.parent
    return path.stat().st_dev


def _give_up(journal: StoreJournal, error: ErrorInfo, log: logging.Logger) -> int:
    try:
        journal.finish(error, published=False)
    except LostClaim:
        return LOST
    except StoreError as failed:
        # The engine finds the lock free and the task unfinished, and takes the worker for lost.
        log.error("The end of the task can't be stored: %s", failed)  # noqa: TRY400
    return FAILED


def _open_log(locations: Locations, order: Order) -> logging.Logger:
    log = logging.getLogger(f"offramp.task.{order.task}")
    log.setLevel(logging.DEBUG)
    log.propagate = False
    # What a source has to say of how it reads.
    sources = logging.getLogger("offramp.source")
    sources.setLevel(logging.DEBUG)
    sources.propagate = False
    path = locations.task_log(order.task)
    try:
        handler = TaskLogHandler(path, secrets=order.secrets, longest=order.log_bytes)
        log.addHandler(handler)
        sources.addHandler(handler)
    except OSError as error:
        # A log that can't be begun (a full disk) ends no task, as one that can't go on doesn't.
        print(f"No log can be written: {error}.", file=sys.stderr)  # noqa: T201
        log.addHandler(logging.NullHandler())
    return log


def _heed_termination(cancel: Cancel) -> None:
    """SIGTERM asks `cancel` from a thread: the main thread may sit in a driver that no handler gets into.
    The handler itself only tears it out of waiting for a connection.

    The interpreter's C handler writes the signal's number to a descriptor, whatever the main thread does;
    blocking the signal and waiting for it would hand the blocked mask down to child processes.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.signal(signal.SIGTERM, lambda _number, _frame: cancel.interrupt())
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def wait() -> None:
        while numbers := os.read(reader, 64):
            if signal.SIGTERM in numbers:
                cancel.pursue()

    threading.Thread(target=wait, name="termination", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())

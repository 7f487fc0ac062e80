"""Exports that run when there is new data: their sources are asked, and runs begin.

A look is a process of its own (`core.engine.probe`), which tells the store what it has found.
"""

from __future__ import annotations

import logging
from datetime import datetime
from functools import partial

from core.engine import executor
from core.engine.numbers import Numbers
from core.engine.orders import Order
from core.errors import OfframpError
from core.locations import Locations
from core.model.run import Outcome
from core.owner import owner
from core.secrets import resolve
from core.store.store import Store
from core.store.watches import Look

log = logging.getLogger("offramp.engine")


def start_ready(store: Store, epoch: int, notify: tuple[str, ...], now: datetime) -> None:
    """Queue what has waited for new data and has it. Raises LostClaim where another engine serves."""
    for made in store.watches.start_ready(epoch, now, notify=notify, owner=owner()):
        what = f"task {made.task}" if made.outcome is Outcome.STARTED else f"not run: {made.words}"
        log.info("Export %s has new data: %s.", made.export, what.rstrip("."))


async def take(look: Look, store: Store, locations: Locations, numbers: Numbers, now: datetime) -> None:
    """Start the process that asks a source. What prevents it is told as what a look has found."""
    try:
        prepared = await executor.in_thread(partial(_prepare, look, store, locations, numbers))
        await executor.in_thread(partial(executor.start, prepared, locations, executor.PROBE))
    except OSError as error:
        problem = OfframpError(f"No process could be started: {error.strerror or error}.")
        await _give_up(look, store, problem, now)
    except OfframpError as error:
        await _give_up(look, store, error, now)


async def _give_up(look: Look, store: Store, problem: OfframpError, now: datetime) -> None:
    try:
        await executor.in_thread(partial(store.watches.failed, look.token, look.export.name, problem, now))
    except OfframpError as error:
        log.warning("Export %s: %s", look.export.name, error)


def _prepare(look: Look, store: Store, locations: Locations, numbers: Numbers) -> executor.Prepared:
    """What the process is told, with the password, which may take as long as a command that prints one.
    Raises NotFound, SecretError."""
    settings = look.export.settings
    connection = store.connections.get(settings.connection)
    order = Order(
        task=0,
        token=look.token,
        home=str(locations.home),
        connection=connection,
        backoff=numbers.backoff,
        password=resolve(connection.secret, locations),
        export=look.export.name,
    )
    return executor.Prepared(order, executor.hidden_of(store, settings))

"""Ending on the server what a killed worker has left running there; taking back what it had sent elsewhere.

A server notices that its client has gone when it writes next, and a statement that sorts or waits may not do
that for hours. Started as `python -P -m core.engine.sweep`, in a session of its own, with the lost attempt's
`Order` on standard input: a driver can't freeze the engine, and the engine may end meanwhile.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
from pathlib import Path

from core.engine.orders import LONGEST, Delivery, Order
from core.errors import OfframpError
from core.locations import Locations
from core.tasklog import append

# Seconds before each look: the server may be away, and a statement may only just have reached it.
PAUSES = (0.0, 1.0, 5.0, 30.0)
# How long those who send files from other machines may take to notice that it is over, and to stop.
LEAVING_SECONDS = 5.0


def main() -> int:
    """Carry out the order on standard input; returns the process's exit status."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    order = Order.parse(sys.stdin.buffer.readline(LONGEST))
    log = Locations(Path(order.home)).task_log(order.task)
    if order.into is not None:
        _remove_staging(order, log)
    if order.delivery is not None and order.discard:
        _take_back(order.delivery, order.task, log)
    if order.connection.path is not None:
        return 0  # a file has no server
    answered = 0
    for pause in PAUSES:
        time.sleep(pause)
        try:
            ended = _end_left_over(order)
        except OfframpError as error:
            words = error.message
            continue
        answered += 1
        if ended:
            append(
                log, logging.INFO, f"Ended on the server what the lost worker had left: {ended} statements."
            )
        if answered > 1:
            return 0
    if not answered:
        append(log, logging.WARNING, f"What the lost worker had left on the server may still run: {words}")
    return 0 if answered else 1


def _take_back(delivery: Delivery, task: int, log: Path) -> None:
    """Remove what an aborted task has sent and not published."""
    from core.connectors import open_destination  # noqa: PLC0415 - loads what talks to it
    from core.pipeline.remote_target import Target  # noqa: PLC0415

    target = Target(task, delivery.token, delivery.path)
    if delivery.from_afar:
        time.sleep(LEAVING_SECONDS)
    for pause in PAUSES:
        time.sleep(pause)
        try:
            with open_destination(delivery.destination, delivery.password).connect() as files:
                target.discard(files)
        except OfframpError as error:
            words = error.message
        else:
            return
    append(log, logging.WARNING, f"What the task has sent may still be there: {words}")


def _remove_staging(order: Order, log: Path) -> None:
    """What the attempt had begun to make in the database that its rows go into, which nobody has seen."""
    from core.pipeline.into.there import Elsewhere  # noqa: PLC0415 - loads the driver

    if order.into is None:
        return
    words = ""
    for pause in PAUSES:
        time.sleep(pause)
        try:
            removed = Elsewhere.of(order.into, order.into_password, order.program).target("").sweep()
        except OfframpError as error:
            words = error.message
            continue
        if removed:
            append(log, logging.INFO, f"Removed {removed} staging tables of the lost worker.")
        return
    append(log, logging.WARNING, f"Staging tables of the lost worker may be left: {words}")


def _end_left_over(order: Order) -> int:
    from connectors.base import Credentials  # noqa: PLC0415 - loads the driver
    from core.connectors import open_source  # noqa: PLC0415

    source = open_source(order.connection, Credentials(password=order.password), program=order.program)
    return source.end_left_over()


if __name__ == "__main__":
    sys.exit(main())

"""Ending on the server what a worker that was killed has left running there.

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

from core.engine.orders import LONGEST, Order
from core.errors import OfframpError
from core.locations import Locations
from core.tasklog import append

# Seconds before each look: the server may be away, and a statement may only just have reached it.
PAUSES = (0.0, 1.0, 5.0, 30.0)


def main() -> int:
    """Carry out the order on standard input; returns the process's exit status."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    order = Order.parse(sys.stdin.buffer.readline(LONGEST))
    log = Locations(Path(order.home)).task_log(order.task)
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


def _end_left_over(order: Order) -> int:
    from connectors.base import Credentials  # noqa: PLC0415 - loads the driver
    from core.connectors import open_source  # noqa: PLC0415

    source = open_source(order.connection, Credentials(password=order.password), program=order.program)
    return source.end_left_over()


if __name__ == "__main__":
    sys.exit(main())

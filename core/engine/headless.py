"""`offramp --headless`: the engine without screens, in the foreground or in the background."""

from __future__ import annotations

import asyncio
import logging
import signal
import time

from core.engine.engine import Engine, Until
from core.engine.numbers import Numbers, configured
from core.locations import Locations


def run(
    locations: Locations, *, drain: bool = False, background: bool = False, numbers: Numbers | None = None
) -> int:
    """Serve until SIGTERM, SIGINT or SIGHUP; with `drain` until nothing is left to do; in the `background`
    until there has been nothing for long, or another engine serves (SIGHUP is ignored there). Workers are
    never touched by its end. What it does is logged on standard error. Returns the exit status 0.

    `numbers` are the engine's, else the defaults with what the settings file says. Raises StoreError and
    its kinds, InvalidDefinition for a wrong settings file.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)-7s %(message)s", level=logging.INFO)
    logging.Formatter.converter = time.gmtime
    engine = Engine(locations, numbers or configured(locations))
    until = Until.IDLE if background else Until.DRAINED if drain else Until.STOPPED
    asyncio.run(_serve(engine, until, background=background))
    return 0


async def _serve(engine: Engine, until: Until, *, background: bool) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, engine.stop)
    if background:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    else:
        loop.add_signal_handler(signal.SIGHUP, engine.stop)
    await engine.serve(until)

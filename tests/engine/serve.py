"""An engine in a process of its own, as `offramp --headless` is one: HOME, its numbers as JSON, until."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

import msgspec

from core.engine import headless
from core.engine.engine import Engine, Until
from core.engine.numbers import Numbers
from core.locations import Locations

FAKE = (sys.executable, "-P", str(Path(__file__).with_name("fake_worker.py")))

if __name__ == "__main__":
    home, numbers, until = sys.argv[1:]
    logging.basicConfig(level=logging.INFO, format="%(relativeCreated)d %(message)s")
    engine = Engine(Locations(Path(home)), msgspec.json.decode(numbers, type=Numbers), worker=FAKE)
    asyncio.run(headless._serve(engine, Until[until], background=until == "IDLE"))

"""An OceanBase server that isn't busy with itself.

What was written lies in its memory at first, and is merged and compressed in the background once much of that
is full: for a minute after three million rows, a scan cost the server up to two and a half times what it costs at
rest. And rows that don't fit its cache are read and decompressed each time, as none of the other servers has to, whose
files the kernel keeps. Source: "ALTER SYSTEM MAJOR FREEZE" and DBA_OB_MAJOR_COMPACTION of the OceanBase manual.
"""

from __future__ import annotations

import time

from tests.benchmarks.running import DATABASE, TABLE, cpu_of, tree_of
from tests.servers.oceanbase import OceanbaseServer

# For caches and buffers: two fifths of it are for what was read, 2.4 GB, which five million rows fit into.
MEMORY = "6G"
IDLE = 0.1  # of a processor
SAME = 0.8  # of the time before: less is still getting cheaper
LOOK_SECONDS = 2.0
PATIENCE_SECONDS = 600.0


def bring_to_rest(server: OceanbaseServer) -> None:
    """Have the standard table merged, wait for it, read it into the cache until reading it again costs as much
    as the time before, and wait until the server uses less than a tenth of a processor. Raises TimeoutError
    after ten minutes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    # While it merges by itself it takes no other one on.
    while not (merges := _merges(server))[1]:
        _look(deadline, 0.5)
    asked = merges[0]
    server.run("ALTER SYSTEM MAJOR FREEZE")
    while (merges := _merges(server))[0] <= asked or not merges[1]:
        _look(deadline, 0.5)
    before, now = float("inf"), _read(server)
    while now < SAME * before:
        _look(deadline, 0.0)
        before, now = now, _read(server)
    while _busy(server) > IDLE:
        _look(deadline, 0.0)


def _merges(server: OceanbaseServer) -> tuple[int, bool]:
    """The point in time up to which everything is to be merged, and whether it is."""
    ((asked, done, status),) = server.run(
        "SELECT GLOBAL_BROADCAST_SCN, LAST_SCN, STATUS FROM oceanbase.DBA_OB_MAJOR_COMPACTION"
    )
    return int(asked), int(done) >= int(asked) and status == "IDLE"


def _read(server: OceanbaseServer) -> float:
    """Read the table and send none of it: seconds of the server's processors."""
    before = cpu_of(tree_of(server.pid))
    text = f"SELECT /*+ FULL({TABLE}) */ MAX(body) FROM {TABLE}"
    server.run("SET ob_query_timeout = 3600000000", text, database=DATABASE)
    return cpu_of(tree_of(server.pid)) - before


def _busy(server: OceanbaseServer) -> float:
    """How many processors it uses just now."""
    before = cpu_of(tree_of(server.pid))
    time.sleep(LOOK_SECONDS)
    return (cpu_of(tree_of(server.pid)) - before) / LOOK_SECONDS


def _look(deadline: float, pause: float) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError(f"OceanBase was still busy with itself after {PATIENCE_SECONDS:.0f} s")
    time.sleep(pause)

"""What parts cost on a Dask cluster beside reading them, and how far a server goes: figures for planning.

    python -m tests.benchmarks.bench_cluster [--parts 1000] [--rows 400000]

On one machine: a scheduler, workers, a PostgreSQL server and what asks them share its processors, so seconds
say less than seconds of processors, which are counted of each process by itself. `simulate_cluster` reckons
with these. Asserts nothing.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.base import ReadRequest, Session
from core.connectors import open_source
from core.model.load import LoadSettings
from core.model.vocabulary import ObjectRef, ObjectType
from core.pipeline.cancel import Cancel
from core.pipeline.run import run_task
from tests.benchmarks import table
from tests.cluster.running import Shop, Task, settings_of, variable_of
from tests.pipeline.memory import MemoryJournal, make_task
from tests.servers.dask import DaskCluster
from tests.servers.postgresql import PostgresqlServer

TICKS = os.sysconf("SC_CLK_TCK")
TABLE = "bench"
ROUNDS = 30


def cpu_of(pid: int) -> float:
    """Seconds of processors that a process has used, with its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


@contextmanager
def cpu(**pids: int) -> Iterator[dict[str, float]]:
    """Seconds of processors that each has used within, and `seconds`, all there at the end."""
    used: dict[str, float] = {}
    before, began = {name: cpu_of(pid) for name, pid in pids.items()}, time.monotonic()
    yield used
    used["seconds"] = time.monotonic() - began
    used |= {name: cpu_of(pid) - before[name] for name, pid in pids.items()}


def show(title: str, used: dict[str, float], parts: int) -> None:
    per = ", ".join(f"{name} {value / parts * 1000:.2f} ms" for name, value in used.items())
    print(f"{title}, {parts} parts: {per} a part")


def dispatch(cluster: DaskCluster, parts: int, at_once: int) -> None:
    """Parts that do nothing, so many under way at a time: what the scheduler and its client take."""
    pids = {"scheduler": cluster.scheduler.pid, "client": os.getpid()}
    with cluster.client() as client, cpu(**pids) as used:
        waiting, under_way = iter(range(parts)), []
        while True:
            while len(under_way) < at_once and (number := next(waiting, None)) is not None:
                under_way.append(client.submit(abs, number, pure=False, retries=0))
            if not under_way:
                break
            under_way = [future for future in under_way if not future.done()]
            time.sleep(0.001)
    show(f"empty parts, {at_once} at once", used, parts)


def small_parts(cluster: DaskCluster, server: PostgresqlServer, scratch: Path, parts: int) -> None:
    """Parts of ten rows through the whole pipeline, to a directory that all see."""
    shop = Shop(server, parts * 10)
    settings = settings_of(load=LoadSettings(statement_rows=10))
    task = Task(shop, scratch / "small", settings, cluster)
    pids = {"attempt": os.getpid(), "scheduler": cluster.scheduler.pid, "server": server.pid}
    pids |= {f"worker {n}": worker.pid for n, worker in enumerate(cluster.workers, 1)}
    with cpu(**pids) as used:
        task.good()
    made = len(list((scratch / "small" / "TABLE").iterdir()))
    show(f"parts of ten rows by {len(cluster.workers)} workers", used, made)


def sessions(server: PostgresqlServer, database: str) -> None:
    """How long a session takes to open, and to come to the point in time of another."""
    source = open_source(server.connection("bench", database), server.credentials())
    connecting, joining = [], []
    with source.connect() as first:
        snapshot = first.begin()
        for _ in range(ROUNDS):
            began = time.monotonic()
            with source.connect() as session:
                open_at = time.monotonic()
                session.begin(snapshot)
                joining.append(time.monotonic() - open_at)
                connecting.append(open_at - began)
    middle = [statistics.median(each) * 1000 for each in (connecting, joining)]
    print(f"PostgreSQL session: open in {middle[0]:.1f} ms, at the point in time in {middle[1]:.1f} ms")


def _drain(server: PostgresqlServer, database: str, ready: Callable[[], object], said: Callable) -> None:  # type: ignore[type-arg]
    source = open_source(server.connection("bench", database), server.credentials())
    with source.connect() as session:
        request = _everything(session)
        ready()
        began, cpu_before, size = time.monotonic(), time.process_time(), 0
        for chunk in session.read(request):
            size += chunk.size
        said((size, time.monotonic() - began, time.process_time() - cpu_before))


def _everything(session: Session) -> ReadRequest:
    shape = session.describe("public", ObjectRef(ObjectType.TABLE, TABLE))
    (part,) = session.split("public", shape, 1 << 40)
    return ReadRequest(database="public", shape=shape, part=part)


def drains(server: PostgresqlServer, database: str, rows: int) -> None:
    """The same table read by several sessions at once, each by a process: what the server's processors give."""
    context = multiprocessing.get_context("fork")
    for readers in (1, 2, 4):
        barrier, answers = context.Barrier(readers), context.Queue()
        with cpu(server=server.pid) as used:
            processes = [
                context.Process(target=_drain, args=(server, database, barrier.wait, answers.put))
                for _ in range(readers)
            ]
            for process in processes:
                process.start()
            found = [answers.get() for _ in processes]
            for process in processes:
                process.join()
            # Until the server has counted what its processes used that have ended.
            time.sleep(1.0)
        size = sum(each[0] for each in found)
        slowest, reading = max(each[1] for each in found), sum(each[2] for each in found)
        print(
            f"{readers} sessions drain {rows:,} rows each: {size / slowest / 1e6:.0f} MB/s in all; "
            f"processors per GB: server {used['server'] / size * 1e9:.1f} s, readers {reading / size * 1e9:.1f} s"
        )


def whole(server: PostgresqlServer, database: str, scratch: Path, rows: int) -> None:
    """The same rows to CSV files, checksums and all, by one process: what a worker's processor does for them."""
    source = open_source(server.connection("bench", database), server.credentials())
    settings = settings_of(objects=(TABLE,), engine=None, parts=1)
    journal = MemoryJournal(make_task(scratch / "whole", settings))
    began, log = time.process_time(), logging.Logger("bench")
    run_task(journal, source, log=log, cancel=Cancel())
    used = time.process_time() - began
    size = sum(path.stat().st_size for path in (scratch / "whole" / "TABLE").iterdir())
    print(
        f"CSV of {rows:,} rows, {size / 1e6:.0f} MB: {used / size * 1e9:.1f} s of a processor per GB of file"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=400_000)
    options = parser.parse_args()
    server = PostgresqlServer()
    environment = {variable_of(PostgresqlServer): server.password}
    try:
        with (
            tempfile.TemporaryDirectory(prefix="offramp-bench-") as scratch,
            DaskCluster(Path(scratch) / "dask", 2, environment=environment) as cluster,
        ):
            for at_once in (2, 64):
                dispatch(cluster, options.parts, at_once)
            small_parts(cluster, server, Path(scratch), options.parts // 4)
        database = server.new_database()
        with server.admin(database) as admin:
            table.load_postgresql(admin, TABLE, options.rows)
        sessions(server, database)
        drains(server, database, options.rows)
        with tempfile.TemporaryDirectory(prefix="offramp-bench-") as scratch:
            whole(server, database, Path(scratch), options.rows)
    finally:
        server.close()


if __name__ == "__main__":
    main()

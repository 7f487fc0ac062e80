"""Whole exports of one table into many files, by 1, 2 and 4 processes, interleaved.

    python -m tests.benchmarks.bench_parts [--rows 1000000] [--repeats 3] [--only mariadb postgresql]
                                           [--waiting]

The clock runs within one process around the pipeline, from connecting to publishing: start-up of Offramp isn't
in it, that of the part processes is. Server and processes share this machine's processors. So CPU seconds of
both stand beside the clock, and `at least`: what these take on so many processors, however they are shared.

With `--waiting` each connection has 4 MB a second, as over a long distance: nobody's processors are busy then,
as where the server and the processes have enough of their own.
"""

from __future__ import annotations

import argparse
import logging
import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from connectors.base import Source
from connectors.sources.mysql import MysqlSource
from connectors.sources.postgresql import PostgresqlSource
from core.model.file_settings import FileSettings
from core.model.load import LoadSettings
from core.model.settings import ExportSettings
from core.model.vocabulary import Content, Lock
from core.pipeline.cancel import Cancel
from core.pipeline.run import run_task
from tests.benchmarks import table
from tests.benchmarks.running import cpu_of, tree_of
from tests.benchmarks.slow_link import SlowLink
from tests.pipeline.memory import MemoryJournal, make_task
from tests.servers.mariadb import MariadbServer
from tests.servers.postgresql import PostgresqlServer

TABLE = "bench"
PROCESSES = (1, 2, 4)
RATE = 4_000_000
PARTS = 8


@dataclass(frozen=True)
class Taken:
    """Seconds on the clock, and of processors: ours and the server's."""

    clock: float
    client: float
    server: float


def timed(source: Source, output: Path, files: FileSettings, part_rows: int | None, server: int) -> Taken:
    """What one export took."""
    settings = ExportSettings(
        connection="bench",
        objects=(TABLE,),
        content=Content.DATA,
        lock=Lock.BRIEF,
        files=files,
        load=LoadSettings(statement_rows=part_rows),
    )
    journal = MemoryJournal(make_task(output, settings))
    log = logging.Logger("bench")
    log.addHandler(logging.NullHandler())
    began, busy, theirs = time.monotonic(), _own_cpu(), cpu_of(tree_of(server))
    run_task(journal, source, log=log, cancel=Cancel())
    taken = Taken(time.monotonic() - began, _own_cpu() - busy, cpu_of(tree_of(server)) - theirs)
    shutil.rmtree(output, ignore_errors=True)
    if journal.error is not None:
        raise SystemExit(str(journal.error))
    return taken


def _own_cpu() -> float:
    """Of this process and of those that it has waited for."""
    found = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in found)


def race(title: str, source: Source, server: int, scratch: Path, options: argparse.Namespace) -> None:
    """Run all, interleaved."""
    # What is slow is worth sharing out in less.
    part_rows = max(1, options.rows // PARTS) if options.waiting else None
    contestants = {"one file": FileSettings()}
    contestants |= {f"{n} at once": FileSettings(single=False, parts=n) for n in PROCESSES}
    found: dict[str, list[Taken]] = {name: [] for name in contestants}
    for turn in range(options.repeats):
        for name, files in contestants.items():
            found[name].append(timed(source, scratch / f"{title} {name} {turn}", files, part_rows, server))
    print(f"{title:<23}{'seconds':>8}{'rows/s':>11}{'client s':>10}{'server s':>10}{'at least s':>12}")
    for name, runs in found.items():
        clock, client, theirs = (
            statistics.median(getattr(run, what) for run in runs) for what in ("clock", "client", "server")
        )
        least = (client + theirs) / (os.cpu_count() or 1)
        print(
            f"{'':12}{name:<11}{clock:8.2f}{options.rows / clock:11,.0f}{client:10.2f}{theirs:10.2f}{least:12.2f}"
        )


def mariadb(scratch: Path, options: argparse.Namespace) -> None:
    server = MariadbServer()
    try:
        server.run("CREATE DATABASE bench")
        admin = server.admin()
        table.load_mysql(admin, "bench", TABLE, options.rows)
        admin.close()
        server.run(f"ANALYZE TABLE {TABLE}", database="bench")
        with link(server.port, options) as port:
            connection = server.connection("bench", "bench", tcp=port is not None)
            source = MysqlSource(replace(connection, port=port), server.credentials())
            race("mariadb", source, server.pid, scratch, options)
    finally:
        server.close()


def postgresql(scratch: Path, options: argparse.Namespace) -> None:
    server = PostgresqlServer()
    try:
        database = server.new_database()
        admin: Any = server.admin(database)
        table.load_postgresql(admin, TABLE, options.rows)
        admin.close()
        with link(server.port, options) as port:
            connection = server.connection("bench", database, tcp=port is not None)
            source = PostgresqlSource(replace(connection, port=port or server.port), server.credentials())
            race("postgresql", source, server.pid, scratch, options)
    finally:
        server.close()


@contextmanager
def link(port: int | None, options: argparse.Namespace) -> Iterator[int | None]:
    """The port of a slow way to the server's, where one is asked for."""
    if not options.waiting:
        yield None
        return
    assert port is not None
    with SlowLink(port, RATE) as slow:
        yield slow.port


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--only", nargs="*", choices=("mariadb", "postgresql"), default=["mariadb", "postgresql"]
    )
    parser.add_argument("--waiting", action="store_true", help="over slow connections")
    options = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as scratch:
        for name in options.only:
            {"mariadb": mariadb, "postgresql": postgresql}[name](Path(scratch), options)


if __name__ == "__main__":
    main()

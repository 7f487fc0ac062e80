"""Whole exports of one table into many files, by 1, 2 and 4 processes, interleaved.

    python -m tests.benchmarks.bench_parts [--rows 1000000] [--repeats 3] [--only mariadb postgresql]

The clock runs within one process around the pipeline, from connecting to publishing: start-up of Offramp isn't
in it, that of the part processes is. Server and processes share this machine's processors.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from connectors.base import Source
from connectors.sources.mysql import MysqlSource
from connectors.sources.postgresql import PostgresqlSource
from core.model.file_settings import FileSettings
from core.model.settings import ExportSettings
from core.model.vocabulary import Content, Lock
from core.pipeline.cancel import Cancel
from core.pipeline.run import run_task
from tests.benchmarks import table
from tests.pipeline.memory import MemoryJournal, make_task
from tests.servers.mariadb import MariadbServer
from tests.servers.postgresql import PostgresqlServer

TABLE = "bench"
PROCESSES = (1, 2, 4)


def timed(source: Source, output: Path, files: FileSettings) -> float:
    """Seconds that one export took."""
    settings = ExportSettings(
        connection="bench", objects=(TABLE,), content=Content.DATA, lock=Lock.BRIEF, files=files
    )
    journal = MemoryJournal(make_task(output, settings))
    log = logging.Logger("bench")
    log.addHandler(logging.NullHandler())
    began = time.monotonic()
    run_task(journal, source, log=log, cancel=Cancel())
    seconds = time.monotonic() - began
    if journal.error is not None:
        raise SystemExit(str(journal.error))
    return seconds


def race(title: str, source: Source, scratch: Path, options: argparse.Namespace) -> None:
    contestants = {"one file": FileSettings()}
    contestants |= {f"{n} at once": FileSettings(single=False, parts=n) for n in PROCESSES}
    found: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(options.repeats):
        for name, files in contestants.items():
            found[name].append(timed(source, scratch / f"{title} {name} {turn}", files))
    for name, seconds in found.items():
        median = statistics.median(seconds)
        print(
            f"{title:<12} {name:<10} {median:6.2f} s  {options.rows / median:>10,.0f} rows/s  {sorted(seconds)}"
        )


def mariadb(scratch: Path, options: argparse.Namespace) -> None:
    server = MariadbServer()
    try:
        server.run("CREATE DATABASE bench")
        admin = server.admin()
        table.load_mysql(admin, "bench", TABLE, options.rows)
        admin.close()
        server.run(f"ANALYZE TABLE {TABLE}", database="bench")
        race(
            "mariadb",
            MysqlSource(server.connection("bench", "bench"), server.credentials()),
            scratch,
            options,
        )
    finally:
        server.close()


def postgresql(scratch: Path, options: argparse.Namespace) -> None:
    server = PostgresqlServer()
    try:
        database = server.new_database()
        admin: Any = server.admin(database)
        table.load_postgresql(admin, TABLE, options.rows)
        admin.close()
        source = PostgresqlSource(server.connection("bench", database), server.credentials())
        race("postgresql", source, scratch, options)
    finally:
        server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--only", nargs="*", choices=("mariadb", "postgresql"), default=["mariadb", "postgresql"]
    )
    options = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as scratch:
        for name in options.only:
            {"mariadb": mariadb, "postgresql": postgresql}[name](Path(scratch), options)


if __name__ == "__main__":
    main()

"""Whole `offramp dump` runs beside the drain of the same connection and the peers that are installed.

    python -m tests.benchmarks [--rows 1000000] [--repeats 3] [--only mariadb oceanbase postgresql sqlite]
                               [--race csv parquet …] [--distinct 20000] [--slow] [--json FILE]

Every contestant takes the standard table (see `table`) to a file in one temporary directory, interleaved with
the others, `--repeats` times; the table shows medians. Ratios are what counts: client and server share this
machine. Offramp's rate is that of the data (reading, encoding, checksum, fsync); start-up and planning are in
the column `whole`. CPU is of whole commands. Memory is the largest single process of the contestant.
OceanBase has memory for the whole table, as the kernel has for the others' files, and has merged what was
loaded and become idle before anybody reads (see `at_rest`). The table is made of `--distinct` rows that differ
in more than their key, again and again: few of them suit formats with dictionaries.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks import loaded, races, table
from tests.benchmarks.running import TABLE, Contestant, compete

SOURCES = ("mariadb", "oceanbase", "postgresql", "sqlite")


class Bench:
    """What was asked for, and what came of it."""

    def __init__(self, options: argparse.Namespace, scratch: Path) -> None:
        self._options = options
        self._scratch = scratch
        self._distinct = min(options.distinct, options.rows)
        self.records: list[dict[str, Any]] = []

    def run(self, source: str) -> None:
        """Start the server, load the table, race, end the server."""
        if source == "sqlite":
            path = self._scratch / "bench.sqlite3"
            table.load_sqlite(str(path), TABLE, self._options.rows, self._distinct)
            self._race("sqlite", races.sqlite(path, slow=self._options.slow), None)
        elif source == "postgresql":
            self._postgresql()
        else:
            self._mysql(source)

    def _mysql(self, source: str) -> None:
        rows = self._options.rows
        with loaded.mysql(source, rows, resting=True, distinct=self._distinct) as server:
            title = f"{source} {server.run('SELECT version()')[0][0]}"
            self._race(title, races.mysql(server, slow=self._options.slow), server.pid)

    def _postgresql(self) -> None:
        with loaded.postgresql(self._options.rows, self._distinct) as server:
            title = f"postgresql {server.run('SHOW server_version')[0][0].split()[0]}"
            self._race(title, races.postgresql(server, slow=self._options.slow), server.pid)

    def _race(self, title: str, contestants: Sequence[Contestant], server: int | None) -> None:
        wanted = self._options.race
        chosen = [c for c in contestants if not wanted or not c.group or c.group in wanted]
        self.records += compete(
            title, chosen, self._options.rows, self._options.repeats, self._scratch, server
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=SOURCES, default=SOURCES)
    parser.add_argument("--race", nargs="+", choices=races.FORMATS, help="these formats only")
    parser.add_argument("--distinct", type=int, default=table.SEED_ROWS, help="different rows in the table")
    parser.add_argument("--slow", action="store_true", help="also pandas, and csv.writer on PyMySQL")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="offramp-bench-") as directory:
        bench = Bench(options, Path(directory))
        for source in options.only:
            bench.run(source)
    if options.json:
        options.json.write_text(json.dumps(bench.records, indent=2) + "\n")

"""What an export costs its source, beside the peers: CPU a row, the longest statement, the oldest transaction.

    python -m tests.benchmarks.bench_source_cost [--rows 1000000] [--repeats 3] [--statement-rows 50000]
                                                 [--only mariadb oceanbase postgresql]

The server is asked six times a second, by its own views, how long each session's statement has been
running and how old each transaction is, and what it says at most is printed: a moment less than it was at the
end. CPU is of the server's processes while the contestant runs, the questions included.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pymysql

from tests.benchmarks import loaded, races
from tests.benchmarks.running import DATABASE, Contestant, Program, cpu_of, tree_of

# MariaDB renews its list of transactions only where nobody has asked for a tenth of a second.
LOOK_SECONDS = 0.15
# Milliseconds of the statements and of the transactions of all others.
MARIADB = (
    "SELECT COALESCE(MAX(time_ms), 0) FROM information_schema.processlist"
    " WHERE command NOT IN ('Sleep', 'Daemon') AND id <> CONNECTION_ID()",
    "SELECT COALESCE(MAX(TIMESTAMPDIFF(MICROSECOND, trx_started, NOW(6))), 0) / 1000"
    " FROM information_schema.innodb_trx WHERE trx_mysql_thread_id <> CONNECTION_ID()",
)
OCEANBASE = (
    "SELECT COALESCE(MAX(time), 0) * 1000 FROM oceanbase.V$OB_PROCESSLIST"
    " WHERE command = 'Query' AND id <> CONNECTION_ID()",
    "SELECT COALESCE(MAX(TIMESTAMPDIFF(MICROSECOND, active_time, NOW(6))), 0) / 1000"
    " FROM oceanbase.V$OB_TRANSACTION_SCHEDULERS WHERE session_id <> CONNECTION_ID()",
)
POSTGRESQL = (
    "SELECT COALESCE(MAX(EXTRACT(epoch FROM clock_timestamp() - query_start)), 0) * 1000"
    " FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"
    " AND backend_type = 'client backend'",
    "SELECT COALESCE(MAX(EXTRACT(epoch FROM clock_timestamp() - xact_start)), 0) * 1000"
    " FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
)


class Watch:
    """Asks the server again and again, from a thread, until the block's end; keeps the largest answers."""

    def __init__(self, connection: Any, questions: Sequence[str]) -> None:
        self._connection = connection
        self._questions = questions
        self.longest = [0.0] * len(questions)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        with self._connection.cursor() as cursor:
            while not self._ended.wait(LOOK_SECONDS):
                for number, question in enumerate(self._questions):
                    # A view that this version of the server doesn't have is no reason to end.
                    with suppress(pymysql.err.Error, psycopg.Error):
                        cursor.execute(question)
                        self.longest[number] = max(self.longest[number], float(cursor.fetchone()[0]))


def race(
    title: str,
    contestants: Sequence[Contestant],
    connect: Callable[[], Any],
    questions: Sequence[str],
    server: int,
    options: argparse.Namespace,
    scratch: Path,
) -> None:
    """Run all, interleaved, and print the table."""
    found: dict[str, list[tuple[float, float, float, float]]] = {c.name: [] for c in contestants}
    for _ in range(options.repeats):
        for contestant in contestants:
            if contestant.failed:
                continue
            connection, before = connect(), cpu_of(tree_of(server))
            try:
                with Watch(connection, questions) as watch:
                    sample = contestant.run(scratch)
            except RuntimeError as error:
                contestant.failed = str(error)
                continue
            finally:
                connection.close()
            cpu = cpu_of(tree_of(server)) - before
            found[contestant.name].append((sample.seconds, cpu / options.rows * 1e6, *watch.longest))
    print(f"\n{title}, {options.rows:,} rows, median of {options.repeats}")
    print(f"{'':44}{'seconds':>9}{'server us a row':>17}{'statement ms':>14}{'transaction ms':>16}")
    for name, samples in found.items():
        if not samples:
            print(f"{name:44} failed")
            continue
        seconds, cpu, statement, age = (statistics.median(column) for column in zip(*samples, strict=True))
        print(f"{name:44}{seconds:9.2f}{cpu:17.2f}{statement:14,.0f}{age:16,.0f}", flush=True)


def ours(program: Program, options: argparse.Namespace) -> list[Contestant]:
    rows = options.statement_rows
    return races.ours(
        program,
        ("csv",),
        {
            f"csv, statements of {rows:,} rows": ("--format", "csv", "--statement-rows", str(rows)),
            "csv, those, each as of its own time": (
                *("--format", "csv", "--statement-rows", str(rows), "--consistency", "part"),
            ),
        },
    )


def peers(contestants: Sequence[Contestant]) -> list[Contestant]:
    return [c for c in contestants if c.group in ("csv", "sql") and not c.name.startswith("offramp")]


def mysql(name: str, options: argparse.Namespace, scratch: Path) -> None:
    with loaded.mysql(name, options.rows, resting=True) as server:
        program = Program(server.connection("bench", DATABASE), server.password)
        race(
            name,
            [*ours(program, options), *peers(races.mysql(server, slow=False))],
            server.admin,
            MARIADB if name == "mariadb" else OCEANBASE,
            server.pid,
            options,
            scratch,
        )


def postgresql(name: str, options: argparse.Namespace, scratch: Path) -> None:
    with loaded.postgresql(options.rows) as server:
        program = Program(server.connection("bench", DATABASE, tcp=True), server.password)
        race(
            name,
            [*ours(program, options), *peers(races.postgresql(server, slow=False))],
            server.admin,
            POSTGRESQL,
            server.pid,
            options,
            scratch,
        )


SOURCES: dict[str, Callable[[str, argparse.Namespace, Path], None]] = {
    "mariadb": mysql, "oceanbase": mysql, "postgresql": postgresql,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--statement-rows", type=int, default=50_000)
    parser.add_argument("--only", nargs="+", choices=tuple(SOURCES), default=tuple(SOURCES))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="offramp-bench-") as directory:
        for name in options.only:
            SOURCES[name](name, options, Path(directory))


if __name__ == "__main__":
    main()

"""How much memory a worker takes at most: ordinary rows, however many, and values of 64 MB, of digits and of
bytes that don't compress.

    python -m tests.benchmarks.bench_memory [--rows 1000000 3000000] [--sources sqlite mariadb postgresql]
                                            [--forms csv parquet …] [--large]

The largest single process of a whole `offramp dump`, in MB of a million bytes, beside the limit: 200 MB and
three times the largest row.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from core.model.connection import Connection
from core.model.vocabulary import Mode
from tests.benchmarks import loaded, table
from tests.benchmarks.running import DATABASE, TABLE, Program
from tests.benchmarks.small_tables import LARGE_BYTES, subjects

LIMIT = 200_000_000
ORDINARY = 300
FORMS = {
    "csv": ("--format", "csv"),
    "csv, gzip": ("--format", "csv", "--compression", "gzip"),
    "csv, zstd": ("--format", "csv", "--compression", "zstd"),
    "csv, UTF-16": ("--format", "csv", "--encoding", "UTF-16"),
    "sql": ("--format", "sql"),
    "jsonl": ("--format", "jsonl"),
    "parquet": ("--format", "parquet"),
    "parquet, none": ("--format", "parquet", "--parquet-codec", "none"),
    "parquet, gzip": ("--format", "parquet", "--parquet-codec", "gzip"),
    "arrow": ("--format", "arrow"),
    "arrow, zstd": ("--format", "arrow", "--arrow-codec", "zstd"),
}


@contextmanager
def sqlite(scratch: Path, rows: int) -> Iterator[Program]:
    path = scratch / f"{rows}.db"
    table.load_sqlite(str(path), TABLE, rows)
    yield Program(Connection(name="bench", mode=Mode.SQLITE, path=str(path)))
    path.unlink()


@contextmanager
def _mysql(source: str, rows: int) -> Iterator[Program]:
    with loaded.mysql(source, rows, resting=False) as server:
        yield Program(server.connection("bench", DATABASE), server.password)


def mariadb(_scratch: Path, rows: int) -> AbstractContextManager[Program]:
    return _mysql("mariadb", rows)


def oceanbase(_scratch: Path, rows: int) -> AbstractContextManager[Program]:
    return _mysql("oceanbase", rows)


@contextmanager
def postgresql(_scratch: Path, rows: int) -> Iterator[Program]:
    with loaded.postgresql(rows) as server:
        yield Program(server.connection("bench", DATABASE), server.password)


SOURCES: dict[str, Callable[[Path, int], AbstractContextManager[Program]]] = {
    "sqlite": sqlite,
    "mariadb": mariadb,
    "postgresql": postgresql,
    "oceanbase": oceanbase,
}


def measure(title: str, program: Program, objects: tuple[str, ...], forms: list[str], scratch: Path) -> None:
    """Print a line for each form."""
    limit = LIMIT + 3 * (LARGE_BYTES if "large" in title else ORDINARY)
    for form in forms:
        sample = program.dump(scratch, ("--content", "data", *FORMS[form]), objects)
        peak = sample.memory * 1024 * 1024
        over = "" if peak <= limit else f"  {(peak - limit) / 1e6:.0f} MB too much"
        print(f"{title:<28} {form:<14} {peak / 1e6:6.0f} MB of {limit / 1e6:.0f}{over}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=[1_000_000, 3_000_000])
    parser.add_argument("--sources", nargs="+", choices=tuple(SOURCES), default=tuple(SOURCES))
    parser.add_argument("--forms", nargs="+", choices=tuple(FORMS), default=list(FORMS))
    parser.add_argument("--large", action="store_true", help="values of 64 MB, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="offramp-bench-") as directory:
        scratch = Path(directory)
        for name in options.sources:
            for rows in options.rows:
                with SOURCES[name](scratch, rows) as program:
                    measure(f"{name}, {rows:,} rows", program, (), options.forms, scratch)
            if options.large and name in subjects():
                subject = subjects()[name](scratch)
                try:
                    for what, make in (("values", subject.large), ("bytes", subject.dense)):
                        make()
                        program = Program(subject.connection(), subject.password)
                        measure(f"{name}, large {what}", program, ("TABLE:large",), options.forms, scratch)
                finally:
                    subject.close()


if __name__ == "__main__":
    main()

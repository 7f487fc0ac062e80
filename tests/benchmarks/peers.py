"""Peers that are Python packages, each in a process of its own; who isn't installed doesn't run."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.benchmarks.running import TABLE, Contestant, Sample, command

EXTENSION = {"mysql": "mysql_scanner", "postgres": "postgres_scanner", "sqlite": "sqlite_scanner"}
COPY = {"csv": "FORMAT csv", "jsonl": "FORMAT json", "parquet": "FORMAT parquet, COMPRESSION zstd"}

# Reads by the scanner of DuckDB for that server; its extensions are packages, too.
_DUCKDB = """
import sys, duckdb
kind, extension, address, table, form, out = sys.argv[1:]
try:
    from duckdb_extensions import import_extension
    import_extension(extension)
except ImportError:
    duckdb.sql("INSTALL " + kind)
link = duckdb.connect()
link.execute("LOAD " + extension)
link.execute("ATTACH '" + address.replace("'", "''") + "' AS source (TYPE " + kind + ", READ_ONLY)")
link.execute("COPY (SELECT * FROM source." + table + ") TO '" + out + "' (" + form + ")")
"""

_CONNECTORX = """
import sys, connectorx, pyarrow.parquet
address, table, out = sys.argv[1:]
rows = connectorx.read_sql(address, "SELECT * FROM " + table, return_type="arrow")
pyarrow.parquet.write_table(rows, out, compression="zstd")
"""

_PANDAS = """
import sys, pandas, sqlalchemy
address, table, out = sys.argv[1:]
first = True
link = sqlalchemy.create_engine(address).connect().execution_options(stream_results=True)
for piece in pandas.read_sql(sqlalchemy.text("SELECT * FROM " + table), link, chunksize=50_000):
    piece.to_csv(out, index=False, header=first, mode="w" if first else "a")
    first = False
"""

# The obvious Python program: csv.writer on a cursor that isn't buffered.
_CSV_WRITER = """
import csv, pymysql, sys
link = pymysql.connect(unix_socket=sys.argv[1], user=sys.argv[2], database=sys.argv[3], charset="utf8mb4",
                       cursorclass=pymysql.cursors.SSCursor, init_command=sys.argv[4])
rows = link.cursor()
rows.execute("SELECT * FROM " + sys.argv[5])
with open(sys.argv[6], "w", newline="") as file:
    csv.writer(file).writerows(rows)
"""


def _has(*packages: str) -> bool:
    return all(importlib.util.find_spec(package) for package in packages)


def _python(program: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Sample:
    scratch = Path(arguments[-1]).parent
    return command(
        [sys.executable, "-c", program, *arguments[:-1], "{out}"], scratch, environment=environment
    )


def duckdb(
    kind: str, address: str, table: str = TABLE, environment: Mapping[str, str] | None = None
) -> list[Contestant]:
    """CSV, JSON Lines and Parquet by DuckDB from the server at `address` (in the words of its ATTACH)."""
    if not _has("duckdb"):
        return []

    def run(form: str, scratch: Path) -> Sample:
        return _python(
            _DUCKDB, kind, EXTENSION[kind], address, table, COPY[form], str(scratch / "peer"),
            environment=environment,
        )  # fmt: skip

    return [Contestant(f"duckdb {form}", form, lambda d, form=form: run(form, d)) for form in COPY]  # type: ignore[misc]


def connectorx(address: str) -> list[Contestant]:
    if not _has("connectorx"):
        return []
    return [
        Contestant(
            "connectorx parquet",
            "parquet",
            lambda d: _python(_CONNECTORX, address, TABLE, str(d / "peer")),
        )
    ]


def pandas(address: str) -> list[Contestant]:
    """`address` is a URL of SQLAlchemy."""
    if not _has("pandas", "sqlalchemy"):
        return []
    return [
        Contestant("pandas csv", "csv", lambda d: _python(_PANDAS, address, TABLE, str(d / "peer"))),
    ]


def csv_writer(socket: str, user: str, database: str, first: str) -> Contestant:
    """csv.writer on PyMySQL; `first` is a statement that the server wants before."""
    return Contestant(
        "csv.writer on PyMySQL",
        "csv",
        lambda d: _python(_CSV_WRITER, socket, user, database, first, TABLE, str(d / "peer")),
    )

"""The standard table of the benchmarks: twelve mixed columns, about 207 bytes of values a row.

A bigint key, an unsigned, decimal(18,4), double, two varchars (one of them full of quotes, line breaks and
non-ASCII text), datetime(6), date, tinyint(1), enum, varbinary, and text of about 80 bytes. A seed of rows is
made here, the same every time; the server multiplies it, so that a million rows take seconds. How many
different rows there are decides how well files with dictionaries (Parquet) do: it can be said.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from itertools import islice
from typing import Any

SEED_ROWS = 20_000
# Times the seed's: OceanBase slows down who has written much of its memory before a commit.
_STATEMENT_ROWS = 8 * SEED_ROWS

COLUMNS = "id, uns, price, ratio, name, note, at, day, flag, state, raw, body"

MYSQL_DDL = """CREATE TABLE {table} (
  id BIGINT NOT NULL PRIMARY KEY, uns INT UNSIGNED NOT NULL, price DECIMAL(18,4), ratio DOUBLE,
  name VARCHAR(60) NOT NULL, note VARCHAR(120), at DATETIME(6), day DATE, flag TINYINT(1) NOT NULL,
  state ENUM('new','open','shipped','cancelled') NOT NULL, raw VARBINARY(32), body TEXT
) DEFAULT CHARSET=utf8mb4"""

POSTGRESQL_DDL = """CREATE TABLE {table} (
  id bigint PRIMARY KEY, uns bigint NOT NULL, price numeric(18,4), ratio double precision,
  name varchar(60) NOT NULL, note varchar(120), at timestamp(6), day date, flag smallint NOT NULL,
  state varchar(10) NOT NULL, raw bytea, body text
)"""

SQLITE_DDL = """CREATE TABLE {table} (
  id INTEGER PRIMARY KEY, uns INTEGER NOT NULL, price TEXT, ratio REAL, name TEXT NOT NULL, note TEXT,
  at TEXT, day TEXT, flag INTEGER NOT NULL, state TEXT NOT NULL, raw BLOB, body TEXT
)"""

WORDS = [
    "amber", "basket", "cedar", "delta", "ember", "fjord", "grove",
    "harbour", "indigo", "jasper", "kestrel", "lumen", "meadow", "north",
]  # fmt: skip
HOSTILE = ['"', "'", "\n", ",", "ä", "猫", "\\", "\t", "é", "🚢"]


def seed_rows(count: int = SEED_ROWS) -> Iterator[tuple[Any, ...]]:
    """`count` rows with ids from 1, the same every time."""
    rnd = random.Random(20_240_229)
    for i in range(1, count + 1):
        note = "".join(rnd.choice(WORDS) + rnd.choice(HOSTILE) for _ in range(6))
        yield (
            i,
            rnd.randrange(2**32),
            None if i % 50 == 0 else f"{rnd.randrange(-(10**9), 10**9)}.{rnd.randrange(10**4):04d}",
            rnd.random() * 10 ** rnd.randrange(-5, 9),
            " ".join(rnd.choice(WORDS) for _ in range(3)),
            None if i % 40 == 0 else note,
            f"20{rnd.randrange(10, 27)}-{rnd.randrange(1, 13):02d}-{rnd.randrange(1, 29):02d} "
            f"{rnd.randrange(24):02d}:{rnd.randrange(60):02d}:{rnd.randrange(60):02d}.{rnd.randrange(10**6):06d}",
            f"19{rnd.randrange(50, 99)}-{rnd.randrange(1, 13):02d}-{rnd.randrange(1, 29):02d}",
            rnd.randrange(2),
            rnd.choice(("new", "open", "shipped", "cancelled")),
            rnd.randbytes(rnd.randrange(8, 24)),
            " ".join(rnd.choice(WORDS) for _ in range(13)),
        )


def multiply(table: str, rows: int, distinct: int = SEED_ROWS) -> Iterator[str]:
    """Statements that grow a table of `distinct` rows to `rows`."""
    have = distinct
    rest = COLUMNS.removeprefix("id, ")
    while have < rows:
        more = min(have, rows - have, _STATEMENT_ROWS)
        yield (f"INSERT INTO {table} ({COLUMNS}) SELECT id + {have}, {rest} FROM {table} WHERE id <= {more}")
        have += more


def load_mysql(admin: Any, database: str, table: str, rows: int, distinct: int = SEED_ROWS) -> None:
    """Make and fill the table over a PyMySQL connection (MariaDB, OceanBase)."""
    with admin.cursor() as cursor:
        cursor.execute(f"USE `{database}`")
        cursor.execute(MYSQL_DDL.format(table=table))
        marks = ",".join(["%s"] * 12)
        seed = seed_rows(distinct)
        while some := list(islice(seed, SEED_ROWS)):
            cursor.executemany(f"INSERT INTO {table} ({COLUMNS}) VALUES ({marks})", some)
            admin.commit()
        for statement in multiply(table, rows, distinct):
            cursor.execute(statement)
            admin.commit()
        cursor.execute(f"ANALYZE TABLE {table}")


def load_postgresql(admin: Any, table: str, rows: int, distinct: int = SEED_ROWS) -> None:
    """Make and fill the table over a psycopg connection."""
    admin.execute(POSTGRESQL_DDL.format(table=table))
    with admin.cursor().copy(f"COPY {table} ({COLUMNS}) FROM STDIN") as copy:
        for row in seed_rows(distinct):
            copy.write_row(row)
    for statement in multiply(table, rows, distinct):
        admin.execute(statement)
    admin.execute(f"VACUUM ANALYZE {table}")


def load_sqlite(path: str, table: str, rows: int, distinct: int = SEED_ROWS) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(SQLITE_DDL.format(table=table))
        marks = ",".join("?" * 12)
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", seed_rows(distinct))
        for statement in multiply(table, rows, distinct):
            connection.execute(statement)
    connection.close()

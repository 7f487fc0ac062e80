"""Servers of their own with the standard table, ended after the block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks import at_rest, table
from tests.benchmarks.running import DATABASE, TABLE
from tests.servers.mariadb import MariadbServer
from tests.servers.oceanbase import OceanbaseServer
from tests.servers.postgresql import PostgresqlServer


@contextmanager
def mysql(
    source: str, rows: int, *, resting: bool, distinct: int = table.SEED_ROWS
) -> Iterator[MariadbServer | OceanbaseServer]:
    """`source` is mariadb or oceanbase. `resting`: OceanBase has memory for the whole table, and has become
    idle (see `at_rest`), so that its time can be told."""
    server: MariadbServer | OceanbaseServer
    if source == "mariadb":
        server = MariadbServer()
    else:
        server = OceanbaseServer(memory=at_rest.MEMORY if resting else None)
    try:
        server.run(f"CREATE DATABASE {DATABASE}")
        admin = server.admin()
        if isinstance(server, OceanbaseServer):
            admin.query("SET ob_query_timeout = 3600000000, ob_trx_timeout = 3600000000")
        table.load_mysql(admin, DATABASE, TABLE, rows, distinct)
        admin.close()
        if isinstance(server, OceanbaseServer) and resting:
            at_rest.bring_to_rest(server)
        yield server
    finally:
        server.close()


@contextmanager
def postgresql(rows: int, distinct: int = table.SEED_ROWS) -> Iterator[PostgresqlServer]:
    server = PostgresqlServer()
    try:
        server.run(f"CREATE DATABASE {DATABASE}")
        with server.admin(DATABASE) as admin:
            table.load_postgresql(admin, TABLE, rows, distinct)
        yield server
    finally:
        server.close()

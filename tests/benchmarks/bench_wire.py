"""How fast rows come off the wire: our reader, a drain that looks at nothing, and PyMySQL's own cursor.

    python -m tests.benchmarks.bench_wire [--rows N] [--rounds N] [--tcp] [--tls]

Starts a MariaDB server of its own, makes the tables, and prints the median of the rounds for each reader:
thousand rows a second, share of the drain, and the client's CPU time for a row. Client and server share the
machine, so that ratios are what counts.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import pymysql
from pymysql.cursors import SSCursor

from connectors.sources.mysql.wire import read_text
from tests.servers.mariadb import MariadbServer

# The twelve mixed columns of about 207 value bytes a row, and shapes that cost the client more for a byte.
TABLES = {
    "mixed": (
        12,
        """CREATE TABLE mixed ENGINE=InnoDB AS SELECT
             CAST(seq AS INT) AS id, CAST(seq * 7919 % 4294967296 AS UNSIGNED) AS u,
             CAST(seq * 1.0001 AS DECIMAL(18,4)) AS d, SQRT(seq) AS f,
             CONCAT('customer ', seq % 9973) AS name,
             CONCAT('say "', seq % 101, '", it''s ', CHAR(10), 'Grüße, 你好 ', seq) AS note,
             TIMESTAMP '2020-01-01 00:00:00.000001' + INTERVAL seq SECOND AS at,
             DATE '2020-01-01' + INTERVAL seq % 3000 DAY AS day, CAST(seq % 2 AS INT) AS flag,
             ELT(1 + seq % 3, 'new', 'paid', 'shipped') AS state, UNHEX(SHA1(seq)) AS digest,
             CONCAT(REPEAT('lorem ipsum dolor ', 4), seq) AS body FROM seq_1_to_{rows}""",
    ),
    "narrow": (
        2,
        "CREATE TABLE narrow ENGINE=InnoDB AS SELECT CAST(seq AS INT) AS id, CAST(seq % 97 AS INT) AS n "
        "FROM seq_1_to_{rows}",
    ),
    "long": (
        3,
        "CREATE TABLE `long` ENGINE=InnoDB AS SELECT CAST(seq AS INT) AS id, REPEAT('lorem ', 50 + seq % 50) AS a, "
        "IF(seq % 3, CONCAT(REPEAT('ipsum ', 60), seq), NULL) AS b FROM seq_1_to_{rows}",
    ),
    "wide": (
        1000,
        "CREATE TABLE wide ENGINE=Aria AS SELECT "
        + ", ".join(f"CAST(seq % {i + 7} AS INT) AS c{i}" for i in range(1000))
        + " FROM seq_1_to_{rows}",
    ),
}
SHARE = {"mixed": 1.0, "narrow": 4.0, "long": 0.3, "wide": 0.01}


Reader = Callable[[Any, str, int], int]


def drain(connection: Any, statement: str, columns: int) -> int:
    """Receive everything and look at nothing but the last bytes: the limit of one connection."""
    connection.query(statement, unbuffered=True)
    connection._result.unbuffered_active = False
    buffer = bytearray(1 << 20)
    received = len(connection._rfile.read1(1 << 20))
    while True:
        count = connection._sock.recv_into(buffer)
        received += count
        if count >= 9 and buffer[count - 9 : count - 6] == b"\x05\0\0" and buffer[count - 5] == 0xFE:
            return received


def wire(connection: Any, statement: str, columns: int) -> int:
    return sum(chunk.rows for chunk in read_text(connection, statement, columns))


def cursor(connection: Any, statement: str, columns: int) -> int:
    with connection.cursor(SSCursor) as rows:
        rows.execute(statement)
        return sum(1 for _ in rows)


def measure(connect: Callable[[], Any], read: Reader, statement: str, columns: int) -> tuple[float, float]:
    """Seconds on the clock, and of this process's CPU."""
    connection = connect()
    began, busy = time.perf_counter(), time.process_time()
    read(connection, statement, columns)
    clock, cpu = time.perf_counter() - began, time.process_time() - busy
    connection._force_close()
    return clock, cpu


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--tcp", action="store_true", help="over loopback TCP instead of the socket")
    options.add_argument("--tls", action="store_true", help="over loopback TCP with TLS")
    options.add_argument("--tables", nargs="*", default=list(TABLES), choices=list(TABLES))
    asked = options.parse_args()
    server = MariadbServer("--innodb-buffer-pool-size=1G")
    try:
        database = "bench"
        server.run(f"CREATE DATABASE {database}")
        where: dict[str, Any] = {"unix_socket": server.socket, "user": "root", "ssl_disabled": True}
        if asked.tcp or asked.tls:
            where = {
                "host": server.host,
                "port": server.port,
                "user": server.user,
                "password": server.password.encode(),
            }
            where |= {"ssl_ca": server.ca, "ssl_verify_cert": True} if asked.tls else {"ssl_disabled": True}

        def connect() -> Any:
            return pymysql.connect(database=database, charset="utf8mb4", read_timeout=60, **where)

        for table in asked.tables:
            columns, make = TABLES[table]
            rows = max(1000, int(asked.rows * SHARE[table]))
            server.run(make.format(rows=rows), database=database)
            statement = f"SELECT * FROM `{table}`"
            bytes_each = drain(connect(), statement, columns) / rows
            print(f"{table}: {rows} rows of {columns} columns, {bytes_each:.0f} bytes each on the wire")
            taken: dict[str, list[tuple[float, float]]] = {}
            # In turn, so that a change in what else the machine does meets all of them.
            for number in range(asked.rounds):
                for read in (drain, wire, cursor) if number == 0 else (drain, wire):
                    taken.setdefault(read.__name__, []).append(measure(connect, read, statement, columns))
            limit = statistics.median(clock for clock, _ in taken["drain"])
            for name, seconds in taken.items():
                clock = statistics.median(clock for clock, _ in seconds)
                cpu = statistics.median(cpu for _, cpu in seconds)
                print(
                    f"  {name:8} {rows / clock / 1000:8.1f} k rows/s  {limit / clock:5.2f} of the drain  "
                    f"client {cpu / rows * 1e9:8.0f} ns a row, {cpu / rows / columns * 1e9:6.1f} a value"
                )
    finally:
        server.close()


if __name__ == "__main__":
    main()

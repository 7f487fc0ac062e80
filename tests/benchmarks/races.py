"""Who runs against whom, by server: the limit (a connection that is drained), Offramp, and its peers."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from core.model.connection import Connection
from core.model.vocabulary import Mode
from tests.benchmarks import peers
from tests.benchmarks.running import DATABASE, TABLE, Contestant, Program, Sample, command
from tests.servers.family import MysqlFamilyServer
from tests.servers.postgresql import PostgresqlServer, program

RECEIVE = 1 << 20
DATA = ("--content", "data")
Run = Callable[[Path], Sample]


def ours(program_: Program, forms: Sequence[str], extra: Mapping[str, tuple[str, ...]]) -> list[Contestant]:
    """Offramp in each of these formats, then with the settings of `extra` by their name."""

    def run(*settings: str) -> Run:
        return lambda scratch: program_.dump(scratch, [*DATA, *settings])

    found = [Contestant(f"offramp {form}", form, run("--format", form)) for form in forms]
    found += [
        Contestant(f"offramp {name}", name.split(",")[0], run(*settings)) for name, settings in extra.items()
    ]
    return found


FORMATS = ("csv", "sql", "jsonl", "parquet", "arrow")
EXTRA = {
    "csv, GB18030": ("--format", "csv", "--encoding", "GB18030"),
    "csv, UTF-16": ("--format", "csv", "--encoding", "UTF-16"),
    "csv, gzip": ("--format", "csv", "--compression", "gzip"),
    "csv, zstd": ("--format", "csv", "--compression", "zstd"),
}


def drain(server: MysqlFamilyServer, statement: str) -> Sample:
    """Receive a whole text result into one large buffer and do nothing with it."""
    connection = server.admin(DATABASE)
    if server.product == "oceanbase":
        connection.query("SET ob_query_timeout = 3600000000")
    buffer = memoryview(bytearray(RECEIVE))
    start, cpu = time.perf_counter(), time.process_time()
    connection._execute_command(3, statement)  # COM_QUERY
    tail, size = b"", 0
    # The end packet: 5 bytes, mark 0xfe. A row can't look like it here: rows are longer than the tail.
    while not (len(tail) == 9 and tail[:3] == b"\x05\x00\x00" and tail[4] == 0xFE):
        count = connection._sock.recv_into(buffer)
        size += count
        tail = (tail + bytes(buffer[max(0, count - 9) : count]))[-9:]
    seconds = time.perf_counter() - start
    connection._force_close()
    return Sample(seconds, seconds, time.process_time() - cpu, 0.0, 0.0, size)


def mysql(server: MysqlFamilyServer, *, slow: bool) -> list[Contestant]:
    """MariaDB or OceanBase. `slow` adds peers that take minutes."""
    client = [
        *("--no-defaults", "--protocol=socket", f"--socket={server.socket}"),
        f"--user={server.admin_user}",
    ]
    found = [
        Contestant("drain, text protocol", "", lambda _: drain(server, f"SELECT * FROM {TABLE}")),
        *ours(Program(server.connection("bench", DATABASE), server.password), FORMATS, EXTRA),
    ]

    def peer(*argv: str) -> Run:
        return lambda scratch: command([argv[0], *client, *argv[1:]], scratch)

    if shutil.which("mariadb-dump"):
        options = ("--skip-opt", "--extended-insert", "--quick", "--no-create-info", "--hex-blob")
        found.append(Contestant("mariadb-dump sql", "sql", peer("mariadb-dump", *options, DATABASE, TABLE)))
    if shutil.which("mydumper"):
        argv = [
            *("mydumper", f"--socket={server.socket}", f"--user={server.admin_user}", "--threads=1"),
            *("--no-schemas", "--trx-consistency-only", f"--database={DATABASE}", "--outputdir={out}"),
        ]
        found.append(Contestant("mydumper sql", "sql", lambda d: command(argv, d)))
    if shutil.which("mariadb"):
        query = ("--batch", "--quick", DATABASE, "-e", f"SELECT * FROM {TABLE}")
        found.append(Contestant("mariadb --batch (TSV)", "csv", peer("mariadb", *query)))
    address = f"user={server.admin_user} database={DATABASE} socket={server.socket} host=localhost"
    found += peers.duckdb("mysql", address, f"{DATABASE}.{TABLE}")
    if server.host is not None:
        account = f"{server.user}:{quote(server.password, safe='')}"
        found += peers.connectorx(f"mysql://{account}@{server.host}:{server.port}/{DATABASE}")
    if slow:
        url = f"mysql+pymysql://{server.admin_user}@localhost/{DATABASE}?unix_socket={server.socket}"
        found += peers.pandas(url)
        first = "SET ob_query_timeout = 3600000000" if server.product == "oceanbase" else "SET autocommit = 1"
        found.append(peers.csv_writer(server.socket, server.admin_user, DATABASE, first))
    return found


def postgresql(server: PostgresqlServer, *, slow: bool) -> list[Contestant]:
    """The limit is what psql throws away of a COPY, in the form that the server makes quickest. All of them by
    TCP and without TLS, which libpq would take where it is offered; a socket in the file system would wake its
    reader for every 8 kB that the server writes."""
    secret = {"PGPASSWORD": server.password, "PGSSLMODE": "disable"}
    link = ["-h", server.host, "-p", str(server.port), "-U", server.user, "-d", DATABASE]
    psql = [program("psql"), "-X", "-q", *link]

    def copy(options: str) -> str:
        return f"COPY {TABLE} TO STDOUT {options}"

    found = [
        Contestant(
            f"drain, COPY {name}",
            "",
            lambda d, o=options: command([*psql, "-c", copy(o)], d, environment=secret, to_file=False),  # type: ignore[misc]
        )
        for name, options in (("text", ""), ("csv", "(FORMAT csv)"))
    ]
    found += ours(
        Program(server.connection("bench", DATABASE, tcp=True), server.password), FORMATS, {"sql, COPY": ("--format", "sql", "--sql-rows", "copy")} | EXTRA
    )  # fmt: skip
    found.append(
        Contestant(
            "psql \\copy csv",
            "csv",
            lambda d: command([*psql, "-c", copy("(FORMAT csv, HEADER)")], d, environment=secret),
        )
    )
    dump = [program("pg_dump"), *link, "--data-only", "--table", TABLE]
    for name, more in (("COPY", []), ("inserts", ["--rows-per-insert=1000"])):
        found.append(
            Contestant(
                f"pg_dump sql, {name}",
                "sql",
                lambda d, more=more: command([*dump, *more], d, environment=secret),  # type: ignore[misc]
            )
        )
    address = f"dbname={DATABASE} host={server.host} port={server.port} user={server.user}"
    found += peers.duckdb("postgres", address, f"public.{TABLE}", secret)
    account = f"{server.user}:{quote(server.password, safe='')}"
    place = f"{account}@{server.host}:{server.port}/{DATABASE}?sslmode=disable"
    found += peers.connectorx(f"postgresql://{place}")
    if slow:
        found += peers.pandas(f"postgresql+psycopg://{place}")
    return found


def sqlite(path: Path, *, slow: bool) -> list[Contestant]:
    """Nothing is drained here: the file is read by the client itself."""
    found = ours(
        Program(Connection(name="bench", mode=Mode.SQLITE, path=str(path))), FORMATS,
        {"csv, gzip": ("--format", "csv", "--compression", "gzip")},
    )  # fmt: skip
    if shutil.which("sqlite3"):
        query = f"SELECT * FROM {TABLE}"
        for name, group, argv in (
            ("sqlite3 -csv", "csv", ["-csv", "-header", str(path), query]),
            ("sqlite3 -json", "jsonl", ["-json", str(path), query]),
            ("sqlite3 .dump", "sql", [str(path), f".dump {TABLE}"]),
        ):
            found.append(Contestant(name, group, lambda d, argv=argv: command(["sqlite3", *argv], d)))  # type: ignore[misc]
    found += peers.duckdb("sqlite", str(path))
    found += peers.connectorx(f"sqlite://{path}")
    if slow:
        found += peers.pandas(f"sqlite:///{path}")
    return found

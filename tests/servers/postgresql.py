"""A PostgreSQL server of the suite's own: on a socket in a temporary directory and on loopback, with TLS."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from connectors.base import Credentials
from core.model.connection import Connection, TlsSettings
from core.model.vocabulary import Mode
from tests.needs import missing
from tests.servers.mariadb import end_with_parent, free_port, make_certificate

INSTALL = "apt-get install postgresql"
START_SECONDS = 60


def program(name: str) -> str:
    """A program of the newest server that is installed: Debian keeps them apart by version."""
    places = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name), reverse=True
    )
    found = shutil.which(name, path=os.pathsep.join([*map(str, places), os.environ.get("PATH", os.defpath)]))
    if found is None:
        missing(f"PostgreSQL ({name})", INSTALL)
    return str(found)


class PostgresqlServer:
    """A running server. `user`/`password` is a superuser, by password over TCP and the socket; `ca` the TLS
    authority's file."""

    product = "postgresql"
    mode = Mode.POSTGRESQL
    user = "offramp"
    password = "it's a 'test' password \\o/ ü"

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        # The server refuses to run as root.
        self._account = "postgres" if os.geteuid() == 0 else None
        self._directory = Path(tempfile.mkdtemp(prefix="offramp-postgresql-"))
        self._data = self._directory / "data"
        self.socket = str(self._directory)
        self.host, self.port = "127.0.0.1", free_port()
        ca, cert, key = make_certificate(self._directory)
        self.ca = str(ca)
        secret = self._directory / "password"
        secret.write_text(self.password + "\n")
        if self._account is not None:
            owner = pwd.getpwnam(self._account)
            for path in (self._directory, *self._directory.iterdir()):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        self._run_tool(
            program("initdb"), "-D", str(self._data), "-U", self.user, "--pwfile", str(secret),
            "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
        )  # fmt: skip
        secret.unlink()
        with (self._data / "postgresql.conf").open("a") as config:
            config.write(
                f"listen_addresses = '{self.host}'\nport = {self.port}\n"
                f"unix_socket_directories = '{self.socket}'\nfsync = off\nfull_page_writes = off\n"
                f"ssl = on\nssl_cert_file = '{cert}'\nssl_key_file = '{key}'\n"
                "max_connections = 40\nshared_buffers = 128MB\ntimezone = 'Asia/Kolkata'\n"
            )
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def _run_tool(self, *command: str) -> None:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, user=self._account, cwd=self._directory,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed:\n{done.stdout}\n{done.stderr}")

    def start(self) -> None:
        """Start the server (again, after `stop`) and wait until it answers."""
        with (self._directory / "error.log").open("ab") as log:
            self._process = subprocess.Popen(
                [program("postgres"), "-D", str(self._data)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                user=self._account, cwd=self._directory, preexec_fn=end_with_parent,  # noqa: PLW1509
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.admin().close()
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self._directory / "error.log").read_text()) from None
                time.sleep(0.05)
            else:
                return

    def stop(self, sig: signal.Signals = signal.SIGINT) -> None:
        """End the server by its process id, with SIGINT "fast": sessions are cut. `start` brings it back."""
        if self._process is not None:
            self._process.send_signal(sig)
            try:
                self._process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    @property
    def pid(self) -> int:
        """The process that serves."""
        assert self._process is not None
        return self._process.pid

    def log(self) -> str:
        """What the server has said so far."""
        return (self._directory / "error.log").read_text(errors="replace")

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    def connection(
        self,
        name: str = "test",
        database: str = "postgres",
        *,
        user: str | None = None,
        tcp: bool = False,
        **options: Any,
    ) -> Connection:
        """A connection over the socket, or over TCP, with TLS off unless `options` say otherwise."""
        ways: dict[str, Any] = {"unix_socket": self.socket}
        if tcp:
            ways = {"host": self.host, "tls": TlsSettings(mode="off")}
        return Connection(
            name=name,
            mode=self.mode,
            port=options.pop("port", self.port),
            user=user or self.user,
            database=database,
            **(ways | options),
        )

    def credentials(self) -> Credentials:
        return Credentials(password=self.password)

    def admin(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """A connection of the administrator: autocommit, time zone UTC."""
        return psycopg.connect(
            host=self.socket, port=self.port, user=self.user, password=self.password, dbname=database,
            autocommit=True, options="-c TimeZone=UTC", connect_timeout=20,
        )  # fmt: skip

    def run(self, *statements: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run statements as administrator; the rows of the last one."""
        rows: list[tuple[Any, ...]] = []
        with self.admin(database) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
                rows = cursor.fetchall() if cursor.description else []
        return rows

    def new_database(self) -> str:
        """Make an empty database with a name that no other test has."""
        name = f"t{os.getpid()}_{next(self._numbers)}"
        self.run(f'CREATE DATABASE "{name}" TEMPLATE template0')
        return name

    def client_load(self, database: str, path: str | Path) -> None:
        """Load an SQL file with psql, stopping at the first error, from the file's own directory."""
        done = subprocess.run(
            [program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", Path(path).name], check=False,
            capture_output=True, cwd=Path(path).parent, timeout=240,
            env={**os.environ, "PGHOST": self.socket, "PGPORT": str(self.port), "PGUSER": self.user,
                 "PGPASSWORD": self.password, "PGDATABASE": database},
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stderr.decode(errors="backslashreplace"))

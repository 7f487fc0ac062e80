"""A shop on MariaDB that can be made slow, an account that may read some of it, and file systems that fail."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Offramp, Result, offramp
from tests.servers.mariadb import MariadbServer

__all__ = ["offramp"]

PASSWORD = "cAnArY-pässword"
ROWS = 400


class Shop:
    """A database on a server, and an `offramp` with connections to it. `slow` is a view that takes as long as
    its rows times what `pace` says."""

    def __init__(self, server: MariadbServer, command: Offramp) -> None:
        self.server, self.offramp = server, command
        self.database = server.new_database()
        self.reader = f"r_{self.database}"
        self.pace = 0.0
        server.run(
            "CREATE TABLE orders (id INT PRIMARY KEY, who VARCHAR(20))",
            f"INSERT INTO orders SELECT seq, CONCAT('customer ', seq) FROM seq_1_to_{ROWS}",
            "CREATE TABLE staff (id INT PRIMARY KEY, name VARCHAR(20), salary INT)",
            "INSERT INTO staff VALUES (1, 'Ann', 2), (2, 'Bob', 3)",
            "CREATE TABLE pace (seconds DOUBLE)",
            "INSERT INTO pace VALUES (0)",
            "CREATE VIEW slow AS SELECT o.id, SLEEP(p.seconds) AS slept FROM orders o JOIN pace p",
            f"CREATE USER {self.reader}@localhost IDENTIFIED BY '{PASSWORD}'",
            f"CREATE USER {self.reader}@127.0.0.1 IDENTIFIED BY '{PASSWORD}'",
            database=self.database,
        )
        self.connect("shop", f"mariadb://root@localhost/{self.database}?unix_socket={server.socket}")

    def connect(self, name: str, url: str, password: str | None = None) -> None:
        if password is None:
            self.offramp.quick("connection", "add", name, url)
        else:
            self.offramp.quick("connection", "add", name, url, "--password-stdin", stdin=password)

    def connect_reader(self) -> None:
        """`reader`, who may read `orders` only."""
        self.allow(f"SELECT, SHOW VIEW ON {self.database}.orders")
        self.connect("reader", self.url(self.reader), PASSWORD)

    def allow(self, what: str) -> None:
        self.server.run(f"GRANT {what} TO {self.reader}@localhost")

    def url(self, user: str) -> str:
        return f"mariadb://{user}@localhost/{self.database}?unix_socket={self.server.socket}"

    def set_pace(self, seconds: float) -> None:
        self.server.run(f"UPDATE pace SET seconds = {seconds}", database=self.database)

    @property
    def out(self) -> Path:
        return self.offramp.directory / "out"

    def dump(self, connection: str, *args: str, to: Path | None = None, code: int = 0) -> Result:
        return self.offramp("dump", connection, *args, "--to", str(to or self.out), code=code)

    def start(self, connection: str, *args: str, to: Path | None = None) -> int:
        """Start a task and don't wait for it."""
        done = self.offramp.quick("dump", connection, *args, "--to", str(to or self.out), "--detach")
        return int(done.out)

    def task(self, number: int = 1) -> dict[str, Any]:
        """What the store says, without anything that would start an engine."""
        found = sqlite3.connect(f"file:{self.offramp.home}/store.sqlite3?mode=ro", uri=True)
        try:
            found.row_factory = sqlite3.Row
            return dict(found.execute("SELECT * FROM task WHERE id = ?", (number,)).fetchone())
        finally:
            found.close()

    def until(
        self, number: int, reached: Callable[[dict[str, Any]], bool], seconds: float = 40
    ) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while not reached(found := self.task(number)):
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        return found

    def until_status(self, number: int, status: str) -> dict[str, Any]:
        return self.until(number, lambda task: task["status"] == status)

    def until_reading(self, number: int) -> list[int]:
        """Wait until the server runs the task's query; the numbers of its sessions."""
        deadline = time.monotonic() + 40
        while not (found := self.queries(number)):
            assert time.monotonic() < deadline, self.task(number)
            time.sleep(0.05)
        return found

    def queries(self, number: int) -> list[int]:
        """The numbers of the sessions that run a query of the task. Other homes have tasks of that number, too."""
        mark, table = f"/* offramp task {number} of ", f"FROM `{self.database}`."
        found = [(row["Id"], str(row["Info"])) for row in self.server.processlist()]
        return [session for session, info in found if mark in info and table in info]

    def nothing_left(self, out: Path | None = None) -> None:
        """Neither at the final name nor beside it."""
        target = out or self.out
        assert not target.exists()
        assert not [p.name for p in target.parent.iterdir() if p.name.startswith(".partial")]

    def completes(self, number: int = 1, out: Path | None = None) -> None:
        """Retry, now that the cause is gone: all is there, and as in the source."""
        self.offramp.quick("retry", str(number))
        self.ends_well(number, out)

    def ends_well(self, number: int = 1, out: Path | None = None) -> None:
        waited = self.offramp("wait", str(number), code=None)
        assert waited.code == 0, waited.err
        assert ((out or self.out) / "manifest.json").exists()
        assert self.offramp.quick("verify", str(number), "--against-source", "--json").json["verify"]["ok"]


@pytest.fixture
def shop(mariadb: MariadbServer, offramp: Offramp) -> Shop:
    return Shop(mariadb, offramp)


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that is open and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


class Mount:
    """A file system in memory, whose size and rights can be changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self._mount("-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs")

    def _mount(self, *args: str) -> None:
        subprocess.run(["mount", *args, str(self.path)], check=True, capture_output=True, text=True)

    def change(self, options: str) -> None:
        self._mount("-o", f"remount,{options}")

    def close(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.path)], check=True)


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    try:
        made = Mount(tmp_path / "mounted")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no file system may be mounted here: {error.stderr.strip()}")
    yield made
    made.close()

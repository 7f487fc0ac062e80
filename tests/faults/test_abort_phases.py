"""Aborts in the phases that a server or a network holds up, and workers that can't end by themselves: the
status, the files, the sessions and the query on the server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.engine.orders import Order
from core.errors import ConnectionLost
from core.locations import Locations
from core.model.connection import Connection
from core.model.vocabulary import Mode, ObjectRef, ObjectType
from core.pipeline.cancel import Cancel
from core.store import Backoff
from tests.connectors.mysql_helpers import read_rows, session_of
from tests.faults.conftest import PASSWORD, Shop
from tests.faults.proxy import Fault, Kind, Proxy
from tests.faults.test_connections_tasks import ROWS_ASKED, hurry
from tests.servers.family import MysqlFamilyServer
from tests.servers.mariadb import free_port
from tests.servers.oceanbase import OceanbaseServer

GRACE = 15.0
"""What a worker has to end by itself, in seconds, where a test doesn't say otherwise."""


def sessions(shop: Shop, seconds: float = 10) -> list[str]:
    """What the reader's sessions do on the server, once they have had so long to go."""
    deadline = time.monotonic() + seconds
    while True:
        rows = shop.server.processlist()
        found = [f"{row['Command']} {row['Info']}" for row in rows if row["User"] == shop.reader]
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def abort(shop: Shop, number: int, *options: str) -> float:
    """Abort, and how long it took until nothing was left: no file, no slot."""
    began = time.monotonic()
    shop.offramp.quick("abort", str(number), *options)
    shop.until(number, lambda task: task["status"] == "Aborted" and task["slot"] is None)
    shop.nothing_left()
    return time.monotonic() - began


@pytest.fixture
def reader(shop: Shop) -> Shop:
    """With an account that may read everything, and whose sessions are the task's only."""
    shop.allow(f"SELECT, SHOW VIEW ON `{shop.database}`.*")
    shop.connect("reader", shop.url(shop.reader), PASSWORD)
    return shop


@pytest.fixture
def far(reader: Shop, tmp_path: Path) -> Iterator[Proxy]:
    """The connection `far`, through a proxy."""
    path = tmp_path / "far.sock"
    with Proxy(reader.server.socket, listen=path) as proxy:
        url = f"mariadb://{reader.reader}@localhost/{reader.database}?unix_socket={path}&connect_timeout=40"
        reader.connect("far", url, PASSWORD)
        yield proxy
    path.unlink()


STALLS = {
    "login": Fault(Kind.STALL, packets=1),
    "preflight": Fault(Kind.STALL, at=b"information_schema.COLUMNS", packets=1),
    "snapshot": Fault(Kind.STALL, at=b"START TRANSACTION", packets=0),
    "rows": Fault(Kind.STALL, at=ROWS_ASKED, packets=50),
}


@pytest.mark.mariadb
@pytest.mark.parametrize("phase", STALLS)
def test_abort_while_the_network_is_silent(reader: Shop, far: Proxy, phase: str) -> None:
    """First for the task's connection only; for whatever comes later it works, so that the query is ended."""
    far.fault = lambda number: STALLS[phase] if number == 0 else None
    number = reader.start("far", "orders")
    reader.until(number, lambda _: bool(far.met))
    assert abort(reader, number) < GRACE - 5
    assert "Aborted on request" in reader.offramp.quick("logs", str(number)).out
    far.close()
    assert sessions(reader) == []


@pytest.mark.mariadb
def test_abort_while_nothing_goes_through_any_more(reader: Shop, far: Proxy) -> None:
    """Neither the task's connection nor a second one: the worker still ends by itself."""
    far.fault = lambda number: STALLS["rows"] if number == 0 else Fault(Kind.STALL)
    number = reader.start("far", "orders")
    reader.until(number, lambda _: bool(far.met))
    assert abort(reader, number) < GRACE + 3
    assert "Aborted on request" in reader.offramp.quick("logs", str(number)).out
    far.close()
    assert sessions(reader) == []


def until_waiting(shop: Shop, number: int, state: str) -> None:
    """Wait until one of the reader's sessions waits for that on the server."""
    deadline = time.monotonic() + 90
    while not any(
        row["User"] == shop.reader and state in str(row["State"]) for row in shop.server.processlist()
    ):
        assert time.monotonic() < deadline, (shop.task(number), shop.server.processlist())
        time.sleep(0.05)


@pytest.mark.mariadb
def test_abort_while_the_checks_wait_for_a_lock(reader: Shop) -> None:
    """Somebody's LOCK TABLES, from before the task."""
    with closing(reader.server.admin(reader.database)) as somebody, somebody.cursor() as cursor:
        cursor.execute("LOCK TABLES staff WRITE")
        number = reader.start("reader", "staff", "--content", "data")
        until_waiting(reader, number, "metadata lock")
        assert abort(reader, number) < GRACE - 5
        assert sessions(reader) == []


@pytest.mark.mariadb
def test_abort_while_a_lock_is_waited_for_between_two_objects(reader: Shop) -> None:
    """Somebody's LOCK TABLES once all is checked. The first object's query waits at a door until then, so that
    it doesn't matter how fast anybody is."""
    door = f"door of {reader.database}"
    reader.server.run(
        f"CREATE VIEW first AS SELECT id, GET_LOCK('{door}', 600) AS passed FROM orders WHERE id = 1",
        "CREATE VIEW second AS SELECT id, name FROM staff",
        database=reader.database,
    )
    with closing(reader.server.admin(reader.database)) as somebody, somebody.cursor() as cursor:
        cursor.execute(f"SELECT GET_LOCK('{door}', 0)")
        number = reader.start("reader", "VIEW:first", "VIEW:second", "--content", "data")
        until_waiting(reader, number, "User lock")
        cursor.execute("LOCK TABLES staff WRITE")
        cursor.execute(f"SELECT RELEASE_LOCK('{door}')")
        until_waiting(reader, number, "metadata lock")
        log = reader.offramp.quick("logs", str(number)).out
        assert "VIEW:first: 1 rows" in log
        assert "VIEW:second: begins" in log
        assert abort(reader, number) < GRACE - 5
        assert sessions(reader) == []


@pytest.mark.mariadb
def test_a_worker_that_hangs_is_killed_after_the_grace_and_its_query_ended(reader: Shop) -> None:
    hurry(reader)  # which has a grace of two seconds
    reader.set_pace(600)
    number = reader.start("reader", "slow", "--content", "data")
    reader.until_reading(number)
    os.kill(reader.task(number)["worker_pid"], signal.SIGSTOP)
    took = abort(reader, number)
    assert 2 <= took < 2 + 10
    assert sessions(reader) == []
    assert "Ended on the server what the lost worker had left" in logged(reader, number)


def logged(shop: Shop, number: int, words: str = "lost worker had left") -> str:
    """The log, once it says so."""
    deadline = time.monotonic() + 20
    while words not in (text := shop.offramp.quick("logs", str(number)).out):
        assert time.monotonic() < deadline, text
        time.sleep(0.1)
    return text


@pytest.mark.mariadb
def test_a_second_abort_does_not_wait_and_the_query_ends_too(reader: Shop) -> None:
    reader.set_pace(600)
    number = reader.start("reader", "slow", "--content", "data")
    reader.until_reading(number)
    os.kill(reader.task(number)["worker_pid"], signal.SIGSTOP)
    reader.offramp.quick("abort", str(number))
    reader.until(number, lambda task: task["status"] == "Aborting")
    assert abort(reader, number, "--force") < 5
    assert sessions(reader) == []


def shop_on(server: MysqlFamilyServer, shop: Shop) -> str:
    """A connection `other` to a server of another kind, with a slow view; the name of its database."""
    database = server.new_database()
    server.run(
        "CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1), (2), (3)",
        "CREATE VIEW slow AS SELECT id, SLEEP(600) AS z FROM t", database=database,
    )  # fmt: skip
    shop.connect("other", f"oceanbase://root@localhost/{database}?unix_socket={server.socket}")
    return database


@pytest.mark.mariadb
@pytest.mark.oceanbase
def test_a_killed_workers_query_is_ended_on_oceanbase_and_nobody_elses(
    shop: Shop, oceanbase: OceanbaseServer
) -> None:
    """OceanBase sees by itself, within seconds, that its client has gone; it is told nevertheless. What another
    task reads goes on."""
    database = shop_on(oceanbase, shop)
    outs = [shop.out, shop.offramp.directory / "second"]
    numbers = [shop.start("other", "slow", "--content", "data", to=out) for out in outs]

    def running(number: int) -> bool:
        marks = (f"offramp task {number} of ", f"`{database}`.`slow`")
        return any(all(m in str(row["Info"]) for m in marks) for row in oceanbase.processlist())

    def until(condition: bool, number: int) -> None:
        deadline = time.monotonic() + 40
        while running(number) is not condition:
            assert time.monotonic() < deadline, shop.task(number)
            time.sleep(0.05)

    for number in numbers:
        until(True, number)
    os.kill(shop.task(numbers[0])["worker_pid"], signal.SIGKILL)
    until(False, numbers[0])
    shop.until(numbers[0], lambda task: task["reason"] == "retry 1 of 3")
    assert running(numbers[1])
    for number in numbers:
        shop.offramp.quick("abort", str(number))
        shop.until_status(number, "Aborted")
    until(False, numbers[1])


def test_an_abort_that_comes_between_two_statements(mysql_family: MysqlFamilyServer) -> None:
    """Nothing runs at that moment, so that there is nothing to end; what is begun next would last."""
    database = mysql_family.new_database()
    mysql_family.run(
        "CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)",
        "CREATE VIEW slow AS SELECT id, SLEEP(60) AS z FROM t", database=database,
    )  # fmt: skip
    with session_of(mysql_family) as session:
        shape = session.describe(database, ObjectRef(ObjectType.VIEW, "slow"))
        cancel = Cancel()
        cancel.bind(session)
        pursuit = threading.Thread(target=cancel.pursue)
        pursuit.start()
        while not cancel.requested:
            time.sleep(0.01)
        began = time.monotonic()
        with pytest.raises(ConnectionLost):
            read_rows(session, database, shape)
        assert time.monotonic() - began < 10
        cancel.unbind()
        pursuit.join(10)
        assert not pursuit.is_alive()


def test_a_server_that_cannot_be_asked_what_was_left_there(tmp_path: Path) -> None:
    """Said in the task's log, without the password."""
    locations = Locations(tmp_path)
    locations.logs.mkdir(parents=True)
    order = Order(
        task=5, token="0123456789abcdef" * 2, home=str(tmp_path), backoff=Backoff(), password=PASSWORD,
        connection=Connection(name="away", mode=Mode.MARIADB, host="127.0.0.1", port=free_port(), user="u"),
    )  # fmt: skip
    program = "import sys, core.engine.sweep as s; s.PAUSES = (0, 0.1); sys.exit(s.main())"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], input=order.line(), capture_output=True, check=False
    )
    log = locations.task_log(5).read_text()
    assert done.returncode == 1
    assert (
        "WARN  What the lost worker had left on the server may still run: The server of connection 'away'"
        in log
    )
    assert PASSWORD not in log + done.stdout.decode() + done.stderr.decode()

"""Connections that die under whole tasks, in worker processes: what is retried, when, and how it ends."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from datetime import datetime

import pymysql
import pytest

from tests.cli.conftest import Offramp
from tests.faults.conftest import PASSWORD, ROWS, Shop
from tests.faults.proxy import Fault, Kind, Proxy
from tests.servers.mariadb import MariadbServer

pytestmark = pytest.mark.mariadb

QUICK = "[retry]\nfirst_seconds = 0.4\nfactor = 2\njitter_percent = 0\n[engine]\nabort_grace_seconds = 2\n"


def hurry(shop: Shop, text: str = QUICK) -> None:
    """Short pauses, for the engine that the first task starts."""
    shop.offramp.home.mkdir(exist_ok=True)
    (shop.offramp.home / "settings.toml").write_text(text)


def connect_through(shop: Shop, proxy: Proxy) -> None:
    shop.server.run(f"GRANT SELECT, SHOW VIEW ON `{shop.database}`.* TO {shop.reader}@127.0.0.1")
    url = f"mariadb://{shop.reader}@127.0.0.1:{proxy.port}/{shop.database}?tls=off&read_timeout=3"
    shop.connect("far", url, PASSWORD)


def moments(shop: Shop, number: int, words: str) -> list[datetime]:
    """When the log says something."""
    lines = shop.offramp.quick("logs", str(number)).out.splitlines()
    return [datetime.fromisoformat(line[:24]) for line in lines if re.search(words, line)]


# Of the query for the rows alone: its comment for the server's administrator.
ROWS_ASKED = b"/* offramp task 1 of "

# Where the connection dies in three attempts one after another.
JOURNEYS = {
    "before the rows": [
        Fault(Kind.FIN, at=b"SET SESSION", packets=2),
        Fault(Kind.STALL, at=b"START TRANSACTION", packets=0),
        Fault(Kind.RESET, at=ROWS_ASKED, packets=2),
    ],
    "among and after the rows": [
        Fault(Kind.STALL, at=ROWS_ASKED, packets=ROWS // 2, amid=7),
        # All rows, and not the packet that says that these were all.
        Fault(Kind.FIN, at=ROWS_ASKED, packets=ROWS + 4),
        Fault(Kind.RESET, at=b"COMMIT", packets=0),
    ],
}


@pytest.mark.parametrize("journey", JOURNEYS)
def test_three_connections_die_and_the_fourth_attempt_is_exact(shop: Shop, journey: str) -> None:
    hurry(shop)
    faults = JOURNEYS[journey]
    with Proxy(("127.0.0.1", shop.server.port or 0)) as proxy:
        proxy.fault = lambda _: faults[len(proxy.met)] if len(proxy.met) < len(faults) else None
        connect_through(shop, proxy)
        number = shop.start("far", "orders")
        shop.ends_well(number)
        assert len(proxy.met) == 3
    assert shop.task(number)["retries"] == 3
    lines = (shop.out / "TABLE" / "orders.csv").read_text().splitlines()
    assert lines == ["id,who", *(f"{n},customer {n}" for n in range(1, ROWS + 1))]
    failed = moments(shop, number, r"ERROR .*Connection 'far'|ERROR .*connection 'far'")
    begun = moments(shop, number, "Worker [0-9]+ begins")
    assert len(failed) == 3, shop.offramp.quick("logs", str(number)).out
    for pause, end, start in zip((0.4, 0.8, 1.6), failed, begun[1:], strict=True):
        assert pause <= (start - end).total_seconds() < pause + 10


def test_a_connection_that_always_dies_fails_the_task_in_words(shop: Shop) -> None:
    hurry(shop)
    with Proxy(("127.0.0.1", shop.server.port or 0)) as proxy:
        proxy.fault = lambda _: Fault(Kind.FIN, at=ROWS_ASKED, packets=50)
        connect_through(shop, proxy)
        number = shop.start("far", "orders", "--retry-limit", "1")
        said = shop.offramp("wait", str(number), code=1).err
        assert shop.task(number)["status"] == "Failed"
        assert len(proxy.met) == 2
        assert "Connection 'far'" in said
        assert "TABLE:orders" in said
        assert PASSWORD not in said
        shop.nothing_left()
        proxy.fault = lambda _: None
        shop.completes(number)


@pytest.fixture(scope="module")
def own() -> Iterator[MariadbServer]:
    """A server that may be ended."""
    server = MariadbServer()
    yield server
    server.close()


@pytest.fixture
def own_shop(own: MariadbServer, offramp: Offramp) -> Shop:
    return Shop(own, offramp)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_is_restarted_within_the_pause(own_shop: Shop, how: signal.Signals) -> None:
    """Shut down or killed amid the rows."""
    shop = own_shop
    hurry(shop, QUICK.replace("first_seconds = 0.4", "first_seconds = 4"))
    shop.set_pace(0.05)
    number = shop.start("shop", "slow", "--content", "data")
    shop.until_reading(number)
    shop.server.stop(how)
    shop.until(number, lambda task: str(task["reason"]).startswith("retry 1"))
    assert not shop.out.exists()
    shop.server.start()
    shop.set_pace(0)
    shop.ends_well(number)
    assert shop.task(number)["retries"] <= 2
    assert len((shop.out / "VIEW" / "slow.csv").read_text().splitlines()) == ROWS + 1


def test_too_many_connections(own_shop: Shop) -> None:
    shop = own_shop
    hurry(shop)
    shop.connect_reader()
    shop.server.run("SET GLOBAL max_connections = 10")
    held: list[pymysql.Connection] = []
    password = PASSWORD.encode()
    try:
        while len(held) < 12:
            try:
                held.append(
                    pymysql.connect(unix_socket=shop.server.socket, user=shop.reader, password=password)
                )
            except pymysql.OperationalError as error:
                assert error.args[0] == 1040  # noqa: PT017 - as many as there may be
                break
        number = shop.start("reader", "orders")
        shop.until(number, lambda task: task["retries"] >= 1)
        said = shop.offramp.quick("logs", str(number), "--alert").out
        assert "server of connection 'reader'" in said
        assert "takes no more connections" in said
    finally:
        for connection in held:
            connection.close()
        shop.server.run("SET GLOBAL max_connections = 151")
    shop.ends_well(number)


def test_a_lock_that_comes_late_is_waited_for(shop: Shop) -> None:
    """Longer than nothing, no longer than the connection's silence: then a retry, and the lock is let go."""
    hurry(shop)
    shop.connect("brief", f"{shop.url('root')}&read_timeout=3")
    somebody = shop.server.admin(shop.database)
    with somebody.cursor() as cursor:
        cursor.execute("LOCK TABLES orders WRITE")
        number = shop.start("brief", "orders")
        shop.until(number, lambda task: task["retries"] >= 1)
        assert "lock didn't come free" in shop.offramp.quick("logs", str(number), "--alert").out
        cursor.execute("UNLOCK TABLES")
    somebody.close()
    shop.ends_well(number)

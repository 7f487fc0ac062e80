"""Servers that can't be got into: what is said, how it ends, and that Retry works once they can."""

from __future__ import annotations

import time

import pytest

from tests.faults.conftest import PASSWORD, Shop
from tests.servers.mariadb import free_port

pytestmark = pytest.mark.mariadb
WRONG = "wR0ng-cAnArY"


def everything_kept(shop: Shop) -> str:
    """Every byte below the home, but the file of secrets."""
    files = [p for p in shop.offramp.home.rglob("*") if p.is_file() and p.name != "secrets.json"]
    return "".join(p.read_bytes().decode("latin-1") for p in files)


def test_a_wrong_password(shop: Shop) -> None:
    shop.allow(f"SELECT ON {shop.database}.orders")
    shop.connect("reader", shop.url(shop.reader), WRONG)
    failed = shop.dump("reader", "orders", code=1)
    assert "connection 'reader'" in failed.err
    assert f"refused user '{shop.reader}'" in failed.err
    assert "Check user and password" in failed.err
    assert shop.task()["status"] == "Failed"
    assert shop.task()["attempts"] == 1
    shop.nothing_left()
    assert WRONG not in failed.err + failed.out + everything_kept(shop)
    shop.server.run(f"SET PASSWORD FOR {shop.reader}@localhost = PASSWORD('{WRONG}')")
    shop.completes()
    assert WRONG not in everything_kept(shop) + (shop.out / "manifest.json").read_text()
    shop.server.run(f"SET PASSWORD FOR {shop.reader}@localhost = PASSWORD('{PASSWORD}')")


def test_an_unknown_host(shop: Shop) -> None:
    shop.connect("away", "mariadb://root@no-such-host.invalid/shop")
    began = time.monotonic()
    failed = shop.dump("away", "orders", code=1)
    assert time.monotonic() - began < 20, "a name that is unknown isn't tried again by itself"
    assert "host of connection 'away' (no-such-host.invalid:3306) is unknown" in failed.err
    assert shop.task()["status"] == "Failed"
    shop.nothing_left()
    tested = shop.offramp.quick("connection", "test", "away", code=1)
    assert "'no-such-host.invalid' is unknown" in tested.out


def test_a_refused_port_is_tried_again_and_by_hand_at_once(shop: Shop) -> None:
    shop.connect("away", f"mariadb://{shop.server.user}@127.0.0.1:{free_port()}/{shop.database}")
    number = shop.start("away", "orders")
    shop.until(number, lambda task: task["reason"] == "retry 1 of 3")
    listed = shop.offramp.quick("ls").out
    assert "retry 1 of 3 in" in listed
    assert "Connection 'away' (127.0.0.1:" in listed
    shop.nothing_left()
    begun = shop.task(number)["attempts"]
    shop.offramp.quick("retry", str(number))
    shop.until(number, lambda task: task["attempts"] > begun, seconds=10)


def test_a_silent_port_and_refused_tls(shop: Shop, silent: int) -> None:
    shop.connect("mute", f"mariadb://root@127.0.0.1:{silent}/shop?connect_timeout=1")
    number = shop.start("mute", "orders")
    shop.until(number, lambda task: task["reason"] == "retry 1 of 3")
    assert "No answer from connection 'mute'" in shop.offramp.quick("show", str(number)).out
    assert "within 1 s" in shop.offramp.quick("logs", str(number), "--alert").out
    shop.connect(
        "strict",
        f"mariadb://{shop.reader}@127.0.0.1:{shop.server.port}/{shop.database}?tls=verify-ca",
        PASSWORD,
    )
    failed = shop.dump("strict", "orders", code=1)
    assert "TLS with connection 'strict'" in failed.err
    assert "TLS mode and files" in failed.err
    shop.nothing_left()
    assert PASSWORD not in failed.err + everything_kept(shop)


def test_a_password_that_cannot_be_had_names_its_connection(shop: Shop) -> None:
    shop.offramp.quick(
        "connection", "add", "later", shop.url(shop.reader), "--password-env", "NO_SUCH_VARIABLE"
    )
    failed = shop.dump("later", "orders", code=1)
    assert "Connection 'later': Environment variable 'NO_SUCH_VARIABLE'" in failed.err
    assert "NO_SUCH_VARIABLE" in shop.offramp.quick("logs", "1", "--alert").out
    shop.nothing_left()

"""Queries that are killed, aborts in each phase, processes that are killed."""

from __future__ import annotations

import os
import signal
import sqlite3
import time

import pytest

from tests.faults.conftest import Shop
from tests.servers.mariadb import free_port

pytestmark = pytest.mark.mariadb


@pytest.mark.parametrize("verb", ["KILL QUERY", "KILL CONNECTION"])
def test_a_killed_query_is_tried_again(shop: Shop, verb: str) -> None:
    shop.set_pace(0.05)
    number = shop.start("shop", "slow", "--content", "data")
    (session,) = shop.until_reading(number)
    shop.server.run(f"{verb} {session}")
    found = shop.until_status(number, "Queued")
    assert found["reason"] == "retry 1 of 3"
    listed = shop.offramp.quick("ls").out
    assert "retry 1 of 3 in" in listed
    assert "while reading VIEW:slow" in listed
    assert ("killed on the server" if verb == "KILL QUERY" else "connection") in listed
    assert not shop.out.exists()
    shop.set_pace(0)
    shop.completes(number)


def test_a_query_killed_past_the_retry_limit_fails(shop: Shop) -> None:
    shop.set_pace(0.05)
    number = shop.start("shop", "slow", "--content", "data", "--retry-limit", "0")
    (session,) = shop.until_reading(number)
    shop.server.run(f"KILL QUERY {session}")
    assert "killed on the server" in shop.offramp("wait", str(number), code=1).err
    assert shop.task(number)["status"] == "Failed"
    shop.nothing_left()
    shop.set_pace(0)
    shop.completes(number)


def test_abort_while_reading_ends_the_query_on_the_server(shop: Shop) -> None:
    shop.set_pace(0.05)
    number = shop.start("shop", "slow", "--content", "data")
    shop.until_reading(number)
    assert "Aborting" in shop.offramp.quick("abort", str(number)).err
    assert "Aborted" in shop.offramp("wait", str(number), "--timeout", "20", code=5).err
    assert shop.queries(number) == []
    shop.nothing_left()
    assert "ended already" in shop.offramp.quick("abort", str(number), code=2).err
    shop.set_pace(0)
    shop.completes(number)
    assert "ended already: Completed" in shop.offramp.quick("abort", str(number), code=2).err


def test_abort_at_once_while_reading(shop: Shop) -> None:
    shop.set_pace(0.05)
    number = shop.start("shop", "slow", "--content", "data")
    shop.until_reading(number)
    shop.offramp.quick("abort", str(number), "--force")
    shop.until_status(number, "Aborted")
    # The slot, and what the killed worker left, go when its death is known.
    shop.until(number, lambda task: task["slot"] is None)
    shop.nothing_left()


def test_abort_while_connecting_does_not_wait_for_the_server(shop: Shop, silent: int) -> None:
    shop.connect("mute", f"mariadb://root@127.0.0.1:{silent}/shop?connect_timeout=60")
    number = shop.start("mute", "orders")
    shop.until(number, lambda task: task["stage"] == "connecting")
    began = time.monotonic()
    shop.offramp.quick("abort", str(number))
    shop.until_status(number, "Aborted")
    assert time.monotonic() - began < 8
    assert "Aborted on request" in shop.offramp.quick("logs", str(number)).out
    shop.nothing_left()


def test_abort_of_what_waits(shop: Shop, silent: int) -> None:
    """Scheduled, pausing before a retry, and queued behind three that are at work."""
    later = shop.start("shop", "orders", "--at", "+1h", to=shop.out)
    shop.connect("away", f"mariadb://root@127.0.0.1:{free_port()}/shop")
    pausing = shop.start("away", "orders", to=shop.offramp.directory / "away")
    shop.until(pausing, lambda task: task["reason"] == "retry 1 of 3")
    shop.connect("mute", f"mariadb://root@127.0.0.1:{silent}/shop?connect_timeout=60")
    busy = [shop.start("mute", "x", to=shop.offramp.directory / f"mute{n}") for n in range(3)]
    for number in busy:
        shop.until_status(number, "Running")
    queued = shop.start("shop", "orders", to=shop.offramp.directory / "queued")
    assert shop.offramp.quick("show", str(queued), "--json").json["task"]["state"] == "next"
    for number in (later, pausing, queued):
        shop.offramp.quick("abort", str(number))
        assert shop.task(number)["status"] == "Aborted"
    shop.nothing_left()
    shop.offramp.quick("abort", *map(str, busy), "--force")
    shop.completes(later)
    shop.completes(queued, shop.offramp.directory / "queued")


def test_abort_comes_too_late_for_what_is_publishing(shop: Shop) -> None:
    """The worker is held at its last statement, and the store told that it has begun to publish."""
    shop.set_pace(0.05)
    number = shop.start("shop", "slow", "--content", "data")
    shop.until_reading(number)
    worker = shop.task(number)["worker_pid"]
    os.kill(worker, signal.SIGSTOP)
    try:
        store = sqlite3.connect(shop.offramp.home / "store.sqlite3", timeout=10)
        with store:
            store.execute("UPDATE task SET status = 'Publishing' WHERE id = ?", (number,))
        store.close()
        assert "no longer aborted" in shop.offramp.quick("abort", str(number), code=2).err
    finally:
        os.kill(worker, signal.SIGCONT)
    shop.server.run(f"KILL QUERY {shop.until_reading(number)[0]}")
    shop.until_status(number, "Queued")
    shop.set_pace(0)
    shop.completes(number)


def test_worker_and_engine_killed_and_somebody_looks(shop: Shop) -> None:
    shop.set_pace(0.05)
    number = shop.start("shop", "slow", "--content", "data")
    shop.until_reading(number)
    engine = shop.offramp.engine()
    assert engine is not None
    os.kill(engine, signal.SIGKILL)
    os.kill(shop.task(number)["worker_pid"], signal.SIGKILL)
    shop.set_pace(0)
    looked = shop.offramp("ls")
    assert "one was started, and they go on" in looked.err
    shop.until(number, lambda task: task["reason"] == "retry 1 of 3")
    assert "worker ended without a result" in shop.offramp.quick("logs", str(number), "--alert").out
    assert not shop.out.exists()
    shop.completes(number)
    shop.until(number, lambda task: task["slot"] is None)
    assert sorted(p.name for p in shop.offramp.directory.iterdir()) == ["home", "out"]

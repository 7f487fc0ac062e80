"""Ctrl-C amid a transaction of the store: that goes on to its end, and so does what is done about it."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

import pytest

from core.store.database import Database
from tui.cli.interrupts import held_back


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    # A handler is run between two steps of the interpreter: here, if ever.
    time.sleep(0.01)


def test_what_is_held_back_comes_where_it_may() -> None:
    before = signal.getsignal(signal.SIGINT)
    went_on = []
    with held_back() as heard:
        heard()
        for _ in range(2):
            interrupt()
            went_on.append(True)
            with pytest.raises(KeyboardInterrupt):
                heard()
            heard()
        interrupt()
        # Whoever isn't listened to asks once more: that comes at once, and both are two.
        with pytest.raises(KeyboardInterrupt):
            interrupt()
        with pytest.raises(KeyboardInterrupt):
            heard()
    assert len(went_on) == 2
    assert signal.getsignal(signal.SIGINT) is before


def test_what_came_at_the_end_comes_there() -> None:
    with pytest.raises(KeyboardInterrupt), held_back():
        interrupt()
    # An error is what comes instead.
    with suppress(ZeroDivisionError), held_back():
        interrupt()
        raise ZeroDivisionError
    with pytest.raises(KeyboardInterrupt):
        interrupt()


def test_who_was_started_to_ignore_it_goes_on_to() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with held_back() as heard:
            interrupt()
            heard()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("argv", [("wait", "1"), ("run", "e", "--wait")])
def test_ctrl_c_amid_a_transaction_breaks_nothing(shop, monkeypatch, argv):
    shop.quick("dump", "shop", "--to", "out", "orders", "--at", "+2h", "--detach")
    shop.quick("export", "create", "e", "--connection", "shop", "orders", "--to", "runs")
    changes, looks, through = Database.changes, [], []

    def interrupted(database):
        looks.append(None)
        if len(looks) == 2:
            with database.read():
                interrupt()
            through.append(None)
        return changes(database)

    monkeypatch.setattr(Database, "changes", interrupted)
    shop.quick(*argv, code=130)
    assert (len(looks), len(through)) == (2, 1)

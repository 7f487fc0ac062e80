"""The bridge from the store: what it reads anew, and what it leaves alone."""

from __future__ import annotations

import time
from collections.abc import Callable

from core.model.vocabulary import TaskStatus
from core.service import Service
from tests.tui.harness import SECONDS, Home
from tui.reading import BUSY_SECONDS, Reader, StoreRead


def test_an_engine_that_only_lives_has_nothing_read_anew(home: Home) -> None:
    home.task("old", TaskStatus.COMPLETED)
    asked: list[int] = []
    posted: list[StoreRead] = []

    def query(service: Service) -> int:
        asked.append(len(service.tasks.list(since=None)))
        return asked[-1]

    epoch = home.store.lease.acquire(home.store.lease.state(), "a test")
    assert epoch is not None
    with Service(home.locations) as service:
        reader = Reader(service, posted.append)
        reader.want(query)
        reader.start()
        try:
            wait(lambda: posted)
            for _ in range(6):
                home.store.lease.renew(epoch)
                time.sleep(BUSY_SECONDS / 2)
            assert (asked, len(posted)) == ([1], 1)
            home.task("new", TaskStatus.QUEUED)
            wait(lambda: posted[-1].seen.value == 2)
        finally:
            reader.stop()


def wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)

"""Telling people and programs of tasks' ends, in a process of its own.

A mail server that hangs, or a command that takes its time, holds up neither the engine nor a task. Started
by the engine as `python -P -m core.engine.notify` when something is due, with the home as JSON on standard
input; ends when nothing is. One at a time in a home, by a kernel lock. What it was about to send when it was
killed is sent again after a pause: each notification has a key by which the other end can tell.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from core import preferences
from core.dumps import forbid_core_dumps
from core.engine.numbers import chosen
from core.engine.spawn import Child, start_detached
from core.errors import NotDelivered, OfframpError
from core.locations import Locations
from core.locks import FileLock
from core.model.notice import Notice
from core.notices.deliver import deliver
from core.preferences import Preferences
from core.store.notifications import Notification
from core.store.store import Store
from core.tasklog import append

NOTIFY = (sys.executable, "-P", "-m", "core.engine.notify")
AT_ONCE = 4
BATCH = 20
PAUSE = 2.0
"""Seconds between two starts at least: one that can't do its work isn't started again and again."""
LONGEST = 1 << 16


class Teller:
    """The engine's side: a process is started where something is due and none is at it."""

    def __init__(self, locations: Locations) -> None:
        self._locations = locations
        self._child: Child | None = None
        self._started = -PAUSE

    def look(self, store: Store, now: datetime) -> None:
        """Start one if need be. Raises OSError where no process can be had."""
        at_it = self._child is not None and self._child.ended is None
        if at_it or time.monotonic() - self._started < PAUSE:
            return
        if store.notifications.due(now):
            self._started = time.monotonic()
            self._child = start_detached(
                NOTIFY,
                output=self._locations.engine_log,
                environment=os.environ,
                message=json.dumps({"home": str(self._locations.home)}).encode() + b"\n",
            )


def main() -> int:
    """Send what is due, and what comes to be due meanwhile; returns the process's exit status."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0o077)
    forbid_core_dumps()
    locations = Locations(Path(json.loads(sys.stdin.buffer.readline(LONGEST))["home"]))
    lock = FileLock(locations.notify_lock)
    if not lock.acquire():
        return 0  # another one is at it
    try:
        settings = preferences.load(locations)
        with Store.open(locations, wait_on=lambda: False) as store:
            return _tell(store, settings)
    except OfframpError as error:
        print(f"Nobody can be told of tasks' ends now: {error}", file=sys.stderr)  # noqa: T201 - goes to a file
        return 1


def _tell(store: Store, settings: Preferences) -> int:
    backoff = chosen(settings).backoff
    with ThreadPoolExecutor(AT_ONCE) as threads:
        while batch := store.notifications.begin(datetime.now(UTC), backoff, BATCH):
            list(threads.map(lambda one: _try(store, settings, one), batch))
    return 0


def _try(store: Store, settings: Preferences, one: Notification) -> None:
    """One attempt, noted in the store and in the task's log."""
    notice = Notice.parse(one.place)
    log = store.locations.task_log(one.task)
    try:
        words = deliver(notice, one.document, one.key, settings, store.locations)
    except NotDelivered as error:
        words = str(error)
        again = store.notifications.failed(one, words, again=error.again)
        what = "it is tried again" if again else f"given up after {one.attempts} attempts"
        append(log, logging.WARNING, f"{notice.shown} couldn't be told of the end ({what}): {words}")
    else:
        store.notifications.delivered(one, words, datetime.now(UTC))
        append(log, logging.INFO, f"Told {notice.shown} of the end: {words}.")


if __name__ == "__main__":
    sys.exit(main())

"""A real worker with a pretended attempt: what it does stands in the task's name.

`ok`, `sleep SECONDS`, `obey` (until it is asked to end), `deaf` (never), `transient`, `fatal`, `bug`,
`exit N`, `flaky` (the first attempt is cut), `steps` (a stage and a checkpoint every little while),
`publish` (goes on publishing), `secret` (logs its passwords), `linger` (doesn't go when it is done).
Each attempt leaves a line in the home's `trace`: what, task, process, time.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path

from core.engine import worker
from core.engine.orders import Order
from core.errors import Aborted, ConnectionLost, NoSpace
from core.model.task import TaskObject
from core.model.vocabulary import ObjectRef, ObjectStatus, ObjectType
from core.pipeline.cancel import Cancel
from core.pipeline.journal import Journal


def trace(home: str, what: str, task: int) -> None:
    with (Path(home) / "trace").open("a") as file:
        file.write(f"{what} {task} {os.getpid()} {time.time():.3f}\n")


def attempt(journal: Journal, order: Order, log: logging.Logger, cancel: Cancel) -> None:
    task = journal.task()
    what, _, argument = task.name.partition(" ")
    trace(order.home, "begin", task.id)
    log.info("Pretending: %s", task.name)
    if what == "sleep":
        end = time.monotonic() + float(argument)
        while time.monotonic() < end and not cancel.requested:
            time.sleep(0.02)
    elif what == "obey":
        while not cancel.requested:
            time.sleep(0.02)
    elif what == "deaf":
        while True:
            time.sleep(1)
    elif what == "steps":
        item = TaskObject(number=0, ref=ObjectRef(ObjectType.TABLE, "t"), data_status=ObjectStatus.RUNNING)
        journal.plan([item], None)
        while not cancel.requested:
            journal.update(item)
            time.sleep(0.02)
    elif what == "flaky" and task.attempts == 1:
        return journal.finish(ConnectionLost("cut").info(), published=False)
    elif what == "transient":
        raise ConnectionLost("cut")
    elif what == "fatal":
        return journal.finish(NoSpace("full").info(), published=False)
    elif what == "bug":
        raise ZeroDivisionError("secret-canary-4711")
    elif what == "secret":
        log.info("password %s and %s", order.password, order.sys_password)
    elif what == "exit":
        os._exit(int(argument))
    elif what == "linger":
        journal.finish(None, published=True)
        while True:
            time.sleep(1)
    elif what == "publish":
        journal.publishing()
        time.sleep(float(argument))
    trace(order.home, "end", task.id)
    if cancel.requested:
        return journal.finish(Aborted("Aborted on request.").info(), published=False)
    return journal.finish(None, published=True)


if __name__ == "__main__":
    behaviour = os.environ.get("FAKE_WORKER", "")
    if behaviour == "never":
        time.sleep(600)
    elif behaviour == "die":
        sys.exit(9)
    sys.exit(worker.main(attempt))

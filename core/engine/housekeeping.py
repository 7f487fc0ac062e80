"""Forgetting what is old: ended tasks, and the logs, lock files, passwords and unfinished files they left."""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from core import secrets
from core.engine.numbers import Numbers
from core.errors import OutputError, SecretError, StoreDamaged, StoreError
from core.locks import is_locked
from core.model.destination import leaves
from core.model.task import Task
from core.model.vocabulary import TaskStatus
from core.pipeline.place import discard_partial, token_of
from core.store.backups import back_up_daily
from core.store.references import references
from core.store.store import Store
from core.tasklog import remove_task_logs

log = logging.getLogger("offramp.engine")

UNUSED_PASSWORDS = timedelta(days=1)


def tidy(store: Store, epoch: int, numbers: Numbers, now: datetime) -> None:
    """One round. Raises LostClaim where another engine serves; files that can't be removed stay."""
    locations = store.locations
    if numbers.keep_logs is not None:
        logged = _numbers(locations.logs)
        for task in logged.intersection(store.claims.ended_before(now - numbers.keep_logs)):
            _remove_logs(store, task)
    if numbers.keep_tasks is not None:
        while gone := store.claims.forget_ended(epoch, now - numbers.keep_tasks):
            log.info("Forgot %d tasks that ended before %s.", len(gone), now - numbers.keep_tasks)
            for forgotten in gone:
                _remove_logs(store, forgotten.id)
                remove_leftovers(forgotten, numbers.spool_in(locations))
                _name_what_was_sent(forgotten)
        store.notifications.forget(epoch, now - numbers.keep_tasks)
        store.schedules.forget(epoch, now - numbers.keep_tasks)
    if numbers.keep_history is not None:
        store.past_runs.forget(epoch, now - numbers.keep_history)
        store.marks.forget_moves(epoch, now - numbers.keep_history)
    _forget_passwords(store, now)
    _back_up(store, now)
    # Numbers are never used again, so nobody will lock these files any more.
    for task in _numbers(locations.locks) - store.claims.numbers():
        path = locations.task_lock(task)
        if not is_locked(path):
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _back_up(store: Store, now: datetime) -> None:
    """Once a day. A full disk costs no more than the backup; a damaged store ends the engine."""
    try:
        made = back_up_daily(store.locations.store, now)
    except StoreDamaged:
        raise
    except StoreError as error:
        log.warning("%s", error)
    else:
        if made is not None:
            log.info("The store was backed up as %s.", made.name)


def _forget_passwords(store: Store, now: datetime) -> None:
    """Those of sys accounts whose tasks and exports are gone."""
    try:
        gone = secrets.sweep(store.locations, now - UNUSED_PASSWORDS, lambda: references(store))
    except SecretError as error:
        log.warning("%s", error.message)
    else:
        if gone:
            log.info("Forgot %d passwords that nothing refers to any more.", gone)


def remove_leftovers(task: Task, spool: Path) -> None:
    """What attempts of a task have left beside its target or in the spool, which no other will use."""
    try:
        discard_partial(task, spool)
    except OutputError as error:
        log.warning("What task %d has left beside %s can't be removed: %s", task.id, task.output, error)


def _name_what_was_sent(task: Task) -> None:
    """Of a task that has failed. `offramp rm` would have removed it; an engine that waited for a destination
    would serve nobody meanwhile."""
    unpublished = task.status is not TaskStatus.COMPLETED and not task.published
    if leaves(task.output) and task.attempts and unpublished:
        log.warning(
            "What the forgotten task %d has sent to %r may still be there, called .partial-%d-%s: remove it.",
            task.id,
            task.output,
            task.id,
            token_of(task),
        )


def _remove_logs(store: Store, task: int) -> None:
    try:
        remove_task_logs(store.locations, task)
    except OSError as error:
        log.warning("The log of task %d can't be removed: %s.", task, error.strerror)


def _numbers(directory: Path) -> set[int]:
    """The tasks that have a file in a directory."""
    found = (re.match(r"task-(\d+)\.", path.name) for path in directory.iterdir())
    return {int(match[1]) for match in found if match}

"""Named points that a task passes on its way, for tests that make its processes die there.

`reached` does nothing: an empty call, at most one for a chunk of about a megabyte. Tests of crashes put
another function in its place, in engines and workers that they start themselves (`tests/faults/dying.py`);
no setting and no variable of the environment does.
"""

from __future__ import annotations

from enum import Enum


class Point(Enum):
    """Where a process may die, in the order in which a task gets there. The engine's come first."""

    LEASED = "the engine holds the lease, and has done nothing with it"
    SCHEDULE_DUE = "a schedule is due, and nothing is noted of it"
    SCHEDULE_STORED = "the run is noted with its task, and nobody knows but the store"
    CLAIMED = "the task has a slot and a token, and no worker"
    PREPARED = "the passwords are known, the worker isn't started"
    STARTED = "the worker's process runs, and the engine hasn't noted it"
    ABORT_SENT = "the worker was asked to end"
    LOSS_FOUND = "the worker's death is known, and the store not told"
    LOSS_STORED = "the store has the outcome of the lost attempt"
    LEFTOVERS_SWEPT = "what a killed worker left of an aborted task is gone, and the store not told"
    FREE_FOUND = "the attempt is over and its worker gone, the slot still taken"
    FREED = "the slot is free"
    STEPPING_DOWN = "there is nothing left to do, the lease is still held"

    SPAWNED = "the worker has read its order"
    LOCKED = "the worker holds its lock, and the store doesn't know"
    HELD = "the worker has taken hold"
    ROOM_MADE = "the work directory is there"
    CONNECTED = "the session is open"
    CHECKED = "the preflight has passed, the plan is stored"
    SNAPSHOT_TAKEN = "a point in time is fixed"
    SCHEMA_WRITTEN = "an object's schema file is durable"
    CHUNK_WRITTEN = "a chunk of rows was handed to the file"
    CHECKPOINT_SYNCED = "a part is durable, and the store not told"
    CHECKPOINT_STORED = "the checkpoint is stored"
    FILE_SYNCED = "an object's data file is durable, and the store not told"
    OBJECT_STORED = "the store has the object as done"
    MANIFEST_NEXT = "everything but the manifest is built"
    MANIFEST_WRITTEN = "the build is whole, the work directory not yet synced"
    PUBLISHING = "the store says Publishing, nothing has its final name"
    FORWARDED = "one file has its final name, where a directory can't be renamed"
    RENAMED = "everything has its final name, which isn't synced"
    FINISH_NEXT = "published durably, and the store not told"
    FINISHED = "the task is Completed, the worker still there"
    CLEANED = "an attempt has failed and cleaned up, and the store isn't told"

    @property
    def of_engine(self) -> bool:
        """Whether the engine gets there, else the worker."""
        return self in _ENGINE


_ENGINE = frozenset(
    {
        Point.LEASED,
        Point.SCHEDULE_DUE,
        Point.SCHEDULE_STORED,
        Point.CLAIMED,
        Point.PREPARED,
        Point.STARTED,
        Point.ABORT_SENT,
        Point.LOSS_FOUND,
        Point.LOSS_STORED,
        Point.LEFTOVERS_SWEPT,
        Point.FREE_FOUND,
        Point.FREED,
        Point.STEPPING_DOWN,
    }
)


def reached(point: Point) -> None:
    """A process has come to `point`. To be called as `faults.reached`, so that tests can replace it."""

"""Copies of the store beside it, and the way back from one.

A backup is named `store.sqlite3.backup-<revision>-<UTC time>`; one is made before each migration and once a
day while an engine serves. Of each revision the newest `KEPT` stay, of revisions the newest `KEPT_REVISIONS`.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.errors import NotFound, StoreDamaged, StoreError, StoreFull, StoreTooNew
from core.locations import Locations
from core.store.alone import alone, nobody_at_work, within
from core.store.database import explained
from core.store.making import create, draft_of, sync_directory
from core.store.tables import APPLICATION_ID, REVISION

KEPT = 4
KEPT_REVISIONS = 3
EVERY = timedelta(days=1)
_STAMP = "%Y%m%dT%H%M%S%fZ"
_NAME = re.compile(r"\.backup-(?P<revision>\d+)-(?P<stamp>\d{8}T\d{12}Z)$")


@dataclass(frozen=True, slots=True)
class Backup:
    """`revision` is the schema of the store that it is a copy of, `made` the (UTC) instant."""

    path: Path
    revision: str
    made: datetime
    bytes: int


def backups(path: Path) -> list[Backup]:
    """The backups beside the store `path`, newest first."""
    found = []
    for file in path.parent.glob(f"{path.name}.backup-*"):
        match = _NAME.search(file.name)
        if match is not None:
            with suppress(OSError):
                made = datetime.strptime(match["stamp"], _STAMP).replace(tzinfo=UTC)
                found.append(Backup(file, match["revision"], made, file.stat().st_size))
    return sorted(found, key=lambda backup: backup.made, reverse=True)


def back_up(path: Path, revision: str = REVISION, *, to: Path | None = None) -> Path:
    """Copy the store `path` by SQLite's backup API, complete and sound or not there; 0600. Beside it under
    a name with the present time, and old ones of such names are removed; or as the new file `to`. Raises
    StoreFull, StoreDamaged where what was copied isn't sound, StoreError."""
    stamp = datetime.now(UTC).strftime(_STAMP)
    target = to or path.with_name(f"{path.name}.backup-{revision}-{stamp}")
    if target.exists():
        raise StoreError(f"{str(target)!r} is there already.", "Nothing is overwritten: name another file.")
    with draft_of(target) as draft:
        _copy(path, draft)
        with closing(sqlite3.connect(draft)) as copy:
            said = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        if said != "ok":
            raise StoreDamaged(f"Store {str(path)!r} is damaged: {said}.", "It was not backed up.")
        # Not `rename`: what has come to that name meanwhile stays.
        os.link(draft, target)
        sync_directory(target.parent)
    if to is None:
        _prune(path)
    return target


def back_up_daily(path: Path, now: datetime) -> Path | None:
    """Make a backup if the last one of this revision is a day old. Raises as `back_up`."""
    newest = next((b for b in backups(path) if b.revision == REVISION), None)
    if newest is not None and abs(now - newest.made) < EVERY:
        return None
    size, free = path.stat().st_size, shutil.disk_usage(path.parent).free
    # The store itself must be able to grow afterwards.
    if free < 3 * size + (1 << 20):
        raise StoreFull(
            f"Store {str(path)!r} wasn't backed up: {free >> 10} KiB are free there.", "Make room there."
        )
    return back_up(path)


def _prune(path: Path) -> None:
    found = backups(path)
    revisions = sorted({backup.revision for backup in found}, key=int, reverse=True)
    for place, revision in enumerate(revisions):
        of_one = [backup for backup in found if backup.revision == revision]
        for backup in of_one[KEPT if place < KEPT_REVISIONS else 0 :]:
            with suppress(OSError):
                backup.path.unlink()


def restore(locations: Locations, backup: Path | None, *, patience: float) -> Path | None:
    """Put `backup` in the store's place, or with None an empty store; a backup of an older revision is
    migrated when it is opened. What was there is kept beside it under another name, which is returned (None
    where nothing was). Numbers of tasks go on after all that this home has traces of.

    Raises NotFound where there is no such file, StoreDamaged where it is none of a sound store, StoreTooNew,
    StoreBusy while an engine or a worker is at work, StoreFull, StoreError.
    """
    if backup is not None and not backup.is_file():
        raise NotFound(f"There is no file {str(backup)!r}.", "offramp store show lists the backups.")
    locations.ensure()
    path = locations.store
    wait_on = within(patience)
    with alone(locations, wait_on), nobody_at_work(locations, "can't be restored: Offramp", wait_on):
        last = _last_number(locations)
        if backup is None:
            aside = _set_aside(path)
            create(path, last_task=last)
            return aside
        with draft_of(path) as draft:
            with explained(backup):
                _copy(backup, draft)
                _inspect(draft, backup)
                _raise_number(draft, last)
            aside = _set_aside(path)
            draft.rename(path)
            sync_directory(path.parent)
    return aside


def _copy(source: Path, target: Path) -> None:
    """Through SQLite on both sides: safe beside other connections, as a plain open would not be."""
    # Only who may write can undo what a killed writer had begun.
    writable = os.access(source, os.W_OK) and os.access(source.parent, os.W_OK)
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode={'rw' if writable else 'ro'}", uri=True)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)


def _inspect(draft: Path, backup: Path) -> None:
    with closing(sqlite3.connect(draft)) as copy:
        said = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
        identity = copy.execute("PRAGMA application_id").fetchone()[0]
        if said == "ok" and identity == APPLICATION_ID:
            revision = copy.execute("SELECT version_num FROM alembic_version").fetchone()[0]
        else:
            what = str(said) if said != "ok" else "it is a database, but not one that Offramp made"
            raise StoreDamaged(
                f"{str(backup)!r} is no sound backup: {what}.", "Nothing was changed: try another."
            )
    if int(revision) > int(REVISION):
        raise StoreTooNew(
            f"{str(backup)!r} is of version {int(revision)}; "
            f"this Offramp knows versions up to {int(REVISION)}.",
            "Use the newer Offramp that wrote it.",
        )


def _raise_number(draft: Path, last: int) -> None:
    """A number means one task for ever: those that the backup doesn't know are not given again."""
    with closing(sqlite3.connect(draft)) as copy, copy:
        (known,) = copy.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'task'").fetchone()
        if last > (known or 0):
            copy.execute("DELETE FROM sqlite_sequence WHERE name = 'task'")
            copy.execute("INSERT INTO sqlite_sequence VALUES ('task', ?)", (last,))


def _last_number(locations: Locations) -> int:
    """The highest number of a task that has left a log or a lock file."""
    names = (path.name for place in (locations.logs, locations.locks) for path in place.iterdir())
    found = (re.match(r"task-(\d{1,15})\.", name) for name in names)
    return max((int(match[1]) for match in found if match), default=0)


def _set_aside(path: Path) -> Path | None:
    """Keep the present store under another name; it isn't opened, whatever it is. Its journal goes first:
    SQLite would play it back into whatever comes to the store's place."""
    if not os.path.lexists(path):
        return None
    aside = path.with_name(f"{path.name}.aside-{datetime.now(UTC).strftime(_STAMP)}")
    journal = path.with_name(f"{path.name}-journal")
    if os.path.lexists(journal):
        journal.rename(aside.with_name(f"{aside.name}-journal"))
    path.rename(aside)
    return aside

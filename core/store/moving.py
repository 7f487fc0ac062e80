"""A home of this host's own: chosen where the usual one is on a network file system, say."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core import hosts
from core.errors import Conflict, NotWritable, StoreBusy, StoreError
from core.filesystems import file_system
from core.locations import PRIVATE_DIRECTORY, Locations
from core.locks import unreliable
from core.store import backups
from core.store.alone import alone, nobody_at_work, within
from core.store.database import Database
from core.store.lease import Lease
from core.store.making import create, sync_directory
from core.store.opening import refuse_network

_SILENT = timedelta(minutes=2)
# What people and Offramp keep beside the store. Locks mean nothing elsewhere, exported files stay.
_FILES = ("settings.toml", "secrets.json", "screens.json")
_PLACES = ("/local", "/scratch", "/data", "/var/tmp")  # noqa: S108 - what is made there is checked and 0700


def proposal() -> Path | None:
    """A local directory that this account can have for its own and that outlives a restart; None where
    there is none of the usual ones."""
    user = pwd.getpwuid(os.geteuid()).pw_name
    for place in map(Path, _PLACES):
        shared, own = place / f"offramp-{user}", place / user / "offramp"
        for directory, above in ((own, own.parent), (shared, place)):
            found = file_system(above)
            local = found is None or not (found.network or found.in_memory)
            if local and above.is_dir() and os.access(above, os.W_OK | os.X_OK):
                return directory
    return None


def move(usual: Locations, directory: Path, *, patience: float) -> Locations:
    """Keep Offramp's files of this host in `directory` from now on, instead of in the `usual` home, which
    remembers that. A store that is there moves along, with settings, passwords and logs; else a new one is
    made. The former store stays under another name, so that it can't be used by mistake.

    Raises Conflict where `directory` is not empty or is another's, StoreOnNetwork, StoreError where locks
    don't hold there, NotWritable, StoreBusy while an engine or a worker is at work, here or on another host.
    """
    target = Locations(directory, usual.home)
    _prepare(target)
    usual.ensure()
    wait_on = within(patience)
    with alone(usual, wait_on), nobody_at_work(usual, "can't be moved: Offramp", wait_on):
        with ExitStack() as undo:
            # It was empty before, and must be for the next time.
            undo.callback(shutil.rmtree, target.home, ignore_errors=True)
            _carry_over(usual, target, patience)
            hosts.remember(usual.home, target.home)
            undo.pop_all()
        if usual.store.exists():
            # From here nobody is to work on it; those who come find where it has gone.
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
            usual.store.rename(usual.store.with_name(f"{usual.store.name}.moved-{stamp}"))
    return target


def _carry_over(usual: Locations, target: Locations, patience: float) -> None:
    if usual.store.exists():
        _refuse_served(usual)
        backups.restore(target, usual.store, patience=patience)
    else:
        create(target.store)
    for name in _FILES:
        if (usual.home / name).is_file():
            _copy(usual.home / name, target.home / name)
    for log in sorted(usual.logs.glob("task-*")):
        _copy(log, target.logs / log.name)
    sync_directory(target.logs)
    sync_directory(target.home)


def _prepare(target: Locations) -> None:
    """A directory of this account alone, empty, local, with locks that hold."""
    home = target.home
    refuse_network(home)
    try:
        home.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        status = home.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise Conflict(f"{str(home)!r} is another user's, or no directory.", "Choose another one.")
        if any(home.iterdir()):
            raise Conflict(f"{str(home)!r} is not empty.", "Choose a directory that is absent or empty.")
        home.chmod(PRIVATE_DIRECTORY)
    except OSError as error:
        raise NotWritable(f"{str(home)!r} can't be used: {error.strerror}.", "Choose another one.") from None
    target.ensure()
    wrong = unreliable(target.locks)
    if wrong is not None:
        raise StoreError(f"{str(home)!r} can't hold a store: {wrong}.", "Choose a directory on a local disk.")


def _refuse_served(usual: Locations) -> None:
    """Locks don't tell of an engine on another host, but the lease that it renews does."""
    # Not through `Store.open`, which refuses what is to be moved away from.
    database = Database(usual.store, patience=1.0)
    try:
        state = Lease(database).state()
    finally:
        database.close()
    if state.holder and state.renewed and abs(datetime.now(UTC) - state.renewed) < _SILENT:
        raise StoreBusy(
            f"Store {str(usual.store)!r} was served by {state.holder} a moment ago.",
            "Stop Offramp there, then try again in two minutes.",
        )


def _copy(source: Path, target: Path) -> None:
    try:
        shutil.copy2(source, target)
        target.chmod(0o600)
    except OSError as error:
        raise StoreError(
            f"{str(source)!r} can't be copied to {str(target)!r}: {error.strerror}.",
            "Nothing was changed where it was. Make room, or choose another directory.",
        ) from None

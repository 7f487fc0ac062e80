"""Every path that Offramp keeps for itself, in one place.

All of it lies under one directory: what `OFFRAMP_HOME` names, else the platform's own directory for a
user's application data; or the one that was chosen in that one's place on this host (`core.hosts`).
Exported files lie elsewhere: where their export or `dump --to` says.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core import hosts
from core.errors import NotWritable

HOME_VARIABLE = "OFFRAMP_HOME"
PRIVATE_DIRECTORY = 0o700


@dataclass(frozen=True, slots=True)
class Locations:
    """Paths under `home`, which is absolute. Making one touches no disk; `ensure` makes the directories.
    `origin` is the home that this one stands for on this host, None where it is that itself."""

    home: Path
    origin: Path | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "home", Path(os.path.abspath(self.home)))  # noqa: PTH100 - symlinks stay

    @classmethod
    def default(cls) -> Locations:
        """`OFFRAMP_HOME` (a relative one counts from where the program was started), else the platform's;
        or what was chosen for this host in its place. Raises StoreError where that can't be read."""
        usual = cls.usual()
        local = hosts.remembered(usual.home)
        return usual if local is None else cls(local, usual.home)

    @classmethod
    def usual(cls) -> Locations:
        """The same whatever was chosen for this host."""
        named = os.environ.get(HOME_VARIABLE)
        if named:
            return cls(Path(named).expanduser())
        import platformdirs  # noqa: PLC0415 - not needed where OFFRAMP_HOME is set, as in every worker

        return cls(platformdirs.user_data_path("offramp", appauthor=False))

    @property
    def store(self) -> Path:
        """The database of connections, exports and tasks."""
        return self.home / "store.sqlite3"

    @property
    def preferences(self) -> Path:
        """The settings file, TOML, written by people."""
        return self.home / "settings.toml"

    @property
    def screens(self) -> Path:
        """What the screens remember between visits: filters, orders, the theme."""
        return self.home / "screens.json"

    @property
    def secrets(self) -> Path:
        """Passwords that are kept in a file, mode 0600."""
        return self.home / "secrets.json"

    @property
    def secrets_lock(self) -> Path:
        return self.locks / "secrets.lock"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def locks(self) -> Path:
        return self.home / "locks"

    @property
    def spool(self) -> Path:
        """Where output is built that goes to destinations elsewhere, unless the settings say otherwise."""
        return self.home / "spool"

    @property
    def engine_lock(self) -> Path:
        """Held by the engine that serves the store."""
        return self.locks / "engine.lock"

    @property
    def engine_bell(self) -> Path:
        """A FIFO: whoever queues something wakes the engine by it."""
        return self.locks / "engine.bell"

    @property
    def notify_lock(self) -> Path:
        """Held by the process that tells of tasks' ends."""
        return self.locks / "notify.lock"

    @property
    def engine_log(self) -> Path:
        """What engines in the background have to say."""
        return self.logs / "engine.log"

    def task_log(self, task: int) -> Path:
        """A task's log; the alert log is a view of its WARN and ERROR lines."""
        return self.logs / f"task-{task}.log"

    def worker_output(self, task: int) -> Path:
        """What a worker's process itself prints: a crash before its log is open."""
        return self.logs / f"task-{task}.out"

    def task_lock(self, task: int) -> Path:
        """Held by the task's worker for as long as it lives."""
        return self.locks / f"task-{task}.lock"

    def ensure(self) -> None:
        """Make the directories that are missing, for their owner only whatever the umask says. A home that
        is there already keeps its mode: it may be a directory that others use too. Those of logs and locks
        are closed to others where they aren't. Raises NotWritable."""
        try:
            for directory in (self.home, self.logs, self.locks):
                if not directory.is_dir():
                    directory.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
                elif directory != self.home:
                    close_to_others(directory, PRIVATE_DIRECTORY)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise NotWritable(
                f"Directory {str(error.filename or self.home)!r} can't be made: {error.strerror}.",
                "Make room there." if full else f"Set {HOME_VARIABLE} to a directory that you may write.",
            ) from None


def close_to_others(path: Path, mode: int) -> None:
    """Give `mode` to what is this account's own and open to others; leave what can't be changed."""
    status = path.stat()
    if status.st_mode & 0o077 and status.st_uid == os.geteuid():
        with suppress(OSError):
            path.chmod(mode)

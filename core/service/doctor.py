"""What Offramp stands on, looked at piece by piece, with what to do where something is amiss."""

from __future__ import annotations

import importlib.metadata
import locale
import os
import platform
import shutil
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core import secrets
from core.connectors import source_class
from core.errors import OfframpError
from core.filesystems import file_system
from core.locations import HOME_VARIABLE
from core.locks import unreliable
from core.model.vocabulary import Mode
from core.owner import owner
from core.service.context import Context
from core.service.logout import log_out
from core.service.words import count, size

LITTLE_SPACE = 1_000_000_000
NO_SPACE = 50_000_000
# The queue's order uses NULLS FIRST.
OLDEST_SQLITE = (3, 30, 0)
CLIENTS = ("sqlite3", "mariadb", "mysql", "obclient", "psql", "sqlplus")
DRIVERS = {
    "sqlite": "", "mysql": "PyMySQL", "mariadb": "PyMySQL", "oceanbase": "PyMySQL", "postgresql": "psycopg",
    "oracle": "oracledb",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """`level` is ok, warn or fail; `advice` what to do where it isn't ok."""

    name: str
    level: str
    detail: str
    advice: str = ""


def examine(context: Context) -> list[Finding]:
    """All findings, in an order to read them in. Raises nothing of OfframpError."""
    checks: tuple[Callable[[Context], Iterator[Finding]], ...] = (
        _program,
        _home,
        _settings,
        _file_system,
        _locks,
        _store,
        _engine,
        _reboot,
        _secrets_file,
        _keyring,
        _logout,
        _space,
        _terminal,
        _drivers,
        _clients,
    )
    findings: list[Finding] = []
    for check in checks:
        try:
            findings += check(context)
        except OfframpError as error:
            name = check.__name__.strip("_").replace("_", " ")
            findings.append(Finding(name, "fail", error.message, error.hint))
        except OSError as error:
            name = check.__name__.strip("_").replace("_", " ")
            findings.append(
                Finding(name, "fail", f"It can't be looked at: {error}.", "See the other findings.")
            )
    return findings


def _program(context: Context) -> Iterator[Finding]:
    del context
    version = importlib.metadata.version("offramp")
    yield Finding("offramp", "ok", f"{version}, Python {platform.python_version()} at {sys.executable}")
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        yield Finding(
            "sqlite",
            "fail",
            f"{sqlite3.sqlite_version} is older than {oldest}.",
            "Use a Python that was built with a newer SQLite.",
        )
    else:
        yield Finding("sqlite", "ok", sqlite3.sqlite_version)


def _home(context: Context) -> Iterator[Finding]:
    home = context.locations.home
    context.locations.ensure()
    status = home.stat()
    named = f" ({HOME_VARIABLE})" if os.environ.get(HOME_VARIABLE) else ""
    if not os.access(home, os.W_OK | os.X_OK):
        yield Finding("home", "fail", f"{home}{named} can't be written.", f"Set {HOME_VARIABLE} elsewhere.")
    elif status.st_uid != os.geteuid():
        yield Finding(
            "home", "warn", f"{home}{named} belongs to another user.", "Use a directory of your own."
        )
    elif status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield Finding("home", "warn", f"{home}{named} can be written by others.", f"chmod 700 '{home}'")
    else:
        yield Finding("home", "ok", f"{home}{named}")


def _settings(context: Context) -> Iterator[Finding]:
    path = context.locations.preferences
    chosen = context.preferences
    yield Finding("settings", "ok", f"{path}" if path.exists() else f"all defaults; {path} would change them")
    for name, directory in (("directory", chosen.directory), ("spool", chosen.spool)):
        if directory is not None and not os.access(directory, os.W_OK | os.X_OK):
            yield Finding(
                "settings", "warn", f"{name} {directory!r} isn't there or can't be written.", "Make it."
            )


def _file_system(context: Context) -> Iterator[Finding]:
    found, home = file_system(context.locations.home), context.locations.home
    if context.locations.origin is not None:
        yield Finding("home", "ok", f"{home} stands for {context.locations.origin} on this host")
    if found is None:
        yield Finding("file system", "ok", "this system doesn't tell of which kind it is")
    elif found.network:
        yield Finding(
            "file system",
            "fail",
            f"{home} is on a network file system ({found.kind}): its locks can't be trusted.",
            "Choose a local directory for this host: offramp store move DIR.",
        )
    elif found.in_memory:
        yield Finding(
            "file system",
            "warn",
            f"{home} is in memory ({found.kind}): what it holds is gone after a restart.",
            f"Set {HOME_VARIABLE} to a directory on a disk.",
        )
    else:
        yield Finding("file system", "ok", f"{found.kind}, local")


def _locks(context: Context) -> Iterator[Finding]:
    wrong = unreliable(context.locations.locks)
    if wrong is None:
        yield Finding("file locks", "ok", "hold against another process")
    else:
        yield Finding(
            "file locks",
            "fail",
            f"In {context.locations.locks}: {wrong}.",
            "Choose a directory on a local disk: offramp store move DIR.",
        )


def _store(context: Context) -> Iterator[Finding]:
    from core.store.backups import backups  # noqa: PLC0415 - comes with the store

    context.store.check_thoroughly()
    path, modes = context.locations.store, context.store.modes()
    counts = context.store.tasks.counts()
    ended = sum(number for status, number in counts.items() if status.ended)
    waiting = sum(counts.values()) - ended
    yield Finding(
        "store",
        "ok",
        f"{path}, {size(path.stat().st_size)}, sound; {count(waiting, 'open task')}, {ended} ended",
    )
    if modes == ("truncate", "full"):
        yield Finding("journal mode", "ok", "TRUNCATE, synchronous FULL")
    else:
        yield Finding(
            "journal mode",
            "warn",
            f"{modes[0].upper()}, synchronous {modes[1].upper()}: something else has changed it.",
            "End every program that uses the store; the next one sets TRUNCATE again.",
        )
    newest = next(iter(backups(path)), None)
    yield Finding(
        "backups", "ok", f"the newest is {newest.path.name}" if newest else "none yet: the engine makes them"
    )


def _engine(context: Context) -> Iterator[Finding]:
    from core.locks import is_locked  # noqa: PLC0415

    state = context.store.lease.state()
    alive = is_locked(context.locations.engine_lock)
    if alive:
        yield Finding("engine", "ok", f"serving: {state.holder or 'just starting'}")
    else:
        yield Finding("engine", "ok", "none serves now; the next command that queues something starts one")


def _reboot(context: Context) -> Iterator[Finding]:
    from core.service.overview import Overview  # noqa: PLC0415

    overview = Overview(context)
    if overview.engine().forgotten:
        yield Finding(
            "reboot",
            "warn",
            "Scheduled tasks don't start by themselves after a reboot.",
            "offramp service install",
        )
    elif overview.starts_after_reboot():
        yield Finding("reboot", "ok", "an engine starts after it: offramp service status")
    else:
        yield Finding("reboot", "ok", "nothing starts after it, and no task is scheduled")


def _secrets_file(context: Context) -> Iterator[Finding]:
    path = context.locations.secrets
    try:
        mode = stat.S_IMODE(path.lstat().st_mode)
    except FileNotFoundError:
        yield Finding("secrets file", "ok", "none is kept")
        return
    kept = secrets.kept_keys(context.locations)
    if mode & 0o077:
        yield Finding(
            "secrets file",
            "warn",
            f"{path} was of mode {mode:04o}, and others could read it; it is 0600 now.",
            "Change the passwords that it holds.",
        )
    else:
        yield Finding("secrets file", "ok", f"{path}, mode {mode:04o}, {len(kept)} kept")


def _keyring(context: Context) -> Iterator[Finding]:
    del context
    found = secrets.keyring_backend()
    yield Finding("keyring", "ok", found or "none that works here; passwords can be kept in other ways")


def _logout(context: Context) -> Iterator[Finding]:
    """systemd may end what a user left running when they log out."""
    del context
    found = log_out(owner())
    if found is None:
        yield Finding("log-out", "ok", "no systemd: what runs in the background goes on")
    elif found.harmless:
        why = "you linger (loginctl enable-linger)" if found.lingers else "KillUserProcesses doesn't apply"
        yield Finding("log-out", "ok", f"what runs in the background goes on: {why}")
    else:
        where = f" in {found.source}" if found.source else ""
        yield Finding(
            "log-out",
            "warn",
            f"systemd ends your processes when you log out (KillUserProcesses=yes{where}): exports too.",
            "loginctl enable-linger",
        )


def _space(context: Context) -> Iterator[Finding]:
    places = {"home": context.locations.home}
    if context.preferences.directory is not None and Path(context.preferences.directory).is_dir():
        places["exports"] = Path(context.preferences.directory)
    if context.preferences.spool is not None and Path(context.preferences.spool).is_dir():
        places["spool"] = Path(context.preferences.spool)
    for name, place in places.items():
        free = shutil.disk_usage(place).free
        level = "fail" if free < NO_SPACE else "warn" if free < LITTLE_SPACE else "ok"
        advice = "" if level == "ok" else "Make room."
        yield Finding(f"space of {name}", level, f"{size(free)} free at {place}", advice)


def _terminal(context: Context) -> Iterator[Finding]:
    del context
    term = os.environ.get("TERM", "")
    colours = os.environ.get("COLORTERM") or ("256" if "256color" in term else "16 or fewer")
    if "NO_COLOR" in os.environ:
        colours = "off (NO_COLOR)"
    encoding = locale.getencoding()
    detail = f"TERM={term or 'not set'}, colours {colours}, {encoding}"
    if encoding.upper().replace("-", "") != "UTF8":
        yield Finding(
            "terminal", "warn", f"{detail}: not every name can be shown.", "Set LANG to a UTF-8 locale."
        )
    else:
        yield Finding("terminal", "ok", detail)


def _drivers(context: Context) -> Iterator[Finding]:
    del context
    for mode in Mode.names():
        name = f"connector {mode}"
        try:
            source_class(mode)
        except OfframpError as error:
            yield Finding(name, "fail", error.message, error.hint)
            continue
        package = DRIVERS.get(mode)
        detail = f"{package} {importlib.metadata.version(package)}" if package else "Python's own driver"
        detail = "another distribution's" if package is None else detail
        yield Finding(name, "ok", detail)


def _clients(context: Context) -> Iterator[Finding]:
    """Offramp needs none of them; SQL output is loaded with them."""
    del context
    found = [f"{name} ({path})" for name in CLIENTS if (path := shutil.which(name))]
    yield Finding("clients", "ok", ", ".join(found) or "none here; they are only needed to load SQL output")

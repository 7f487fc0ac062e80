"""A line of the user's crontab, for machines without a user manager of systemd.

Its form is that of crontab(5): `@reboot` and a command for /bin/sh, in which `%` must be escaped. Nothing
starts it again should it fail; looking at tasks (`offramp ls`) does.
"""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

from core.errors import Conflict, OfframpError
from core.locations import HOME_VARIABLE, Locations
from core.service.boot.way import Found, Way, ask, command, suffix

DAEMONS = ("cron", "crond", "fcron", "cronie", "busybox", "systemd-cron")


class Crontab(Way):
    name = "crontab"
    place = "your crontab"

    def __init__(self, locations: Locations) -> None:
        self._locations = locations
        self._mark = f"# offramp service{suffix(locations)}"

    @staticmethod
    def usable() -> bool:
        return shutil.which("crontab") is not None

    def wanted(self) -> str:
        words, log = command(), str(self._locations.engine_log)
        home = str(self._locations.home)
        for path in (words[0], home):
            # Vixie cron takes `\%` for `%`, and can't be told of a line break.
            if not path.isprintable():
                raise Conflict(
                    f"Path {path!r} can't stand in a crontab.", "Use a directory with another name."
                )
        line = (
            f"umask 077; {HOME_VARIABLE}={shlex.quote(home)} exec {shlex.join(words)} "
            f">>{shlex.quote(log)} 2>&1 {self._mark}"
        )
        return f"@reboot {line.replace('%', chr(92) + '%')}\n"

    def look(self) -> Found:
        if not self.usable():
            return Found(None, enabled=False, active=None, notes=("There is no crontab here.",))
        lines = [line for line in self._lines() if self._is_ours(line)]
        if not lines:
            return Found(None, enabled=False, active=None)
        enabled = any(not line.lstrip().startswith("#") for line in lines)
        notes = [] if enabled else ["Its line is commented out."]
        if running_daemon() is False:
            notes.append("No cron daemon runs on this machine: nobody reads the crontab.")
        return Found("".join(f"{line}\n" for line in lines), enabled=enabled, active=None, notes=tuple(notes))

    def put(self, text: str) -> None:
        before = self._lines()
        others = [line for line in before if not self._is_ours(line)]
        after = [*others, *text.splitlines()]
        if after != before:
            self._write(after)

    def take_away(self) -> None:
        others = [line for line in self._lines() if not self._is_ours(line)]
        if others:
            self._write(others)
        else:
            _crontab("-r")

    def _is_ours(self, line: str) -> bool:
        return line.rstrip().endswith(self._mark)

    def _lines(self) -> list[str]:
        code, text, said = ask(("crontab", "-l"), environment={**os.environ, "LC_ALL": "C"})
        if code == 0:
            return text.splitlines()
        if "no crontab" in said.lower():
            return []
        raise OfframpError(
            f"crontab -l failed: {said or f'status {code}'}", "You may not be allowed to use it."
        )

    @staticmethod
    def _write(lines: list[str]) -> None:
        _crontab("-", stdin="".join(f"{line}\n" for line in lines))


def running_daemon() -> bool | None:
    """Whether a cron daemon runs, None where the system doesn't tell."""
    names = Path("/proc").glob("[0-9]*/comm")
    seen = False
    for name in names:
        try:
            seen = True
            if name.read_text().strip() in DAEMONS:
                return True
        except OSError:
            continue  # it has ended meanwhile
    return False if seen else None


def _crontab(*words: str, stdin: str | None = None) -> None:
    code, _, said = ask(("crontab", *words), stdin=stdin)
    if code:
        raise OfframpError(f"crontab {words[0]} failed: {said or f'status {code}'}")

"""A unit of systemd's user manager.

The form of unit files is that of systemd.syntax(7), systemd.unit(5), systemd.service(5) and systemd.exec(5).
A user's manager runs while the user is logged in, and from boot on where they linger (loginctl(1)).
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from core.errors import Conflict, NotWritable, OfframpError
from core.locations import HOME_VARIABLE, PRIVATE_DIRECTORY, Locations
from core.owner import owner
from core.service.boot.way import Found, Way, ask, command, sealed, suffix

LINGER = Path("/var/lib/systemd/linger")

# KillMode: the workers are left running when the engine ends, is restarted or removed; the next one adopts
# them. OOMPolicy: the kernel killing one worker is no reason to end the others.
# The last lines keep what the engine and password commands do from growing; none of them touches files.
UNIT = """\
[Unit]
Description=Offramp: runs the queued and scheduled database exports of {described}
StartLimitIntervalSec=600
StartLimitBurst=5

[Service]
Type=exec
ExecStart=:{command}
Environment={home}
Restart=on-failure
RestartSec=5
KillMode=process
TimeoutStopSec=30
OOMPolicy=continue
UMask=0077
LimitCORE=0
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
SystemCallArchitectures=native

[Install]
WantedBy=default.target
"""


class Systemd(Way):
    """Raises nothing when made; `usable` says whether a user manager answers."""

    name = "systemd"

    def __init__(self, locations: Locations) -> None:
        self._locations = locations
        self.unit = f"offramp{suffix(locations)}.service"
        self.path = units() / self.unit
        self.place = str(self.path)

    @staticmethod
    def usable() -> bool:
        if shutil.which("systemctl") is None or not Path("/run/systemd/system").is_dir():
            return False
        try:
            return _systemctl("show", "--property=Version")[0] == 0
        except OfframpError:
            return False

    def wanted(self) -> str:
        home = str(self._locations.home)
        words = command()
        for path in (home, words[0]):
            if not path.isprintable():
                raise Conflict(
                    f"Path {path!r} can't stand in a unit of systemd.", "Use a directory with another name."
                )
        return sealed(
            UNIT.format(
                described=home.replace("%", "%%"),
                command=" ".join(map(quoted, words)),
                home=quoted(f"{HOME_VARIABLE}={home}"),
            )
        )

    def look(self) -> Found:
        text = self._read()
        if text is None:
            return Found(None, enabled=False, active=None)
        enabled = is_wanted(self.path)
        active = None
        notes = []
        if self.usable():
            code, said, _ = _systemctl("is-active", self.unit)
            active = code == 0
            if said.strip() == "failed":
                notes.append(f"It has failed: journalctl --user -u {self.unit}")
        else:
            notes.append("No user manager of systemd answers here: log in anew, without su or sudo.")
        if not enabled:
            notes.append(f"It isn't enabled: systemctl --user enable {self.unit}")
        if not lingers():
            notes.append(
                "It runs only while you are logged in, and systemd ends its tasks when you log out. To have "
                "it run from boot on: loginctl enable-linger"
            )
        if self.path.with_name(f"{self.unit}.d").is_dir():
            notes.append(f"Settings are added to it in {self.path}.d; they are left as they are.")
        return Found(text, enabled=enabled, active=active, notes=tuple(notes))

    def put(self, text: str) -> None:
        changed = self._read() != text
        if changed:
            self._write(text)
            self._control("daemon-reload")
        self._control("enable", self.unit)
        self._control("restart" if changed else "start", self.unit)

    def take_away(self) -> None:
        self._control("disable", "--now", self.unit)
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise NotWritable(f"{self.place!r} can't be removed: {error.strerror}.") from None
        self._control("daemon-reload")

    def _control(self, *words: str) -> None:
        code, _, said = _systemctl(*words)
        if code:
            raise OfframpError(
                f"systemctl --user {' '.join(words)} failed: {said or f'status {code}'}",
                f"See: systemctl --user status {self.unit}",
            )

    def _read(self) -> str | None:
        if self.path.is_symlink():
            raise Conflict(
                f"{self.place!r} is a symbolic link to {str(self.path.readlink())!r}: it is masked, or kept "
                "by another program.",
                "Remove the link first, or leave the service to whoever made it.",
            )
        try:
            return self.path.read_text(errors="replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OfframpError(f"{self.place!r} can't be read: {error.strerror}.") from None

    def _write(self, text: str) -> None:
        """At once and durably: a crash leaves the old unit or the new one."""
        try:
            self.path.parent.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", dir=self.path.parent, prefix=f".{self.unit}.", delete=False, encoding="utf-8"
            ) as file:
                try:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                    os.replace(file.name, self.path)  # noqa: PTH105 - a name, no Path
                except OSError:
                    os.unlink(file.name)  # noqa: PTH108
                    raise
        except OSError as error:
            raise NotWritable(f"{self.place!r} can't be written: {error.strerror}.") from None


def units() -> Path:
    """Where a user's own units are."""
    named = os.environ.get("XDG_CONFIG_HOME")
    base = Path(named) if named and Path(named).is_absolute() else Path.home() / ".config"
    return base / "systemd" / "user"


def is_wanted(unit: Path) -> bool:
    """Whether the unit is there and started with the user manager, as far as files tell."""
    return unit.is_file() and (unit.parent / "default.target.wants" / unit.name).is_symlink()


def lingers() -> bool:
    """Whether the user's manager runs from boot on."""
    return (LINGER / owner()).exists()


def quoted(word: str) -> str:
    """A printable word as an argument or an assignment of a unit: systemd.syntax(7), "Quoting", with the
    sign of specifiers doubled."""
    escaped = re.sub(r'["\\]', r"\\\g<0>", word).replace("%", "%%")
    return f'"{escaped}"'


def _systemctl(*words: str) -> tuple[int, str, str]:
    environment = {**os.environ, "LC_ALL": "C"}
    # After su the variable is missing, or still another user's.
    runtime = Path(f"/run/user/{os.geteuid()}")
    if "XDG_RUNTIME_DIR" not in environment and runtime.is_dir():
        environment["XDG_RUNTIME_DIR"] = str(runtime)
    return ask(("systemctl", "--user", *words), environment=environment)

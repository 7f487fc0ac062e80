"""What the ways to start after a reboot have in common."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import OfframpError
from core.locations import Locations

SECONDS = 60.0
MODULE = "tui.cli.main"


@dataclass(frozen=True, slots=True)
class Found:
    """How a way stands. `text` is what is there now, None where nothing is; `enabled` whether it will start
    the engine, `active` whether it runs one now (None where the way doesn't tell); `notes` what else is to be
    known or done."""

    text: str | None
    enabled: bool
    active: bool | None
    notes: tuple[str, ...] = ()


class Way(ABC):
    """One way. `name` is what people call it, `place` where it keeps what it starts."""

    name: str
    place: str

    @abstractmethod
    def wanted(self) -> str:
        """What ought to be there, ending in a line break. Raises Conflict for paths that can't be put."""

    @abstractmethod
    def look(self) -> Found:
        """How it stands now. Raises OfframpError where that can't be found out."""

    @abstractmethod
    def put(self, text: str) -> None:
        """Make it so, and start it; does no harm where it is so already. Raises OfframpError."""

    @abstractmethod
    def take_away(self) -> None:
        """Stop it and remove it. Raises OfframpError."""


def is_edited(text: str) -> bool:
    """Whether somebody has changed what `sealed` made."""
    first, _, body = text.partition("\n")
    return first != _seal(body)


def sealed(body: str) -> str:
    """`body` below a line that tells later whether it was changed."""
    return f"{_seal(body)}\n{body}"


def _seal(body: str) -> str:
    return f"# Made by: offramp service install ({checksum(body)})"


def checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def command() -> tuple[str, ...]:
    """The engine's command line, by absolute path."""
    return (sys.executable, "-P", "-m", MODULE, "--headless")


def suffix(locations: Locations) -> str:
    """What tells the services of several homes apart: nothing for the platform's own place."""
    import platformdirs  # noqa: PLC0415 - not needed where OFFRAMP_HOME is set and nobody asks

    usual = platformdirs.user_data_path("offramp", appauthor=False)
    return "" if locations.home == usual else f"-{checksum(str(locations.home))[:8]}"


def ask(
    words: Sequence[str], *, stdin: str | None = None, environment: dict[str, str] | None = None
) -> tuple[int, str, str]:
    """Run a program of the system: its exit status, and what it printed on both streams. Raises OfframpError
    where it can't be run or doesn't end."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed words and paths of our own
            words,
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=SECONDS,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        why = error.strerror if isinstance(error, OSError) else f"it didn't end within {SECONDS:g} s"
        raise OfframpError(f"{words[0]} can't be run: {why}.") from None
    return done.returncode, done.stdout, done.stderr.strip()

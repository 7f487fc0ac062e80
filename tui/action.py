"""What an action is, and where it works. The registry is `tui.actions`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Place(StrEnum):
    """Where an action works. `ANY`: on every screen that isn't a dialog; `LIST`: in every list."""

    ANY = "everywhere"
    LIST = "lists"
    TASKS = "tasks"
    TASK = "task details"
    EXPORTS = "exports"
    EXPORT = "saved export"
    CONNECTIONS = "connections"
    OBJECTS = "objects of a connection"
    LOGS = "logs"
    WIZARD = "new export"
    QUICK = "quick export"


def always(subject: Any) -> str:
    del subject
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """`label` is one or two words; `help` one sentence; `rank` orders the footer, the lowest first (99: not
    in the footer); `writes`: changes something, so not with --read-only; `destructive`: asks before it does
    anything; `several`: takes all marked things at once. `bound`: Textual's own name of the action where a
    widget handles it by itself, else the screen's `do_…` method does."""

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    places: tuple[Place, ...]
    applies: Callable[[Any], str] = always
    rank: int = 50
    writes: bool = False
    destructive: bool = False
    several: bool = False
    bound: str = ""

    @property
    def method(self) -> str:
        return f"do_{self.id.replace('.', '_')}"

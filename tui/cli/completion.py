"""Shell completion, by argcomplete: the shell calls `offramp` again and reads what could come next."""

from __future__ import annotations

import argparse
from typing import Any

import argcomplete
import argcomplete.shell_integration

from core.errors import OfframpError
from core.service import Service
from tui.plain import plain


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer the shell and leave the program."""
    for leaf in _leaves(parser):
        _equip(leaf)
    argcomplete.autocomplete(parser, always_complete_options=False)


def script(shell: str) -> str:
    """What the shell must evaluate once."""
    return str(argcomplete.shell_integration.shellcode(["offramp"], shell=shell))


def _leaves(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    found = [parser]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                found += _leaves(inner)
    return found


def _equip(parser: argparse.ArgumentParser) -> None:
    """Names that the store knows, for the arguments that take them."""
    command = parser.prog.split()[1:]
    for action in parser._actions:
        completer: Any = None
        if action.dest == "connection" or (command[:1] == ["connection"] and action.dest == "name"):
            completer = _connections
        elif action.dest == "name" and command[:1] in (["run"], ["export"]) and not action.option_strings:
            completer = _exports
        elif action.dest in ("id", "ids", "what"):
            completer = _tasks
        if completer is not None:
            action.completer = completer  # type: ignore[attr-defined]


def _connections(**_: object) -> list[str]:
    try:
        with Service() as service:
            return [plain(connection.name) for connection in service.connections.list()]
    except OfframpError:
        return []


def _exports(**_: object) -> list[str]:
    try:
        with Service() as service:
            return [plain(export.name) for export in service.exports.list()]
    except OfframpError:
        return []


def _tasks(**_: object) -> dict[str, str]:
    try:
        with Service() as service:
            return {str(task.id): plain(f"{task.status}: {task.name}") for task in service.tasks.list()}
    except OfframpError:
        return {}

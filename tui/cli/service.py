"""`service`: what starts the engine after a reboot."""

from __future__ import annotations

import argparse
from typing import Any

from core.errors import Conflict
from core.service import Service
from core.service.boot import State
from tui.cli.output import Output


def service(args: argparse.Namespace, out: Output) -> int:
    with Service() as found:
        if args.action == "install":
            state = _install(found, args, out)
        elif args.action == "remove":
            state = _remove(found, args, out)
        else:
            state = found.boot.state(args.way)
            if args.json:
                out.json({"service": _tree(state)})
            elif args.action == "show":
                out.text(state.wanted)
            if not args.json:
                _describe(state, out)
            return 0
    if args.json:
        out.json({"service": _tree(state)})
    return 0


def _install(found: Service, args: argparse.Namespace, out: Output) -> State:
    before = found.boot.state(args.way)
    if before.installed and not before.current:
        for line in before.difference().splitlines():
            out.say(line)
    if before.edited and not before.current and not args.yes:
        _agree(out, f"{before.place} was changed by hand. Overwrite it?")
    change = found.boot.install(before.way, overwrite=True)
    out.say(f"{'Installed in' if change.made else 'As it should be:'} {change.state.place}.")
    _notes(change.state, out)
    return change.state


def _remove(found: Service, args: argparse.Namespace, out: Output) -> State:
    before = found.boot.state(args.way)
    if before.installed and before.edited and not args.yes:
        _agree(out, f"{before.place} was changed by hand. Remove it?")
    change = found.boot.remove(before.way, overwrite=True)
    if not change.made:
        out.say("No service is installed.")
    else:
        out.say(f"Removed from {change.state.place}.")
        # Its engine is gone with it; what waits or runs must not stand still.
        if found.tasks.look_after():
            out.say("Tasks that are not done go on in the background, until the next reboot.")
    return change.state


def _agree(out: Output, question: str) -> None:
    if not out.confirm(question, instead="Say so with --yes."):
        raise Conflict("Nothing was changed.")


def _describe(state: State, out: Output) -> None:
    if not state.installed:
        out.say(f"Not installed. To install it in {state.place}: offramp service install")
        return
    known = {None: "", True: ", runs", False: ", doesn't run now"}[state.active]
    out.say(f"Installed in {state.place}{'' if state.enabled else ', not enabled'}{known}.")
    if not state.current:
        how = "It was changed by hand" if state.edited else "Another installation of Offramp made it"
        out.say(f"{how}. Show the difference and renew it: offramp service install")
    _notes(state, out)


def _notes(state: State, out: Output) -> None:
    if state.installed:
        for note in state.notes:
            out.warn(note)


def _tree(state: State) -> dict[str, Any]:
    return {
        "way": state.way,
        "place": state.place,
        "installed": state.installed,
        "current": state.current,
        "edited": state.edited,
        "enabled": state.enabled,
        "active": state.active,
        "text": state.wanted,
        "notes": list(state.notes),
    }

"""`offramp store`: the store as a file, and the question where a host keeps it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from core.errors import StoreOnNetwork, UsageError
from core.model.trees import utc_text
from core.service import Service, words
from tui.cli.output import Output
from tui.cli.paths import absolute
from tui.plain import plain


def show(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        found = service.upkeep.show()
    if args.json:
        backups = [{"path": str(b.path), "made": utc_text(b.made), "bytes": b.bytes} for b in found.backups]
        origin = str(found.origin) if found.origin else None
        tree = {"path": str(found.path), "bytes": found.bytes, "file_system": found.kind, "origin": origin}
        out.json({"store": {**tree, "backups": backups}})
        return 0
    out.fields(
        [
            ("Store", str(found.path)),
            ("Size", words.size(found.bytes) if found.bytes is not None else "there is none"),
            ("File system", found.kind or ""),
            ("Stands for", str(found.origin) if found.origin else ""),
            ("Backups", "" if found.backups else "none"),
        ]
    )
    for backup in found.backups:
        out.data(f"  {utc_text(backup.made)}  {words.size(backup.bytes)}  {backup.path}")
    return 0


def check(args: argparse.Namespace, out: Output) -> int:
    del args
    with Service() as service:
        service.upkeep.check()
    out.say("The store is sound.")
    return 0


def backup(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        out.data(str(service.upkeep.back_up(absolute(args.to) if args.to else None)))
    return 0


def restore(args: argparse.Namespace, out: Output) -> int:
    if args.empty and args.file:
        raise UsageError("--empty goes without a backup's name.", "See: offramp store restore --help")
    what = "an empty store" if args.empty else args.file or "its newest backup"
    with Service() as service:
        path = service.upkeep.show().path
        question = f"Put {what} in the place of {path}? What is there now is kept under another name."
        if not args.yes and not out.confirm(question, instead="Add --yes."):
            out.warn("Nothing was changed.")
            return 2
        taken, aside = service.upkeep.restore(absolute(args.file) if args.file else None, empty=args.empty)
    out.say(f"{path} is {'empty' if taken is None else f'as in {taken}'} now.")
    if aside is not None:
        out.say(f"What was there is {aside}.")
    return 0


def move(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        _move(service, absolute(args.directory), out)
    return 0


def _move(service: Service, directory: Path, out: Output) -> None:
    moved = service.upkeep.move(directory)
    out.say(f"On this host Offramp keeps its files in {moved.home} from now on, instead of {moved.origin}.")


def offer(error: StoreOnNetwork, out: Output) -> bool:
    """The home is on a network file system: ask for a local directory, and move there. False where nobody
    can be asked or nothing was chosen."""
    if not out.asks:
        return False
    with Service() as service:
        proposed = service.upkeep.proposal()
        out.warn(error.message)
        default = f" (Enter: {proposed})" if proposed else ""
        print(
            plain(f"A local directory for Offramp's own files on this host{default}, or n for none: "),
            end="",
            file=sys.stderr,
            flush=True,
        )
        line = sys.stdin.readline()
        answer = line.strip()
        if not line or answer.lower() in ("n", "no") or not (answer or proposed):
            return False
        _move(service, absolute(answer) if answer else proposed or Path(), out)
    return True

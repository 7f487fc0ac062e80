"""`destination add | edit | list | show | test | remove`."""

from __future__ import annotations

import argparse
from pathlib import Path

from msgspec.structs import replace

from core.errors import UsageError
from core.model.cluster import words_of
from core.model.convert import definitions_to_toml
from core.model.destination import PATHS, Destination, is_local
from core.model.secret import SecretRef
from core.model.trees import to_tree
from core.service import Service
from core.service.passwords import NewPassword
from core.service.saved import SavedDestination
from tui.cli import engine_options, passwords, trials
from tui.cli.output import Output
from tui.cli.paths import absolute


def add(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        more = engine_options.given(args)
        made = Destination(name=args.name, url=_url(args.url), options=_options(args.option), **more)
        kept = service.destinations.add(made, _password(args, out, service))
    _say(args, out, kept)
    return 0


def edit(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        old = service.destinations.get(args.name)
        gone = set(args.unset or ())
        for key in sorted(gone - old.options.keys()):
            raise UsageError(
                f"Destination {args.name!r} has no option {key!r}.",
                f"It has: {', '.join(old.options) or 'none'}.",
            )
        left = {key: value for key, value in old.options.items() if key not in gone}
        made = replace(
            old,
            url=_url(args.url) if args.url is not None else old.url,
            options={**left, **_options(args.option)},
            secret=None,
            **engine_options.given(args),
        )
        password = _password(args, out, service)
        if password is not None and args.no_password:
            raise UsageError("A password and --no-password were given.", "Use one of them.")
        kept = service.destinations.replace(made, password, keep_password=not args.no_password)
    _say(args, out, kept)
    return 0


def _url(text: str) -> str:
    """A URL, or a local directory from here."""
    return text if "://" in text else str(absolute(text))


def _options(given: list[str] | None) -> dict[str, str]:
    found = {}
    for text in given or ():
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise UsageError(f"{text!r} is no option.", "Write --option KEY=VALUE.")
        key = key.replace("-", "_")
        found[key] = str(absolute(str(Path(value).expanduser()))) if key in PATHS else value
    return found


def _password(args: argparse.Namespace, out: Output, service: Service) -> NewPassword | SecretRef | None:
    return passwords.kept(args, out, f"destination {args.name}", service.destinations.keyring_reference)


def _say(args: argparse.Namespace, out: Output, kept: Destination) -> None:
    if args.json:
        out.json({"destination": to_tree(kept)})
    else:
        out.say(f"Destination {kept.name} leads to {kept.url}.")
        out.say(f"Try it: offramp destination test {kept.name}. Use it: --to {kept.name}")


def list_(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        found = service.destinations.all()
    if args.json:
        out.json({"destinations": [_tree(item) for item in found]})
    elif found:
        rows = [
            (item.destination.name, item.destination.url, _test(item) or "never", ", ".join(item.exports))
            for item in found
        ]
        out.table(("NAME", "URL", "LAST TEST", "EXPORTS"), rows)
    else:
        out.say("No destination yet. Add one: offramp destination add --help")
    return 0


def _tree(item: SavedDestination) -> dict[str, object]:
    return {
        **to_tree(item.destination),
        "last_test": item.last_test,
        "exports": list(item.exports),
        "open_tasks": list(item.tasks),
    }


def _test(item: SavedDestination) -> str:
    test = item.last_test
    return f"{'well' if test['ok'] else 'failed'}, {test['when']}" if test else ""


def show(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        item = service.destinations.show(args.name)
    if args.toml:
        out.text(definitions_to_toml(destinations=[item.destination]))
    elif args.json:
        out.json({"destination": _tree(item)})
    else:
        local = is_local(item.destination.url)
        out.fields(
            [
                ("destination", item.destination.name),
                ("url", item.destination.url),
                *((key, value) for key, value in item.destination.options.items()),
                ("password", "" if local else item.password),
                ("parts read by", words_of(item.destination.engine, item.destination.dask_scheduler)),
                ("last test", _test(item) or "never"),
                ("exports", ", ".join(item.exports)),
                ("open tasks", ", ".join(map(str, item.tasks))),
            ]
        )
    return 0


def test(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        return trials.tell(service.destinations.test(args.name), args, out, "destination")


def remove(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        service.destinations.remove(args.name)
    out.say(f"Destination {args.name} is forgotten. The files there stay.")
    return 0

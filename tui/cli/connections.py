"""`connection add | list | show | test | remove`, and `objects`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from core.errors import InvalidValue, NotFound, UsageError
from core.model.cluster import words_of
from core.model.connection import Connection
from core.model.convert import definitions_to_toml
from core.model.oracle import OracleSettings
from core.model.secret import SecretRef
from core.model.settings import SysAccount
from core.model.spelling import suggestion
from core.model.trees import to_tree
from core.model.urls import DEFAULT_PORTS, connection_from_url, sqlite_path, tls_settings
from core.model.vocabulary import Mode, ObjectType
from core.service import Service, words
from core.service.passwords import NewPassword
from tui.cli import engine_options, forms, passwords, trials
from tui.cli.output import Output
from tui.cli.paths import absolute

FIELDS = (
    *("host", "port", "user", "database", "schema"),
    *("connect_timeout", "read_timeout", "task_limit", "session_limit"),
)


def add(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        given = _given(args)
        usual = service.preferences.connect_timeout
        if args.url is not None:
            if args.mode is not None:
                raise UsageError("A URL and --mode were given: the URL says the mode.", "Use one of them.")
            connection = connection_from_url(args.name, args.url, Path.cwd(), usual_timeout=usual, **given)
        else:
            connection = _from_options(args, {"connect_timeout": usual, **given})
        if connection.mode is Mode.SQLITE and not Path(connection.path or "").is_file():
            raise NotFound(
                f"There is no file {connection.path!r}.",
                "Give its path: sqlite:///relative or sqlite:////absolute.",
            )
        password = _password(args, out, service)
        if connection.mode is Mode.SQLITE and password is not None:
            raise UsageError("SQLite knows no passwords.", "Leave the password options out.")
        if args.replace:
            made = service.connections.replace(connection, password)
        else:
            made = service.connections.add(connection, password)
    if args.json:
        out.json({"connection": forms.connection_tree(made)})
    else:
        out.say(f"Connection {made.name} leads to {made.mode.label} at {made.place}.")
        out.say(f"Try it: offramp connection test {made.name}")
    return 0


def _given(args: argparse.Namespace) -> dict[str, Any]:
    """The fields that options name."""
    fields = {name: value for name in FIELDS if (value := getattr(args, name)) is not None}
    fields |= engine_options.given(args)
    here = Path.cwd()
    if args.unix_socket is not None:
        fields["unix_socket"] = str(absolute(args.unix_socket))
    tls = {name: getattr(args, f"tls_{name}") for name in ("ca", "cert", "key")}
    files = {name: str(absolute(path)) for name, path in tls.items() if path is not None}
    if args.tls is not None or files:
        fields["tls"] = tls_settings(mode=args.tls, **files)
    if args.path is not None:
        fields["path"] = str(sqlite_path(args.path, here))
    oracle = {
        name: str(absolute(value)) if name in OracleSettings.PATHS else value
        for name in OracleSettings.__struct_fields__
        if (value := getattr(args, name)) is not None
    }
    if oracle:
        fields["oracle"] = OracleSettings(**oracle)
    return fields


def _from_options(args: argparse.Namespace, fields: dict[str, Any]) -> Connection:
    if args.mode is None:
        raise UsageError(
            "Neither a URL nor --mode says where the connection leads.", "See: offramp connection add --help"
        )
    if not Mode.known(args.mode.lower()):
        raise InvalidValue(f"{args.mode!r} is no mode.", suggestion(args.mode, Mode.names()))
    mode = Mode(args.mode.lower())
    named = mode is Mode.ORACLE and "host" not in fields
    if mode in DEFAULT_PORTS and "unix_socket" not in fields and not named:
        fields.setdefault("port", DEFAULT_PORTS[mode])
    # PostgreSQL's sockets have the port in their names.
    beside = {"host"} if mode is Mode.POSTGRESQL else {"host", "port"}
    if "unix_socket" in fields and beside & fields.keys():
        raise UsageError("Both a host and a unix socket were given.", "Use one of them.")
    return Connection(name=args.name, mode=mode, **fields)


def _password(args: argparse.Namespace, out: Output, service: Service) -> NewPassword | SecretRef | None:
    return passwords.kept(args, out, f"connection {args.name}", service.connections.keyring_reference)


def list_(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        found = service.connections.list()
    if args.json:
        out.json({"connections": [forms.connection_tree(connection) for connection in found]})
    elif found:
        rows = [(c.name, c.mode.label, c.place, c.user or "", c.database or "") for c in found]
        out.table(("NAME", "MODE", "PLACE", "USER", "DATABASE"), rows)
    else:
        out.say("No connection yet. Add one: offramp connection add --help")
    return 0


def show(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        details = service.connections.show(args.name)
    connection = details.connection
    if args.toml:
        out.text(definitions_to_toml([connection]))
        return 0
    if args.json:
        tree = forms.connection_tree(connection)
        tree |= {
            "last_test": details.last_test,
            "exports": list(details.exports),
            "open_tasks": list(details.tasks),
        }
        out.json({"connection": tree})
        return 0
    test = details.last_test
    out.fields(
        [
            ("connection", connection.name),
            ("mode", connection.mode.label),
            ("place", connection.place),
            ("user", connection.user or ""),
            ("database", connection.database or ""),
            ("schema", connection.schema or ""),
            *((name.replace("_", " "), value) for name, value in to_tree(connection.oracle).items()),
            ("password", details.password if connection.mode is not Mode.SQLITE else ""),
            ("tls", _tls(connection) if connection.mode is not Mode.SQLITE else ""),
            ("timeouts", f"connect {connection.connect_timeout} s, silence {connection.read_timeout} s"),
            ("at once", words.limits(connection)),
            ("parts read by", words_of(connection.engine, connection.dask_scheduler)),
            ("last test", f"{'well' if test['ok'] else 'failed'}, {test['when']}" if test else "never"),
            ("exports", ", ".join(details.exports)),
            ("open tasks", ", ".join(map(str, details.tasks))),
        ]
    )
    return 0


def _tls(connection: Connection) -> str:
    tls = connection.tls
    return ", ".join(
        filter(None, (tls.mode, tls.ca and f"CA {tls.ca}", tls.cert and f"certificate {tls.cert}"))
    )


def test(args: argparse.Namespace, out: Output) -> int:
    account = SysAccount(account=args.sys_account) if args.sys_account else None
    password = passwords.given(args, out, prefix="sys-", whose="the sys account")
    if account is not None and password is not None and not isinstance(password, str):
        account = msgspec.structs.replace(account, secret=password)
    typed = password if isinstance(password, str) else None
    with Service() as service:
        steps = service.connections.test(args.name, account, typed)
        return trials.tell(steps, args, out, "connection")


def remove(args: argparse.Namespace, out: Output) -> int:
    with Service() as service:
        service.connections.remove(args.name)
    out.say(f"Connection {args.name} is forgotten.")
    return 0


def objects(args: argparse.Namespace, out: Output) -> int:
    types = [_type(text) for text in args.type] if args.type else None
    with Service() as service:
        listing = service.connections.objects(args.connection, args.database, types, args.search)
    if args.json:
        found = [
            {
                "type": item.ref.type.value,
                "name": item.ref.name,
                "rows": item.rows,
                "bytes": item.bytes,
                "comment": item.comment,
                "note": item.note,
            }
            for item in listing.objects
        ]
        out.json({"connection": args.connection, "database": listing.database, "objects": found})
    elif listing.objects:
        rows = [
            (
                item.ref.type.value,
                item.ref.name,
                f"~{item.rows:,}" if item.rows is not None else "",
                words.size(item.bytes) if item.bytes is not None else "",
                " ".join(filter(None, (item.comment, item.note))),
            )
            for item in listing.objects
        ]
        out.table(("TYPE", "NAME", "ROWS", "SIZE", "COMMENT"), rows, right=(2, 3))
    else:
        out.say(f"Nothing like that in database {listing.database}.")
    return 0


def _type(text: str) -> ObjectType:
    kind = text.upper().replace(" ", "_")
    if kind not in ObjectType.__members__:
        raise InvalidValue(f"{text!r} is no type of object.", suggestion(text, ObjectType))
    return ObjectType[kind]

"""The fields of a connection's form: what they want, their rules, and what is made of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import msgspec

from core.errors import InvalidValue
from core.model.connection import Connection, TlsSettings
from core.model.oracle import OracleSettings
from core.model.secret import CommandSecret, EnvironmentSecret, FileSecret, KeyringSecret, SecretRef
from core.model.urls import DEFAULT_PORTS, sqlite_path
from core.model.vocabulary import Mode
from core.service.passwords import NewPassword
from tui.screens.engine_fields import ENGINE_FIELDS, ENGINE_IDS, engine_of, engine_start, engine_wrong
from tui.widgets.form import Field

KEEP, NONE, TYPED, KEYRING, VARIABLE, COMMAND = "keep", "none", "typed", "keyring", "env", "command"
NETWORK, SOCKET = "network", "socket"
# How an Oracle database is named.
SERVICE, SID, TNS = "service", "sid", "tns"
NUMBERS = ("port", "connect_timeout", "read_timeout", "task_limit", "session_limit")
MAY_BE_EMPTY = ("port", "task_limit", "session_limit")
PASSWORDS = (
    (TYPED, "typed"),
    (VARIABLE, "variable"),
    (COMMAND, "command"),
    (KEYRING, "keyring"),
    (NONE, "none"),
)

PASSWORD_FIELDS = (
    Field(id="typed", label="Password text", help="It is never shown again.", secret=True),
    Field(
        id="variable",
        label="Variable",
        help="The environment variable, set where the engine runs.",
    ),
    Field(id="command", label="Command", help="The first line that this shell command prints."),
    Field(
        id="kept",
        label="For the keyring",
        help="Kept in this machine's keyring. Empty: the one that it holds for this name already.",
        secret=True,
    ),
)


def fields(*, edits: bool) -> tuple[Field, ...]:
    """In the form's order. Editing, the name stays and the password may."""
    passwords = ((KEEP, "as it is"), *PASSWORDS) if edits else PASSWORDS
    name = () if edits else (Field(id="name", label="Name", help="What lists and exports call it."),)
    return (
        *name,
        Field(
            id="mode",
            label="Database",
            help="The kind of database.",
            choices=tuple((name, Mode(name).label) for name in Mode.names()),
        ),
        Field(id="path", label="File", help="The path of the database file on this machine."),
        Field(
            id="way",
            label="Reached by",
            help="Over the network, or by a socket on this machine.",
            choices=((NETWORK, "network"), (SOCKET, "unix socket")),
        ),
        Field(
            id="named",
            label="Known by",
            help="A service's name, an instance's SID, or an alias of tnsnames.ora (or a descriptor).",
            choices=((SERVICE, "service name"), (SID, "SID"), (TNS, "TNS alias")),
        ),
        Field(id="service", label="Service", help="The service's name, as the listener knows it."),
        Field(id="sid", label="SID", help="The instance's identifier."),
        Field(id="tns", label="TNS alias", help="An alias of tnsnames.ora, or a whole connect descriptor."),
        Field(id="config_dir", label="TNS directory", help="Where tnsnames.ora is; empty: $TNS_ADMIN."),
        Field(id="host", label="Host", help="The server's name or address."),
        Field(
            id="port",
            label="Port",
            help="Empty for the usual: 3306, OceanBase 2881 (OBProxy: 2883), PostgreSQL 5432, Oracle 1521.",
        ),
        Field(
            id="unix_socket",
            label="Socket",
            help="The server's socket on this machine; PostgreSQL: its directory.",
        ),
        Field(
            id="user",
            label="User",
            help="The account. OceanBase: user@tenant, through OBProxy user@tenant#cluster.",
        ),
        Field(
            id="password",
            label="Password",
            help="typed: kept in a file that only you can read. variable, command: had anew at each connect.",
            choices=passwords,
        ),
        *PASSWORD_FIELDS,
        Field(
            id="database",
            label="Begin in",
            help="The database to begin in; may be empty, but PostgreSQL's connections are to one.",
        ),
        Field(id="schema", label="Schema", help="The schema to begin in; empty: the account's own."),
        Field(
            id="tls",
            label="TLS",
            help="prefer, require: encrypted, but whose certificate it is isn't checked.",
            choices=tuple((mode, mode) for mode in sorted(TlsSettings.MODES, key=lambda m: m != "prefer")),
        ),
        Field(id="ca", label="Authority", help="PEM file of who must have signed; empty: the system's own."),
        Field(id="cert", label="Own certificate", help="PEM file, where the server asks for one."),
        Field(id="key", label="Own key", help="PEM file of the key to that certificate."),
        Field(id="wallet", label="Wallet", help="Oracle: the directory of ewallet.pem; empty for none."),
        Field(
            id="wallet_password_env",
            label="Its password in",
            help="The environment variable with the wallet's password, set where the engine runs.",
        ),
        Field(
            id="thick",
            label="Client libraries",
            help="Oracle's own, to be used (thick mode): their directory. Empty: they aren't needed.",
        ),
        Field(id="connect_timeout", label="Connect within", help="Seconds until connecting is given up."),
        Field(id="read_timeout", label="Longest silence", help="Seconds without a row; 0 waits for ever."),
        Field(id="task_limit", label="Tasks at once", help="How many may read it at once; empty: no limit."),
        Field(
            id="session_limit",
            label="Sessions of each",
            help="How many a task may open at once, its own included; empty: no limit.",
        ),
        *ENGINE_FIELDS,
    )


def usual(field: str) -> Any:
    """What a connection has where nothing is said."""
    return next(item.default for item in msgspec.structs.fields(Connection) if item.name == field)


def start(connection: Connection | None, usual_timeout: int) -> dict[str, str]:
    """What stands in the form at first."""
    if connection is None:
        return {
            "mode": Mode.MYSQL.value,
            "connect_timeout": str(usual_timeout),
            "read_timeout": str(usual("read_timeout")),
        }
    texts = {
        name: str(value)
        for name in ("path", "host", "port", "unix_socket", "user", "database", "schema", *NUMBERS[1:])
        if (value := getattr(connection, name)) is not None
    }
    tls = connection.tls
    return texts | {
        "name": connection.name,
        "mode": connection.mode.value,
        "way": SOCKET if connection.unix_socket else NETWORK,
        "tls": tls.mode,
        "ca": tls.ca or "",
        "cert": tls.cert or "",
        "key": tls.key or "",
        **_oracle_start(connection),
        **_password_start(connection.secret),
        **engine_start(connection),
    }


def _oracle_start(connection: Connection) -> dict[str, str]:
    oracle = connection.oracle
    named = TNS if oracle.tns else SID if oracle.sid else SERVICE
    return {"named": named, "service": connection.database or ""} | {
        field: value for field, value in msgspec.structs.asdict(oracle).items() if value is not None
    }


def _password_start(secret: SecretRef | None) -> dict[str, str]:
    match secret:
        case EnvironmentSecret():
            return {"password": VARIABLE, "variable": secret.variable}
        case CommandSecret():
            return {"password": COMMAND, "command": secret.command}
        case FileSecret() | KeyringSecret():
            return {"password": KEEP}
        case None:
            return {"password": NONE}


def is_file(values: Mapping[str, str]) -> bool:
    """Whether it leads to a file: a kind that another distribution brings may, where a path is given."""
    mode = Mode(values["mode"])
    return mode is Mode.SQLITE or (mode.outside and bool(values["path"]))


def seen(values: Mapping[str, str]) -> set[str]:
    """Which fields count."""
    if is_file(values):
        return {"name", "mode", "path", "task_limit"}
    shown = {"name", "mode", "way", "user", "password", "database", "tls", *NUMBERS[1:]}
    shown |= ENGINE_IDS
    shown |= {"path"} if Mode(values["mode"]).outside else set()
    if values["mode"] == Mode.ORACLE:
        shown = shown - {"way", "database"} | _oracle_seen(values["named"])
    else:
        shown |= {"unix_socket"} if values["way"] == SOCKET else {"host", "port"}
    if values["mode"] == Mode.POSTGRESQL:
        shown |= {"schema", "port"}  # which is in the name of the socket too
    ways = {TYPED: "typed", VARIABLE: "variable", COMMAND: "command", KEYRING: "kept"}
    if values["password"] in ways:
        shown.add(ways[values["password"]])
    if values["tls"] not in ("off", "prefer"):
        shown |= {"ca", "cert", "key"}
    return shown


def _oracle_seen(named: str) -> set[str]:
    own = {TNS: {"tns", "config_dir"}, SID: {"host", "port", "sid"}, SERVICE: {"host", "port", "service"}}
    return {"named", "schema", "wallet", "wallet_password_env", "thick"} | own[named]


# Rules

# A connection that is right, to try each field in.
_RIGHT: dict[str, Any] = {"name": "x", "mode": Mode.MYSQL, "host": "x", "user": "x"}


def wrong(values: Mapping[str, str], taken: Collection[str] = ()) -> dict[str, str]:
    """What is wrong, by field: the model's own rules, tried field by field; and names that are taken."""
    found: dict[str, str] = {}
    name = values.get("name", "")
    if "name" in values:
        if name:
            _try(found, "name", name=name)
        else:
            found["name"] = "A name is needed."
        if name in taken:
            found["name"] = f"There is a connection {name} already."
    for field, needed in (
        ("path", "The path of a database file is needed."),
        ("host", "A host is needed."),
        ("unix_socket", "The path of a socket is needed."),
        ("user", "A user is needed."),
        ("variable", "The name of an environment variable is needed."),
        ("command", "A command is needed."),
        ("typed", "The password is needed; choose none where there is none."),
        ("service", "The service's name is needed."),
        ("sid", "A SID is needed."),
        ("tns", "An alias or a descriptor is needed."),
    ):
        if not values[field]:
            found[field] = needed
    if Mode(values["mode"]).outside:
        found.pop("path", None)
    if values["mode"] == Mode.POSTGRESQL and not values["database"]:
        found["database"] = "A database is needed: PostgreSQL's are apart."
    if variable := values["wallet_password_env"].strip():
        try:
            OracleSettings(wallet=values["wallet"].strip() or None, wallet_password_env=variable)
        except InvalidValue as error:
            found["wallet_password_env"] = str(error)
    _wrong_numbers(values, found)
    return found | engine_wrong(values)


def _wrong_numbers(values: Mapping[str, str], found: dict[str, str]) -> None:
    for field in NUMBERS:
        text = values[field].strip()
        if not text and field in MAY_BE_EMPTY:
            continue
        if not (text.isascii() and text.isdecimal()):
            found[field] = f"{text!r} is no whole number." if text else "A number of seconds is needed."
        else:
            _try(found, field, **{field: int(text)})


def _try(found: dict[str, str], field: str, **given: Any) -> None:
    try:
        Connection(**(_RIGHT | given))
    except InvalidValue as error:
        # The name of the connection that it was tried in says nothing here.
        text = error.message.removeprefix("Connection 'x': ")
        found[field] = f"{text[:1].upper()}{text[1:]} {error.hint}".strip()


# What is made of them


def connection_of(values: Mapping[str, str], name: str, here: Path) -> Connection:
    """Without its password. Relative paths count from `here`. Raises InvalidValue."""
    mode = Mode(values["mode"])
    if is_file(values):
        path = str(sqlite_path(values["path"], here))
        return Connection(name=name, mode=mode, path=path, task_limit=_optional(values["task_limit"]))
    shown = seen(values)
    given: dict[str, Any] = {}
    if "unix_socket" in shown:
        given["unix_socket"] = str(Path(here, values["unix_socket"]))
    elif "host" in shown:
        given["host"] = values["host"].strip()
    if "port" in shown:
        given["port"] = int(values["port"]) if values["port"].strip() else DEFAULT_PORTS.get(mode)
    files = {
        field: str(Path(here, values[field]))
        for field in ("ca", "cert", "key")
        if field in shown and values[field]
    }
    return Connection(
        name=name,
        mode=mode,
        user=values["user"],
        database=_database(values, shown),
        schema=(values["schema"] or None) if "schema" in shown else None,
        tls=TlsSettings(mode=values["tls"], **files),
        oracle=_oracle_of(values, shown, here),
        connect_timeout=int(values["connect_timeout"]),
        read_timeout=int(values["read_timeout"]),
        task_limit=_optional(values["task_limit"]),
        session_limit=_optional(values["session_limit"]),
        **engine_of(values),
        **given,
    )


def _optional(text: str) -> int | None:
    return int(text) if text.strip() else None


def _database(values: Mapping[str, str], shown: Collection[str]) -> str | None:
    """Oracle's is the service that it is reached by."""
    field = "service" if "service" in shown else "database"
    return (values[field] or None) if field in shown else None


def _oracle_of(values: Mapping[str, str], shown: Collection[str], here: Path) -> OracleSettings:
    if values["mode"] != Mode.ORACLE:
        return OracleSettings()
    return OracleSettings(
        **{
            field: str(Path(here, text)) if field in OracleSettings.PATHS else text
            for field in OracleSettings.__struct_fields__
            if field in shown and (text := values[field].strip())
        }
    )


def password_of(values: Mapping[str, str]) -> NewPassword | SecretRef | None:
    """The password that was given, None for none and for the one that it has."""
    if is_file(values):
        return None
    match values["password"]:
        case "typed":
            return NewPassword(values["typed"])
        case "keyring" if values["kept"]:
            return NewPassword(values["kept"], in_keyring=True)
        case "env":
            return EnvironmentSecret(variable=values["variable"])
        case "command":
            return CommandSecret(command=values["command"])
        case _:
            return None

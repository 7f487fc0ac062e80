"""Connection URLs, as people write them. Their form follows SQLAlchemy's database URLs.

    sqlite:///PATH                   counted from the current directory
    sqlite:////PATH                  absolute
    mysql://USER@HOST:PORT/DATABASE?tls=verify-identity&tls_ca=/etc/ca.pem
    mariadb://USER@/DATABASE?unix_socket=/run/mysqld/mysqld.sock
    oceanbase://USER%40TENANT%23CLUSTER@HOST:2883/DATABASE
    postgresql://USER@HOST:5432/DATABASE?schema=SCHEMA
    postgresql://USER@/DATABASE?host=/var/run/postgresql
    oracle://USER@HOST:1521/SERVICE?schema=SCHEMA
    oracle://USER@HOST/?sid=SID
    oracle://USER@/?tns=ALIAS&config_dir=/etc/oracle&wallet=/etc/oracle/wallet&thick=/opt/instantclient

A kind that another distribution brings is written like a file, or like a server.

Whatever has a meaning in a URL (`@ : / ? # %`) is percent-encoded inside user, database and path. A password
is refused: a command line stands in the process list and in the shell's history.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from msgspec.structs import asdict, replace

from core.errors import InvalidValue
from core.model.connection import Connection, TlsSettings
from core.model.oracle import OracleSettings
from core.model.spelling import suggestion
from core.model.vocabulary import Engine, Mode

DEFAULT_PORTS = {
    Mode.MYSQL: 3306,
    Mode.MARIADB: 3306,
    Mode.OCEANBASE: 2881,
    Mode.POSTGRESQL: 5432,
    Mode.ORACLE: 1521,
}
_ELSEWHERE = (
    "Leave it out and use --password-ask, --password-stdin, --password-env VAR or --password-command CMD."
)


def connection_from_url(
    name: str, url: str, here: Path, *, usual_timeout: int | None = None, **given: Any
) -> Connection:
    """The connection that a URL describes, without a secret. Relative paths count from `here`; `given` are
    further fields, which come before the URL's; `usual_timeout` is the
    connect timeout where neither names one. Raises InvalidValue, never quoting a password."""
    scheme, colon, _ = url.partition("://")
    if not colon:
        raise InvalidValue(
            "The connection URL has no scheme://.",
            f"Begin it with one of {', '.join(f'{m}://' for m in Mode.names())}.",
        )
    if not Mode.known(scheme.lower()):
        raise InvalidValue(f"{scheme!r} is no kind of connection.", suggestion(scheme, Mode.names()))
    mode = Mode(scheme.lower())
    file = mode is Mode.SQLITE or (mode.outside and url.partition("://")[2].startswith("/"))
    fields = _file(mode, url, here) if file else _server(mode, url, here)
    if usual_timeout is not None:
        fields.setdefault("connect_timeout", usual_timeout)
    if "oracle" in fields and "oracle" in given:
        named = {field: value for field, value in asdict(given["oracle"]).items() if value is not None}
        given["oracle"] = replace(fields["oracle"], **named)
    return Connection(name=name, mode=mode, **{**fields, **given})


def _file(mode: Mode, url: str, here: Path) -> dict[str, Any]:
    rest = url.partition("://")[2]
    path, _, query = rest.partition("?")
    if not path.startswith("/") or path == "/":
        raise InvalidValue(
            "The connection URL names no file.", f"Write {mode}:///relative/path or {mode}:////absolute/path."
        )
    if query:
        raise InvalidValue(f"A {mode} URL has no parameters.", "Write a ? in the path as %3F.")
    return {"path": str(sqlite_path(unquote(path[1:]), here))}


def sqlite_path(text: str, here: Path) -> Path:
    """The absolute path of a database file. One slash too few is common: where `text` leads nowhere from
    here and `/text` is there, that is meant."""
    path = Path(os.path.abspath(here / text))  # noqa: PTH100 - symlinks stay as they were written
    absolute = Path("/", text)
    return absolute if not path.exists() and absolute.exists() else path


def _server(mode: Mode, url: str, here: Path) -> dict[str, Any]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidValue(f"The connection URL can't be read: {_without_value(error)}.") from None
    if parts.fragment or url.endswith("#"):
        raise InvalidValue("The connection URL has a # in it.", "Write it as %23.")
    if ":" in parts.netloc.rpartition("@")[0]:
        raise InvalidValue("The connection URL has a password in it.", _ELSEWHERE)
    fields: dict[str, Any] = {
        "user": unquote(parts.netloc.rpartition("@")[0]) or None,
        "database": _database(parts),
    }
    fields.update(_parameters(parts.query, here, mode))
    if "oracle" in fields and fields["oracle"].tns is not None:
        fields.update(host=parts.hostname or None, port=port)
    elif not fields.get("unix_socket"):
        fields["host"] = unquote(parts.hostname) if parts.hostname else None
        fields["port"] = port or DEFAULT_PORTS.get(mode)
    elif mode is Mode.POSTGRESQL and port:
        fields["port"] = port  # which is in the name of the socket
    return fields


def _without_value(error: ValueError) -> str:
    """urllib's complaint without the piece of the URL that it quotes."""
    return "its port is not a number from 1 to 65535" if "ort" in str(error) else "its host is malformed"


def _database(parts: SplitResult) -> str | None:
    path = parts.path.removeprefix("/")
    if "/" in path:
        raise InvalidValue("The connection URL names more than a database.", "Write a / in a name as %2F.")
    return unquote(path) or None


def _seconds(text: str) -> int:
    if not text.isdecimal():
        raise InvalidValue(f"{text!r} is no number of seconds.")
    return int(text)


def _tasks(text: str) -> int:
    if not text.isdecimal():
        raise InvalidValue(f"{text!r} is no number of tasks.")
    return int(text)


def _sessions(text: str) -> int:
    if not text.isdecimal():
        raise InvalidValue(f"{text!r} is no number of sessions.")
    return int(text)


def _engine(text: str) -> Engine:
    if text not in list(Engine):
        raise InvalidValue(f"{text!r} is no engine.", suggestion(text, Engine))
    return Engine(text)


def _parameters(query: str, here: Path, mode: Mode) -> dict[str, Any]:
    postgresql = mode is Mode.POSTGRESQL

    def path(text: str) -> str:
        return os.path.abspath(here / text)  # noqa: PTH100 - symlinks stay as they were written

    known: dict[str, Callable[[str], Any]] = {
        "unix_socket": path,
        "connect_timeout": _seconds,
        "read_timeout": _seconds,
        "task_limit": _tasks,
        "session_limit": _sessions,
        "engine": _engine,
        "dask_scheduler": str,
        "tls": str,
        "tls_ca": path,
        "tls_cert": path,
        "tls_key": path,
    }
    if mode in (Mode.POSTGRESQL, Mode.ORACLE):
        known["schema"] = str
    if mode is Mode.ORACLE:
        own: dict[str, Callable[[str], Any]] = {
            field: path if field in OracleSettings.PATHS else str
            for field in OracleSettings.__struct_fields__
        }
        known.update(own)
        del known["unix_socket"]
    found: dict[str, Any] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        # As libpq has it: a host that begins with / is the directory of a socket.
        if postgresql and key == "host" and value.startswith("/"):
            key = "unix_socket"  # noqa: PLW2901
        if key in ("password", "passwd"):
            raise InvalidValue("The connection URL has a password in it.", _ELSEWHERE)
        if key not in known:
            raise InvalidValue(f"{key!r} is no parameter of a connection URL.", suggestion(key, known))
        if key in found or not value:
            raise InvalidValue(f"Parameter {key} of the connection URL needs one value.")
        found[key] = known[key](value)
    tls = {
        key.removeprefix("tls_"): found.pop(key) for key in ("tls_ca", "tls_cert", "tls_key") if key in found
    }
    if "tls" in found:
        tls["mode"] = found.pop("tls")
    if tls:
        found["tls"] = tls_settings(**tls)
    if mode is Mode.ORACLE and (chosen := {field: found.pop(field) for field in own if field in found}):
        found["oracle"] = OracleSettings(**chosen)
    return found


def tls_settings(
    mode: str | None = None, ca: str | None = None, cert: str | None = None, key: str | None = None
) -> TlsSettings:
    """TLS as far as it was asked for: naming an authority means that its signature is checked."""
    if mode is None:
        mode = "verify-ca" if ca else "require" if cert or key else TlsSettings().mode
    return TlsSettings(mode=mode, ca=ca, cert=cert, key=key)

"""Getting in: a psycopg connection by a connection's settings, with TLS as they ask, that bears no silence.

Parameters: "Parameter Key Words" of libpq's chapter of the PostgreSQL manual. What the environment and files
of the home directory would say (PGOPTIONS, PGPASSWORD, ~/.pgpass, ~/.postgresql/root.crt) is overruled where
it would change what the connection's settings mean.
"""

from __future__ import annotations

import select
from pathlib import Path
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.waiting import Ready

from connectors.sources.postgresql.errors import login_error
from core.errors import ConnectError, TlsError
from core.model.connection import Connection, TlsSettings
from core.model.hiding import Hiding

READ, WRITE = 1, 2  # what a socket is awaited for, as psycopg's Wait and Ready have it
DEFAULT_PORT = 5432
APPLICATION_NAME_BYTES = 63  # the server cuts it there

# A network that forgets a connection in silence is noticed after some two minutes, and one that only forgets
# idle connections is kept awake. Seconds, but milliseconds for the last.
_KEEP_ALIVE = {
    "keepalives": 1,
    "keepalives_idle": 60,
    "keepalives_interval": 10,
    "keepalives_count": 6,
    "tcp_user_timeout": 120_000,
}
_SSLMODE = {
    "off": "disable",
    "prefer": "prefer",
    "require": "require",
    "verify-ca": "verify-ca",
    "verify-identity": "verify-full",
}
# Where systems keep the authorities that they trust, for a certificate to check without an authority named.
_SYSTEM_CA = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_NOWHERE = "/dev/null/none"  # no file can be there: libpq must not look for one of its own


class Silent(psycopg.OperationalError):
    """The server said nothing for too long."""


class Wire(psycopg.Connection[tuple[Any, ...]]):
    """A connection on which an answer is awaited for at most `silence` seconds from the last sign of life;
    None for as long as it takes."""

    silence: float | None = None

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Run a step of psycopg's. Raises Silent, after which the connection is closed."""
        try:
            wanted = next(gen)
            while True:
                ready = Ready(self.await_socket(int(wanted), timeout))
                wanted = gen.send(ready)
        except StopIteration as ended:
            value: RV = ended.value
            return value

    def await_socket(self, wanted: int, timeout: float | None = None) -> int:
        """Wait until the socket can be read or written to, as `wanted`, and say which. Raises Silent."""
        limit = self.silence if timeout is None else timeout
        poll = select.poll()
        events = (select.POLLIN if wanted & READ else 0) | (select.POLLOUT if wanted & WRITE else 0)
        poll.register(self.pgconn.socket, events)
        found = poll.poll(None if limit is None else limit * 1000)
        if not found:
            self.close()
            raise Silent(f"the server was silent for {limit:g} s")
        happened = found[0][1]
        ready = (READ if happened & select.POLLIN else 0) | (WRITE if happened & select.POLLOUT else 0)
        # Where there is trouble, reading tells which.
        return ready or wanted


class Login:
    """Opens connections to one server as one user. The password is held here and shown nowhere.

    `program` is what the server's DBA sees as the application's name, cut to 63 bytes."""

    def __init__(self, connection: Connection, password: str | None, program: str) -> None:
        self.connection = connection
        self.user = connection.user or ""
        self._password = password
        self.program = program

    def open(self, *, name: str | None = None, timeout: int | None = None) -> Wire:
        """A connection in autocommit and UTF-8, got within the connection's own time; `name` is the
        application's in place of `program`. With `timeout`, it is one for a quick errand: so many seconds for
        getting in, and for each answer. Raises ConnectError and its kinds."""
        connection = self.connection
        seconds = connection.connect_timeout if timeout is None else timeout
        parameters: dict[str, Any] = {
            "host": connection.unix_socket or connection.host,
            "port": connection.port or DEFAULT_PORT,
            "user": self.user,
            "dbname": connection.database,
            "password": self._password or "",
            "passfile": _NOWHERE,
            "connect_timeout": seconds,
            "client_encoding": "UTF8",
            "application_name": name or application_name(self.program),
            "options": "",
            "gssencmode": "disable",
            "target_session_attrs": "any",
            **_KEEP_ALIVE,
            **self._tls(connection.tls),
        }
        try:
            # Planning the catalog's queries takes longer than answering them.
            wire = Wire.connect(autocommit=True, prepare_threshold=2, **parameters)
        except psycopg.Error as error:
            raise self._explained(error) from error
        wire.silence = float(timeout) if timeout is not None else connection.read_timeout or None
        return wire

    def _explained(self, error: psycopg.Error) -> ConnectError:
        """In words, in part a server's or a driver's own: the password mustn't come back in them."""
        said = login_error(error, self.connection, self.user)
        hide = Hiding([self._password])
        return type(said)(hide(said.message), hide(said.hint))

    def _tls(self, settings: TlsSettings) -> dict[str, Any]:
        """libpq checks a certificate by an authority of its own finding in the mode `require` too, and offers
        one of the home directory: neither is asked for here."""
        if self.connection.unix_socket is not None:
            return {"sslmode": "disable"}
        for path in (settings.ca, settings.cert, settings.key):
            if path is not None and not Path(path).is_file():
                raise TlsError(
                    f"A TLS file of connection {self.connection.name!r} can't be used: {path} is no file.",
                    "Check the paths of ca, cert and key; they are PEM files.",
                )
        checked = settings.mode.startswith("verify")
        ca = settings.ca or next((path for path in _SYSTEM_CA if Path(path).is_file()), None)
        if checked and ca is None:
            raise TlsError(
                f"Connection {self.connection.name!r} wants its server's certificate checked, and this "
                "machine has no list of authorities.",
                "Name the authority's file (ca).",
            )
        return {
            "sslmode": _SSLMODE[settings.mode],
            "sslrootcert": ca if checked else _NOWHERE,
            "sslcert": settings.cert or _NOWHERE,
            "sslkey": settings.key or settings.cert or _NOWHERE,
        }


def application_name(text: str) -> str:
    """As the server keeps it: printable ASCII, and no longer than it bears."""
    plain = "".join(c if " " <= c <= "~" else "?" for c in text)
    return plain[:APPLICATION_NAME_BYTES]

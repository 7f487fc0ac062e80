"""Getting in: a PyMySQL connection by a connection's settings, with TLS as they ask."""

from __future__ import annotations

import socket
import ssl
import struct
from typing import Any

import pymysql
from pymysql.connections import Connection as Wire

from connectors.sources.mysql.errors import login_error
from core.errors import ConnectError, TlsError
from core.model.connection import Connection, TlsSettings
from core.model.hiding import Hiding

# A network that forgets a connection in silence (NAT, a firewall, a host that is gone) is noticed after some
# two minutes, and one that only forgets idle connections is kept awake. Milliseconds for the last.
KEEP_ALIVE = (
    ("TCP_KEEPIDLE" if hasattr(socket, "TCP_KEEPIDLE") else "TCP_KEEPALIVE", 60),
    ("TCP_KEEPINTVL", 10),
    ("TCP_KEEPCNT", 6),
    ("TCP_USER_TIMEOUT", 120_000),
)


class Login:
    """Opens connections to one server as one user. The password is held here and shown nowhere."""

    def __init__(
        self,
        connection: Connection,
        password: str | None,
        program: str,
        *,
        user: str | None = None,
        sends_rows: bool = False,
    ) -> None:
        """`sends_rows`: the server is told that it may ask for rows by LOAD DATA LOCAL."""
        self.connection = connection
        self.user = user or connection.user or ""
        self._password = password
        self.program = program
        self._sends_rows = sends_rows

    def open(self, *, timeout: int | None = None) -> Wire:
        """A connection in autocommit and utf8mb4, got within the connection's own time. With `timeout`, it is
        one for a quick errand: so many seconds for getting in, and for each answer. Raises ConnectError and
        its kinds."""
        connection = self.connection
        seconds = connection.connect_timeout if timeout is None else timeout
        arguments: dict[str, Any] = {
            # As bytes: PyMySQL would encode a text as Latin-1, while accounts are made in UTF-8.
            "password": (self._password or "").encode(),
            "user": self.user,
            "charset": "utf8mb4",
            "autocommit": True,
            "connect_timeout": seconds,
            # A port that is open but silent must not hold longer than one that is not; raised below.
            "read_timeout": seconds,
            "write_timeout": seconds,
            "program_name": self.program,
            "local_infile": self._sends_rows,
        }
        if connection.unix_socket is not None:
            arguments["unix_socket"] = connection.unix_socket
        else:
            arguments |= {"host": connection.host, "port": connection.port or self._default_port()}
        try:
            wire = pymysql.connect(**arguments, **self._tls(connection.tls))
        except (pymysql.err.MySQLError, OSError, RuntimeError, ValueError, IndexError, struct.error) as error:
            # IndexError, ValueError, struct.error: what answers there is no MySQL server.
            raise self._explained(error) from error
        # PyMySQL itself must send no file, whatever a server asks for: rows are sent by whoever has them.
        wire._local_infile = False
        encrypted = isinstance(wire._sock, ssl.SSLSocket)
        if connection.tls.mode not in ("off", "prefer") and not encrypted:
            wire.close()
            raise TlsError(f"The server of connection {connection.name!r} offers no TLS.")
        _keep_alive(wire._sock)
        if timeout is None:
            wire._read_timeout = wire._write_timeout = connection.read_timeout or None
        return wire

    def _explained(self, error: Exception) -> ConnectError:
        """In words, in part a server's or a driver's own: the password mustn't come back in them."""
        said = login_error(error, self.connection, self.user)
        hide = Hiding([self._password])
        return type(said)(hide(said.message), hide(said.hint))

    def _default_port(self) -> int:
        return 2881 if self.connection.mode == "oceanbase" else 3306

    def _tls(self, settings: TlsSettings) -> dict[str, Any]:
        if settings.mode == "off" or (settings.mode == "prefer" and self.connection.unix_socket is not None):
            return {"ssl_disabled": True}
        if settings.mode == "prefer":
            return {}
        try:
            context = ssl.create_default_context(cafile=settings.ca)
            if settings.cert is not None:
                context.load_cert_chain(settings.cert, settings.key)
        except (OSError, ssl.SSLError) as error:
            raise TlsError(
                f"A TLS file of connection {self.connection.name!r} can't be used: {error.strerror}.",
                "Check the paths of ca, cert and key; they are PEM files.",
            ) from error
        context.check_hostname = settings.mode == "verify-identity"
        if settings.mode == "require":
            context.verify_mode = ssl.CERT_NONE
        return {"ssl": context}


def _keep_alive(connected: socket.socket) -> None:
    """Ask after the other end while nothing is said. Not every system has every option."""
    if connected.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE:
        option = getattr(socket, name, None)
        if option is not None:
            connected.setsockopt(socket.IPPROTO_TCP, option, value)

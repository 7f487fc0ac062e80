"""Getting in: a connection of python-oracledb by a connection's settings.

Thin mode, unless the directory of Oracle's client libraries is named; that choice holds for a whole process.
Parameters: "Connecting to Oracle Database" and "Initializing python-oracledb" of the driver's documentation.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import threading
from pathlib import Path
from typing import Any

import oracledb

from connectors.sources.oracle.errors import login_error, silent, words
from core.errors import ConnectError, LoginRefused, TlsError, Unsupported
from core.model.connection import Connection
from core.model.hiding import Hiding

DEFAULT_PORT = 1521
IDENTIFIER_BYTES = 64  # of a client's identifier, which the server cuts there
_PROGRAM_BYTES = 48
# Without a password for it, OpenSSL would ask the terminal for one.
_NO_PASSWORD = "no password was given"  # noqa: S105 - it is none
_KEEP_ALIVE_MINUTES = 2

_thick: str | None = None
_choosing = threading.Lock()


class Login:
    """Opens connections to one server as one user. The passwords are held here and shown nowhere.

    `program` is what the server's DBA sees as the program's name."""

    def __init__(self, connection: Connection, password: str | None, program: str) -> None:
        self.connection = connection
        self.user = connection.user or ""
        self._password = password
        self.program = program

    def open(self, *, name: str | None = None, timeout: int | None = None) -> oracledb.Connection:
        """A connection that is in within the connection's own time; `name` identifies the session.
        With `timeout`, it is one for a quick errand: so many seconds for getting in, and for each answer.
        Raises ConnectError and its kinds."""
        connection = self.connection
        seconds = connection.connect_timeout if timeout is None else timeout
        silence = connection.read_timeout if timeout is None else timeout
        choose_mode(connection)
        parameters = self.parameters(seconds)
        wire = _Attempt(parameters).within(seconds)
        if wire is None:
            raise silent(connection, seconds)
        if isinstance(wire, ConnectError):
            raise wire
        if isinstance(wire, Exception):
            raise self._explained(wire) from wire
        wire.call_timeout = silence * 1000
        wire.client_identifier = (name or self.program)[:IDENTIFIER_BYTES]
        return wire

    def _explained(self, error: Exception) -> ConnectError:
        """In words, in part a server's or a driver's own: no password may come back in them."""
        said = login_error(error, self.connection, self.user)
        hide = Hiding([self._password, self._wallet_password()])
        return type(said)(hide(said.message), hide(said.hint))

    def _wallet_password(self) -> str | None:
        variable = self.connection.oracle.wallet_password_env
        return os.environ.get(variable) if variable else None

    def parameters(self, seconds: float) -> dict[str, Any]:
        """What the driver is asked for. Raises TlsError, LoginRefused."""
        connection, oracle = self.connection, self.connection.oracle
        if self._password is None:
            raise LoginRefused(
                f"Connection {connection.name!r} has no password.",
                "Oracle lets nobody in without one: give it.",
            )
        found: dict[str, Any] = {
            "user": self.user,
            "password": self._password,
            "tcp_connect_timeout": float(seconds),
            "retry_count": 0,
            "expire_time": _KEEP_ALIVE_MINUTES,
            "program": _plain(self.program)[:_PROGRAM_BYTES],
            "config_dir": oracle.config_dir,
        }
        if oracle.tns is not None:
            found["dsn"] = oracle.tns
        else:
            found |= {
                "host": connection.host,
                "port": connection.port or DEFAULT_PORT,
                "service_name": connection.database,
                "sid": oracle.sid,
            }
        found |= self._tls()
        return {name: value for name, value in found.items() if value is not None}

    def _tls(self) -> dict[str, Any]:
        """TLS as the settings want it. Oracle doesn't agree on it on the way: `prefer` is none, unless a
        wallet is named, or what a TNS descriptor says."""
        tls, oracle = self.connection.tls, self.connection.oracle
        found: dict[str, Any] = {}
        if oracle.wallet is not None:
            found["wallet_location"] = oracle.wallet
            found["wallet_password"] = self._wallet_secret()
        mode = "verify-identity" if oracle.wallet is not None and tls.mode == "prefer" else tls.mode
        if mode in ("off", "prefer"):
            return found
        if oracle.tns is None:
            found["protocol"] = "tcps"
        found["ssl_server_dn_match"] = mode == "verify-identity"
        if oracle.thick is None:
            found["ssl_context"] = self._context(checked=mode.startswith("verify"))
        return found

    def _wallet_secret(self) -> str | None:
        if self.connection.oracle.thick is not None:
            return None
        variable = self.connection.oracle.wallet_password_env
        if variable is None:
            return _NO_PASSWORD
        found = os.environ.get(variable)
        if found is None:
            raise TlsError(
                f"Environment variable {variable!r} with the wallet's password isn't set.",
                "It counts where the engine runs: set it there (offramp --headless), or decrypt the wallet.",
            )
        return found

    def _context(self, *, checked: bool) -> ssl.SSLContext:
        tls = self.connection.tls
        try:
            context = ssl.create_default_context(cafile=tls.ca)
            context.check_hostname = False  # the driver compares names by Oracle's rules
            if not checked:
                context.verify_mode = ssl.CERT_NONE
            if tls.cert is not None:
                context.load_cert_chain(tls.cert, tls.key, password=_NO_PASSWORD)
        except OSError as error:  # ssl.SSLError is one
            raise TlsError(
                f"A TLS file of connection {self.connection.name!r} can't be used: {words(error)}.",
                "Check the paths of ca, cert and key; they are PEM files, the key without a password.",
            ) from error
        return context


class _Attempt:
    """One try to get in, in a thread of its own: the driver waits for a silent server for ever. One that
    comes in too late is closed."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        self._parameters = parameters
        self._lock = threading.Lock()
        self._abandoned = False
        self._found: oracledb.Connection | Exception | None = None

    def within(self, seconds: float) -> oracledb.Connection | Exception | None:
        """The connection, or what was wrong; None where there was no answer in time."""
        thread = threading.Thread(target=self._run, name="oracle login", daemon=True)
        thread.start()
        thread.join(seconds)
        with self._lock:
            self._abandoned = self._found is None
            return self._found

    def _run(self) -> None:
        found: oracledb.Connection | Exception
        try:
            found = oracledb.connect(**self._parameters)
        except (oracledb.Error, OSError, ValueError) as error:
            found = error
        with self._lock:
            self._found = found
            late = self._abandoned
        if late and isinstance(found, oracledb.Connection):
            with contextlib.suppress(oracledb.Error, OSError):
                found.close()


def choose_mode(connection: Connection) -> None:
    """Use the client libraries where the connection names them; thin mode otherwise. A process has one mode,
    and one place of the libraries. Raises Unsupported."""
    global _thick  # noqa: PLW0603 - so it is in the driver
    wanted = connection.oracle.thick
    with _choosing:
        if wanted is None or wanted == _thick:
            # Thin connections are thick ones too where libraries have been loaded: they work as well.
            return
        if not Path(wanted).is_dir():
            raise Unsupported(
                f"Connection {connection.name!r}: {wanted} is no directory.",
                "Name the directory of Oracle's client libraries after thick=.",
            )
        if _thick is not None:
            raise Unsupported(
                f"Connection {connection.name!r} wants Oracle's client libraries from {wanted}, and this "
                f"program has loaded those of {_thick}.",
                "Start Offramp again; tasks run in processes of their own.",
            )
        try:
            oracledb.init_oracle_client(lib_dir=wanted, config_dir=connection.oracle.config_dir)
        except oracledb.Error as error:
            if "DPY-2019" in words(error):
                raise Unsupported(
                    f"Connection {connection.name!r} wants Oracle's client libraries, and this program has "
                    "spoken to an Oracle server without them already.",
                    "Start Offramp again; tasks run in processes of their own.",
                ) from error
            raise login_error(error, connection, connection.user or "") from error
        _thick = wanted


def _plain(text: str) -> str:
    """Of what may stand in a connect descriptor."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in text)

"""Getting in: what the driver is asked for, and what is said where it doesn't work. By the real driver, but for
the parameters; against sockets that refuse, are silent, or speak another language."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import oracledb
import pytest
from cryptography.hazmat.primitives import serialization

from connectors.base import Credentials
from connectors.sources.oracle import OracleSource
from connectors.sources.oracle import login as module
from connectors.sources.oracle.errors import login_error, words
from connectors.sources.oracle.login import Login
from core.errors import ConnectError, LoginRefused, TlsError, UnknownHost, Unreachable, Unsupported
from core.model.connection import Connection, TlsSettings
from core.model.oracle import OracleSettings
from core.model.vocabulary import Mode
from tests.connectors.oracle.double import CONNECTION, refused
from tests.servers.mariadb import make_certificate

SECRET = "c4nary pw"


def connection(**more: object) -> Connection:
    given = {
        "name": "ora",
        "mode": Mode.ORACLE,
        "host": "127.0.0.1",
        "port": 1521,
        "user": "hr",
        "connect_timeout": 2,
    }
    if "oracle" not in more:
        given["database"] = "FREEPDB1"
    return Connection(**(given | more))  # type: ignore[arg-type]


def parameters(**more: object) -> dict[str, object]:
    found = Login(connection(**more), SECRET, "offramp").parameters(7)
    oracledb.ConnectParams(**{name: value for name, value in found.items() if name != "dsn"})  # it takes them
    assert found.pop("password") == SECRET
    return found


BASE = {"user": "hr", "tcp_connect_timeout": 7.0, "retry_count": 0, "expire_time": 2, "program": "offramp"}
HERE = BASE | {"host": "127.0.0.1", "port": 1521}


def test_service_sid_and_alias() -> None:
    assert parameters() == HERE | {"service_name": "FREEPDB1"}
    assert parameters(oracle=OracleSettings(sid="ORCL")) == HERE | {"sid": "ORCL"}
    found = parameters(host=None, port=None, oracle=OracleSettings(tns="prod", config_dir="/etc/tns"))
    assert found == BASE | {"dsn": "prod", "config_dir": "/etc/tns"}


def test_the_program_may_be_called_anything() -> None:
    found = Login(connection(), SECRET, "offramp task 7 (it's) \N{PASSENGER SHIP}" + "x" * 99).parameters(7)
    assert str(found["program"]).startswith("offramp_task_7__it_s___xxx")
    oracledb.ConnectParams(**found)


def test_tls() -> None:
    assert "protocol" not in parameters(tls=TlsSettings(mode="off"))
    found = parameters(tls=TlsSettings(mode="require"))
    assert (found["protocol"], found["ssl_server_dn_match"]) == ("tcps", False)
    context = found["ssl_context"]
    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode is ssl.CERT_NONE
    found = parameters(tls=TlsSettings(mode="verify-ca"))
    assert found["ssl_context"].verify_mode is ssl.CERT_REQUIRED  # type: ignore[attr-defined]
    assert found["ssl_server_dn_match"] is False
    assert parameters(tls=TlsSettings(mode="verify-identity"))["ssl_server_dn_match"] is True


def test_wallets(monkeypatch: pytest.MonkeyPatch) -> None:
    wallet = OracleSettings(wallet="/w")
    found = parameters(database="S", oracle=wallet)
    assert (found["wallet_location"], found["protocol"], found["ssl_server_dn_match"]) == ("/w", "tcps", True)
    # Never none: OpenSSL would ask the terminal.
    assert found["wallet_password"]
    locked = OracleSettings(wallet="/w", wallet_password_env="WALLET_PW")
    monkeypatch.delenv("WALLET_PW", raising=False)
    with pytest.raises(TlsError, match="WALLET_PW"):
        parameters(database="S", oracle=locked)
    monkeypatch.setenv("WALLET_PW", "w4llet")
    assert parameters(database="S", oracle=locked)["wallet_password"] == "w4llet"
    alias = parameters(host=None, port=None, oracle=OracleSettings(tns="prod", wallet="/w"))
    assert "protocol" not in alias
    assert "ssl_context" in alias


def test_a_tls_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    for tls in (
        TlsSettings(mode="verify-ca", ca=str(tmp_path / "ca.pem")),
        TlsSettings(mode="require", cert="/none"),
    ):
        with pytest.raises(TlsError, match="can't be used"):
            parameters(tls=tls)


def test_no_password() -> None:
    with pytest.raises(LoginRefused, match="no password"):
        OracleSource(CONNECTION, Credentials()).connect()


def refusal(made: Connection) -> ConnectError:
    with pytest.raises(ConnectError) as caught:
        OracleSource(made, Credentials(password=SECRET)).connect()
    assert SECRET not in str(caught.value)
    assert "'ora'" in str(caught.value)
    return caught.value


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening


def test_nobody_listens(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    assert isinstance(refusal(connection(port=port)), Unreachable)


def test_a_silent_server(listener: socket.socket) -> None:
    begun = time.monotonic()
    error = refusal(connection(port=listener.getsockname()[1], connect_timeout=1))
    assert isinstance(error, Unreachable)
    assert "within 1 s" in str(error)
    assert time.monotonic() - begun < 8


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"\0\0\0\0"])
def test_another_kind_of_server(listener: socket.socket, answer: bytes) -> None:
    def serve() -> None:
        client, _ = listener.accept()
        with client:
            client.recv(100)
            client.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    assert isinstance(refusal(connection(port=listener.getsockname()[1])), Unreachable)
    thread.join(10)


def test_unknown_hosts_and_aliases(tmp_path: Path) -> None:
    assert isinstance(refusal(connection(host="nowhere.invalid")), UnknownHost)
    (tmp_path / "tnsnames.ora").write_text("other = (DESCRIPTION=(ADDRESS=(PROTOCOL=tcp)(HOST=x)(PORT=1)))\n")
    alias = connection(host=None, port=None, oracle=OracleSettings(tns="prod", config_dir=str(tmp_path)))
    assert "TNS alias of connection 'ora' (prod) leads nowhere" in str(refusal(alias))


def test_an_alias_leads_somewhere(tmp_path: Path, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    (tmp_path / "tnsnames.ora").write_text(
        f"prod = (DESCRIPTION=(ADDRESS=(PROTOCOL=tcp)(HOST=127.0.0.1)(PORT={port}))(CONNECT_DATA=(SERVICE_NAME=s)))\n"
    )
    alias = connection(
        host=None, port=None, connect_timeout=1, oracle=OracleSettings(tns="prod", config_dir=str(tmp_path))
    )
    assert "within 1 s" in str(refusal(alias))
    assert listener.accept()[0].recv(10)


def test_a_wallet_that_is_not_there(listener: socket.socket, tmp_path: Path) -> None:
    made = connection(
        port=listener.getsockname()[1], database="S", oracle=OracleSettings(wallet=str(tmp_path))
    )
    assert isinstance(refusal(made), TlsError)


def test_thick_mode_in_words(tmp_path: Path) -> None:
    missing = connection(database="S", oracle=OracleSettings(thick=str(tmp_path / "no")))
    assert "is no directory" in str(refusal(missing))
    # In a process of its own: the driver decides once. An empty directory has no libraries.
    code = (
        "from tests.connectors.oracle.test_login import *\n"
        f"made = connection(database='S', oracle=OracleSettings(thick={str(tmp_path)!r}))\n"
        "print(repr(refusal(made).code), refusal(made))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert "'unsupported' Oracle's client libraries for connection 'ora'" in done.stdout, done.stderr


def test_other_libraries_than_those_that_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_thick", "/other")
    error = refusal(connection(database="S", oracle=OracleSettings(thick=str(tmp_path))))
    assert isinstance(error, Unsupported)
    assert "has loaded those of /other" in str(error)


REFUSALS = [
    ("ORA-01017: invalid username/password; logon denied", LoginRefused),
    ("ORA-28000: The account is locked.", LoginRefused),
    ('DPY-6001: Service "x" is not registered with the listener at host "h" port 1. (Similar to ORA-12514)', LoginRefused),
    ("DPY-6003: SID \"x\" is not registered with the listener (Similar to ORA-12505)", LoginRefused),
    ("DPY-3010: connections to this database server version are not supported by python-oracledb in thin mode", Unsupported),
    ("DPY-3015: password verifier type 0x939 is not supported by python-oracledb in thin mode", Unsupported),
    ("DPY-3001: Native Network Encryption and Data Integrity is only supported in thick mode", Unsupported),
    ("ORA-12660: Encryption or crypto-checksumming parameters incompatible", Unsupported),
    ("DPY-6006: The name on the server certificate does not match the expected value", TlsError),
    ("ORA-12516: Listener could not find available handler", Unreachable),
    ("ORA-01033: ORACLE initialization or shutdown in progress", Unreachable),
    ("DPY-4011: the database or network closed the connection", Unreachable),
    ("ORA-99999: what nobody knows", Unreachable),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind"), REFUSALS)
def test_refusals(text: str, kind: type[ConnectError]) -> None:
    error = login_error(refused(text), CONNECTION, "hr")
    assert type(error) is kind
    assert "'ora' (db.example:1521/FREEPDB1)" in error.message


def test_words() -> None:
    said = "DPY-6005: cannot connect to database (CONNECTION_ID=abc==).\n[Errno 111] no\nHelp: https://docs.example"
    assert words(refused(said)) == "DPY-6005: cannot connect to database. [Errno 111] no"


def test_a_password_in_an_error_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise refused(f"ORA-01017: {SECRET} is wrong")

    monkeypatch.setattr(module.oracledb, "connect", fail)
    refusal(connection())


# TLS, up to where Oracle's own protocol would begin


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[tuple[int, Path, list[str]]]:
    """A server that shakes hands and hangs up: its port, its authority's file, and what became of it."""
    authority, certificate, key = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    ends: list[str] = []
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def serve() -> None:
            client, _ = listening.accept()
            with client:
                try:
                    with context.wrap_socket(client, server_side=True) as wrapped:
                        ends.append("encrypted")
                        wrapped.recv(100)
                except OSError as error:
                    ends.append(type(error).__name__)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1], authority, ends
        thread.join(10)


def test_tls_that_nobody_vouches_for(tls_server: tuple[int, Path, list[str]]) -> None:
    port, _, ends = tls_server
    error = refusal(connection(port=port, tls=TlsSettings(mode="verify-ca")))
    assert isinstance(error, TlsError)
    assert "encrypted" not in ends


@pytest.mark.parametrize("mode", ["require", "verify-ca"])
def test_tls_is_spoken(tls_server: tuple[int, Path, list[str]], mode: str) -> None:
    port, authority, ends = tls_server
    error = refusal(connection(port=port, tls=TlsSettings(mode=mode, ca=str(authority))))
    assert isinstance(error, Unreachable)
    assert ends == ["encrypted"]


@pytest.mark.parametrize(("host", "kind"), [("localhost", Unreachable), ("127.0.0.1", TlsError)])
def test_names_of_certificates(
    tls_server: tuple[int, Path, list[str]], host: str, kind: type[ConnectError]
) -> None:
    """By Oracle's rules, which know of no addresses."""
    port, authority, _ = tls_server
    tls = TlsSettings(mode="verify-identity", ca=str(authority))
    assert type(refusal(connection(host=host, port=port, tls=tls))) is kind


@pytest.mark.parametrize("password", ["w4llet", "wrong"])
def test_a_wallet_says_who_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    """By a certificate, whose key is encrypted. A wrong password never asks the terminal."""
    authority, certificate, key = make_certificate(tmp_path)
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    locked = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"w4llet"),
    )
    wallet = tmp_path / "wallet"
    wallet.mkdir()
    (wallet / "ewallet.pem").write_bytes(locked + certificate.read_bytes() + authority.read_bytes())
    monkeypatch.setenv("WALLET_PW", password)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # which asks for the client's before it is through
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    shown: list[object] = []
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def serve() -> None:
            client, _ = listening.accept()
            with (
                client,
                contextlib.suppress(OSError),
                context.wrap_socket(client, server_side=True) as wrapped,
            ):
                shown.append(wrapped.getpeercert())
                wrapped.recv(100)

        thread = threading.Thread(target=serve)
        thread.start()
        settings = OracleSettings(wallet=str(wallet), wallet_password_env="WALLET_PW")
        error = refusal(
            connection(host="localhost", port=listening.getsockname()[1], database="S", oracle=settings)
        )
        thread.join(10)
    assert bool(shown) is (password == "w4llet"), error
    assert "w4llet" not in str(error)

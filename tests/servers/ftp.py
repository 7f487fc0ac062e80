"""An FTP server (pyftpdlib) on loopback, with TLS where a certificate is given."""

from __future__ import annotations

import subprocess
from pathlib import Path
from threading import Event, Thread

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler, ThrottledDTPHandler, TLS_FTPHandler
from pyftpdlib.servers import FTPServer

USER, PASSWORD = "feed", "h4rmless"


class Ftp:
    """Its root is `directory`. `certificate`: one for localhost, signed by itself. `takes`: no more than so
    many bytes in a second."""

    def __init__(self, directory: Path, certificate: Path | None = None, *, takes: int = 0) -> None:
        authorizer = DummyAuthorizer()
        authorizer.add_user(USER, PASSWORD, str(directory), perm="elradfmwMT")
        base = FTPHandler if certificate is None else TLS_FTPHandler

        class Handler(base):  # type: ignore[valid-type,misc]
            pass

        class Slow(ThrottledDTPHandler):  # type: ignore[misc]
            read_limit = takes

        Handler.authorizer = authorizer
        if takes:
            Handler.dtp_handler = Slow
        if certificate is not None:
            Handler.certfile = str(certificate)
            Handler.tls_control_required = True
            Handler.tls_data_required = True
        self._server = FTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.address[1]
        self._over = Event()
        self._thread = Thread(target=self._serve, name="ftp", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._over.is_set():
            self._server.serve_forever(timeout=0.1, blocking=False, handle_exit=False)
        self._server.close_all()

    def close(self) -> None:
        self._over.set()
        self._thread.join(10)


def make_certificate(directory: Path) -> Path:
    """A file with a key and a certificate for localhost."""
    made, key = directory / "ftp.pem", directory / "key.pem"
    subprocess.run(
        ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", made,
         "-days", "3650", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
        check=True, capture_output=True,
    )  # fmt: skip
    made.write_text(made.read_text() + key.read_text())
    return made

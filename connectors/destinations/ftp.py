"""FTP (RFC 959, listings by RFC 3659), also within TLS (RFC 4217), by fsspec's file system over ftplib."""

from __future__ import annotations

import ftplib
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from fsspec.implementations.ftp import FTPFileSystem

from connectors.destinations.filesystem import MovingFiles, explain_system_error, lost, said
from connectors.elsewhere import Elsewhere, Found, Told
from core.errors import (
    ConnectError,
    LoginRefused,
    NoSpace,
    NotWritable,
    OutputError,
    TlsError,
    UnknownHost,
    Unreachable,
)
from core.model.destination import parts_of

PORT = 21
BLOCK = 1 << 18


class CheckedSystem(FTPFileSystem):  # type: ignore[misc]
    """fsspec's file system believes any certificate; this one doesn't."""

    def __init__(self, host: str, context: ssl.SSLContext | None, **arguments: Any) -> None:
        self._context = context
        super().__init__(host, **arguments)

    def _connect(self) -> None:
        if self._context is None:
            self.ftp = ftplib.FTP(timeout=self.timeout, encoding=self.encoding)  # noqa: S321 - as asked for
        else:
            self.ftp = ftplib.FTP_TLS(  # noqa: S321 - as asked for
                timeout=self.timeout, encoding=self.encoding, context=self._context
            )
        with ExitStack() as undo:
            undo.callback(self.ftp.close)
            self.ftp.connect(self.host, self.port)
            self.ftp.login(*self.cred)
            if isinstance(self.ftp, ftplib.FTP_TLS):
                self.ftp.prot_p()
            undo.pop_all()


class FtpFiles(MovingFiles):
    """A transfer that breaks off leaves the control connection in an unknown state: a new one is opened."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._broken = False

    @contextmanager
    def words(self, path: str) -> Iterator[None]:
        with super().words(path):
            if self._broken:
                self.system.ftp.close()
                self.system._connect()
                self._broken = False
            yield

    def read(self, path: str) -> Iterator[bytes]:
        with self.words(path):
            self.system.ftp.voidcmd("TYPE I")
            data = self.system.ftp.transfercmd(f"RETR {self.at(path)}")
        self._broken = True
        with data:
            while True:
                with super().words(path):
                    piece = data.recv(BLOCK)
                if not piece:
                    break
                yield piece
            if isinstance(data, ssl.SSLSocket):
                with suppress(OSError):
                    data.unwrap()
        with super().words(path):
            self.system.ftp.voidresp()
        self._broken = False

    def status(self, path: str) -> Found | None:
        """By SIZE (RFC 3659, 4), which is of files only; a listing of the directory is the way for others."""
        with self.words(path):
            self.system.ftp.voidcmd("TYPE I")
            try:
                size = self.system.ftp.size(self.at(path))
            except ftplib.error_perm:
                size = None
        return super().status(path) if size is None else Found(size)

    def send(self, source: Path, at: str, told: Told) -> None:
        self._broken = True
        with source.open("rb") as local:
            self.system.ftp.storbinary(
                f"STOR {at}", local, blocksize=BLOCK, callback=lambda block: told(len(block))
            )
        self._broken = False

    def remove(self, path: str) -> None:
        if self.status(path) is not None:
            with self.words(path):
                self.system.ftp.delete(self.at(path))

    def close(self) -> None:
        with suppress(OSError, EOFError, ftplib.Error):
            if not self._broken:
                self.system.ftp.quit()
        self.system.ftp.close()

    def errors(self) -> tuple[type[Exception], ...]:
        return (OSError, EOFError, ftplib.Error)

    def explain(self, error: Exception, path: str) -> OutputError:
        where = self.where(path)
        if isinstance(error, ftplib.error_perm):
            # RFC 959, 4.2.1: 550 also stands for what isn't there.
            if str(error)[:3] in ("552", "452"):
                return NoSpace(f"No room for {where}: {said(error)}.", "Make room there, then retry.")
            return NotWritable(
                f"The server refuses {where}: {said(error)}.", "Give the account the right to it there."
            )
        if isinstance(error, ftplib.Error | ssl.SSLError):
            if str(error)[:3] == "452":
                return NoSpace(f"No room for {where}: {said(error)}.", "Make room there, then retry.")
            return lost(where, self.destination, said(error))
        return explain_system_error(error, where, self.destination)


class FtpDestination(Elsewhere):
    """`ftp://USER@HOST:PORT/path`, `ftps://` for the same within TLS; without a user anonymous."""

    def connect(self) -> FtpFiles:
        address = parts_of(self.destination.url)
        options = self.destination.options
        where = f"{address.host}:{address.port or PORT}"
        try:
            context = None
            if address.scheme == "ftps":
                context = ssl.create_default_context(cafile=options.get("ca"))
            system = CheckedSystem(
                address.host,
                context,
                port=address.port or PORT,
                username=address.user,
                password=self.password,
                timeout=self.destination.timeout,
                encoding=options.get("encoding", "utf-8"),
                skip_instance_cache=True,
                use_listings_cache=False,
            )
        except (OSError, EOFError, ftplib.Error, LookupError) as error:
            raise _refused(error, where, options.get("ca")) from error
        return FtpFiles(self.destination, system, f"/{address.path}")


def _refused(  # noqa: PLR0911 - one for each kind
    error: Exception, where: str, ca: str | None
) -> ConnectError:
    match error:
        case ftplib.error_perm() if str(error)[:3] in ("530", "532"):
            return LoginRefused(
                f"The FTP server at {where} refuses the login: {said(error)}.", "Check user and password."
            )
        case ftplib.error_perm() if context_refused(str(error)):
            return TlsError(f"The FTP server at {where} has no TLS: {said(error)}.", "Write ftp:// instead.")
        case ssl.SSLError():
            return TlsError(
                f"The FTP server at {where} can't prove who it is: {said(error)}.",
                "Give the authority that signed its certificate: --option ca=FILE.",
            )
        case socket.gaierror():
            return UnknownHost(f"The host of {where} is unknown: {said(error)}.", "Check its spelling.")
        case FileNotFoundError() | PermissionError() if ca is not None and not os.access(ca, os.R_OK):
            return ConnectError(f"{ca} can't be read: {said(error)}.", "Check the option ca.")
        case LookupError():
            return ConnectError(f"FTP server at {where}: {said(error)}.", "Check the option encoding.")
        case _:
            return Unreachable(f"There is no FTP server at {where} that answers: {said(error)}.")


def context_refused(answer: str) -> bool:
    """RFC 4217, 4: what a server answers that doesn't know AUTH TLS."""
    return answer[:3] in ("500", "502", "504", "534")

"""SFTP (the SSH File Transfer Protocol, version 3), through fsspec's file system over paramiko.

A server is who known_hosts says it is, or nobody. With rename that doesn't replace, a directory appears at
once: draft-ietf-secsh-filexfer-02 section 6.5; what replaces is OpenSSH's posix-rename@openssh.com.
"""

from __future__ import annotations

import getpass
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import paramiko
from fsspec.implementations.sftp import SFTPFileSystem

from connectors.destinations.filesystem import (
    PIECE,
    FilesystemFiles,
    explain_system_error,
    lost,
    said,
)
from connectors.elsewhere import Elsewhere, RenamingFiles, Told
from core.errors import (
    ConnectError,
    LoginRefused,
    OutputError,
    SecretError,
    TlsError,
    UnknownHost,
    Unreachable,
    Unsupported,
)
from core.model.destination import HOME, Destination, parts_of

PORT = 22
SYSTEM_HOSTS = Path("/etc/ssh/ssh_known_hosts")


class CheckedSystem(SFTPFileSystem):  # type: ignore[misc]
    """fsspec's file system takes whatever key a server shows; this one asks known_hosts."""

    cachable = False

    def __init__(self, host: str, known_hosts: str | None, silence: int, **arguments: Any) -> None:
        self._known_hosts = known_hosts
        self._silence = silence
        super().__init__(host, **arguments)

    def _connect(self) -> None:
        self.client = paramiko.SSHClient()
        self.client.set_missing_host_key_policy(paramiko.RejectPolicy())
        if self._known_hosts is not None:
            self.client.load_host_keys(self._known_hosts)
        else:
            self.client.load_system_host_keys()
            if SYSTEM_HOSTS.is_file():
                self.client.load_system_host_keys(str(SYSTEM_HOSTS))
        with ExitStack() as undo:
            undo.callback(self.client.close)
            self.client.connect(self.host, **self.ssh_kwargs)
            self.ftp = self.client.open_sftp()
            undo.pop_all()
        self.ftp.get_channel().settimeout(self._silence)


class SftpFiles(FilesystemFiles, RenamingFiles):
    def read(self, path: str) -> Iterator[bytes]:
        with self.words(path):
            file = self.system.ftp.open(self.at(path), "rb")
            file.prefetch()
        with file:
            while True:
                with self.words(path):
                    piece: bytes = file.read(PIECE)
                if not piece:
                    return
                yield piece

    def send(self, source: Path, at: str, told: Told) -> None:
        with source.open("rb") as local, self.system.ftp.open(at, "wb") as file:
            file.set_pipelined(True)
            while piece := local.read(PIECE):
                file.write(piece)
                told(len(piece))

    def rename(self, source: str, target: str) -> None:
        with self.words(target):
            try:
                self.system.ftp.rename(self.at(source), self.at(target))
            except OSError:
                # The protocol's version 3 has no word for "exists": the server says failure, and no more.
                if self.status(target) is not None:
                    raise self.taken(target) from None
                raise

    def replace(self, source: str, target: str) -> None:
        with self.words(target):
            self.system.ftp.posix_rename(self.at(source), self.at(target))

    def remove_directory(self, path: str) -> None:
        with suppress(OutputError), self.words(path):
            self.system.ftp.rmdir(self.at(path))

    def close(self) -> None:
        self.system.client.close()

    def errors(self) -> tuple[type[Exception], ...]:
        return (OSError, EOFError, paramiko.SSHException)

    def explain(self, error: Exception, path: str) -> OutputError:
        if isinstance(error, paramiko.SSHException) or str(error) == "Socket is closed":
            return lost(self.where(path), self.destination, said(error))
        return explain_system_error(error, self.where(path), self.destination)


class SftpDestination(Elsewhere):
    """`sftp://USER@HOST:PORT/path`. The password is the account's, or with `identity` that key's."""

    def connect(self) -> SftpFiles:
        address = parts_of(self.destination.url)
        options = self.destination.options
        identity = options.get("identity")
        silence = self.destination.timeout
        arguments: dict[str, Any] = {
            "port": address.port or PORT,
            "username": address.user or getpass.getuser(),
            "timeout": silence,
            "banner_timeout": silence,
            "auth_timeout": silence,
            "channel_timeout": silence,
        }
        if identity is not None:
            arguments |= {"key_filename": identity, "passphrase": self.password, "look_for_keys": False}
        elif self.password is not None:
            arguments |= {"password": self.password, "allow_agent": False, "look_for_keys": False}
        where = f"{address.host}:{address.port or PORT}"
        try:
            system = CheckedSystem(
                address.host,
                options.get("known_hosts"),
                silence,
                skip_instance_cache=True,
                **arguments,
            )
        except (OSError, EOFError, paramiko.SSHException, ValueError) as error:
            raise _refused(error, where, self.destination) from error
        return SftpFiles(self.destination, system, _base(address.path))


def _base(path: str) -> str:
    """`~/x` counts from where the login begins, which is what a relative path does."""
    if path == HOME or path.startswith(f"{HOME}/"):
        return path.removeprefix(HOME).removeprefix("/") or "."
    return f"/{path}"


def _refused(  # noqa: PLR0911 - one for each kind
    error: Exception, where: str, destination: Destination
) -> ConnectError | SecretError:
    hosts = destination.options.get("known_hosts", "~/.ssh/known_hosts")
    identity = destination.options.get("identity")
    match error:
        case paramiko.BadHostKeyException():
            return TlsError(
                f"The SSH server at {where} shows another key than {hosts} has for it: somebody may be in "
                "between, or it was installed anew.",
                "Ask whoever runs it, and only then replace its line there.",
            )
        case paramiko.PasswordRequiredException():
            return SecretError(
                f"The private key {identity or 'of this account'} needs its passphrase.",
                f"Keep it with the destination: offramp destination edit {destination.name or 'NAME'} "
                "--password-ask.",
            )
        case paramiko.AuthenticationException():
            return LoginRefused(
                f"The SSH server at {where} refuses the login: {said(error)}.",
                "Check user, password or key; the options identity and --password-ask say which.",
            )
        case socket.gaierror():
            return UnknownHost(f"The host of {where} is unknown: {said(error)}.", "Check its spelling.")
        case paramiko.SSHException() if "known_hosts" in str(error):
            return TlsError(
                f"The SSH server at {where} isn't in {hosts}.",
                "Get its key from whoever runs it (ssh-keyscan shows what it says) and add it there.",
            )
        case FileNotFoundError() | PermissionError() if error.filename is not None:
            return ConnectError(f"{error.filename} can't be read: {said(error)}.", "Check the options.")
        case ValueError() | paramiko.SSHException() if identity is not None and "key" in str(error).lower():
            return ConnectError(f"{identity} is no private key that can be used: {said(error)}.")
        case ValueError():
            return Unsupported(f"The SSH server at {where} can't be talked to: {said(error)}.")
        case _:
            return Unreachable(f"There is no SSH server at {where} that answers: {said(error)}.")

"""An SSH server of its own on loopback, with SFTP; it lets in whoever has the key made here."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.needs import tool

SECONDS = 60.0


class Sshd:
    """`known_hosts` has its key, `identity` is the file with that of whoever may come in."""

    def __init__(self, directory: Path) -> None:
        tool("ssh")
        directory.mkdir(mode=0o700)
        for name in ("host", "user", "other"):
            subprocess.run(
                ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / name), check=True
            )
        shutil.copy(directory / "user.pub", directory / "authorized")
        self.identity = directory / "user"
        self.other = directory / "other"
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.known_hosts = directory / "known_hosts"
        key = (directory / "host.pub").read_text().split()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {key[0]} {key[1]}\n")
        config = directory / "config"
        config.write_text(
            f"ListenAddress 127.0.0.1:{self.port}\nHostKey {directory}/host\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {directory}/authorized\nStrictModes no\nPermitRootLogin yes\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nSubsystem sftp internal-sftp\n"
        )
        if os.geteuid() == 0:
            # sshd refuses to run as root without the directory it locks itself into.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        with (directory / "log").open("wb") as log:
            self._process = subprocess.Popen((tool("sshd"), "-D", "-e", "-f", config), stderr=log)
        end = time.monotonic() + SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                if time.monotonic() > end or self._process.poll() is not None:
                    self.close()
                    pytest.fail(f"sshd doesn't start: {(directory / 'log').read_text()}")
                time.sleep(0.1)
            else:
                break

    def line(self, command: str) -> str:
        """What runs `command` over there on a terminal."""
        options = (
            "ssh", "-tt", "-q", "-F", "none", "-p", str(self.port), "-i", str(self.identity),
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes",
            "127.0.0.1",
        )  # fmt: skip
        return shlex.join((*options, command))

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)

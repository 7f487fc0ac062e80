"""A private MariaDB server: on a socket and a loopback port, with a TLS certificate of its own."""

from __future__ import annotations

import ctypes
import datetime
import ipaddress
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pymysql

from core.model.vocabulary import Mode
from tests.needs import missing
from tests.servers.family import MysqlFamilyServer

INSTALL = "apt-get install mariadb-server"
START_SECONDS = 60


def _program(name: str) -> str:
    found = shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin:/usr/local/sbin")
    if found is None:
        missing(name, INSTALL)
    return str(found)


def end_with_parent() -> None:
    """In a child before exec: ask the kernel to end it when pytest dies however it does (Linux)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_certificate(directory: Path) -> tuple[Path, Path, Path]:
    """A certificate authority and a server certificate for 127.0.0.1 and localhost: (ca, cert, key)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    now = datetime.datetime.now(datetime.UTC)

    def build(
        name: str, key: rsa.RSAPrivateKey, issuer: str, signer: rsa.RSAPrivateKey, ca: bool
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if not ca:
            names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(signer, hashes.SHA256())

    ca_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM
    ca_file, cert_file, key_file = (directory / name for name in ("ca.pem", "cert.pem", "key.pem"))
    ca_file.write_bytes(build("test ca", ca_key, "test ca", ca_key, True).public_bytes(pem))
    cert_file.write_bytes(build("localhost", key, "test ca", ca_key, False).public_bytes(pem))
    key_file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    key_file.chmod(0o600)
    return ca_file, cert_file, key_file


class MariadbServer(MysqlFamilyServer):
    """Start with `arguments` for mariadbd beside the usual ones; `ca` is the TLS authority's file.

    `user`/`password` have every right; `admin()` is root over the socket, without a password.
    """

    product = "mariadb"
    mode = Mode.MARIADB
    user = "offramp"
    password = "it's a 'test' password \\o/ ü"

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        installer, self._server = _program("mariadb-install-db"), _program("mariadbd")
        self._directory = Path(tempfile.mkdtemp(prefix="offramp-mariadb-"))
        self.socket = str(self._directory / "sock")
        self.host, self.port = "127.0.0.1", free_port()
        self._account = ["--user=root"] if os.geteuid() == 0 else []
        data = self._directory / "data"
        # A server sweeps its temporary directory when it starts: in a shared one, others' files too.
        self._temporary = self._directory / "tmp"
        self._temporary.mkdir()
        installed = subprocess.run(
            [installer, "--no-defaults", f"--datadir={data}", f"--tmpdir={self._temporary}",
             "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve",
             *self._account],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        if installed.returncode:
            raise RuntimeError(f"{installer} failed:\n{installed.stdout}\n{installed.stderr}")
        ca, cert, key = make_certificate(self._directory)
        self.ca = str(ca)
        self._tls = [f"--ssl-ca={ca}", f"--ssl-cert={cert}", f"--ssl-key={key}"]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()
        quoted = pymysql.converters.escape_string(self.password)
        for host in ("localhost", "127.0.0.1"):
            self.run(
                f"CREATE USER '{self.user}'@'{host}' IDENTIFIED BY '{quoted}'",
                f"GRANT ALL PRIVILEGES ON *.* TO '{self.user}'@'{host}' WITH GRANT OPTION",
            )

    def start(self) -> None:
        """Start the server (again, after `stop`) and wait until it answers."""
        with (self._directory / "error.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._server, "--no-defaults", f"--datadir={self._directory / 'data'}",
                 f"--tmpdir={self._temporary}", f"--socket={self.socket}", f"--pid-file={self._directory / 'pid'}",
                 f"--bind-address={self.host}", f"--port={self.port}", "--skip-name-resolve",
                 "--innodb-flush-log-at-trx-commit=0", "--innodb-log-file-size=64M", "--skip-log-bin",
                 "--innodb-buffer-pool-size=256M", "--max-allowed-packet=1G", "--performance-schema=OFF",
                 "--character-set-server=utf8mb4", *self._tls, *self._account, *self._arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=end_with_parent,  # noqa: PLW1509
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.admin().close()
            except pymysql.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self._directory / "error.log").read_text()) from None
                time.sleep(0.05)
            else:
                return

    def stop(self, sig: signal.Signals = signal.SIGTERM) -> None:
        """End the server, by its process id; `start` brings it back with its data."""
        if self._process is not None:
            self._process.send_signal(sig)
            try:
                self._process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    @property
    def pid(self) -> int:
        """The process that serves."""
        assert self._process is not None
        return self._process.pid

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

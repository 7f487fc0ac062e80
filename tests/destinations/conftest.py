"""Destinations on real servers: sshd, FTP with and without TLS, and what speaks like S3 over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from connectors.elsewhere import Elsewhere
from core.connectors import open_destination
from core.model.destination import Destination
from tests.servers import ftp, s3
from tests.servers.sshd import Sshd

KINDS = ("sftp", "ftp", "ftps", "s3", "other")


@dataclass(frozen=True)
class There:
    """A destination `lake`, empty, with its password; `look` gives what files are there, `put` makes one
    behind Offramp's back."""

    destination: Destination
    password: str | None
    look: Callable[[], dict[str, bytes]]
    put: Callable[[str, bytes], None]

    def open(self) -> Elsewhere:
        return open_destination(self.destination, self.password)


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    made = Sshd(tmp_path_factory.mktemp("ssh") / "sshd")
    yield made
    made.close()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[s3.S3]:
    made = s3.S3()
    yield made
    made.close()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "there"
    made.mkdir()
    return made


@pytest.fixture
def sftp(sshd: Sshd, directory: Path) -> There:
    options = {"known_hosts": str(sshd.known_hosts), "identity": str(sshd.identity), "timeout": "20"}
    url = f"sftp://127.0.0.1:{sshd.port}{directory}"
    return There(Destination(name="lake", url=url, options=options), None, *_local(directory))


@pytest.fixture
def plain_ftp(directory: Path) -> Iterator[There]:
    server = ftp.Ftp(directory)
    made = Destination(
        name="lake", url=f"ftp://{ftp.USER}@127.0.0.1:{server.port}/", options={"timeout": "20"}
    )
    yield There(made, ftp.PASSWORD, *_local(directory))
    server.close()


@pytest.fixture
def slow_ftp(directory: Path) -> Iterator[There]:
    """It takes a megabyte in a second."""
    server = ftp.Ftp(directory, takes=1 << 20)
    made = Destination(name="lake", url=f"ftp://{ftp.USER}@127.0.0.1:{server.port}/")
    yield There(made, ftp.PASSWORD, *_local(directory))
    server.close()


@pytest.fixture
def ftp_tls(directory: Path, tmp_path: Path) -> Iterator[There]:
    certificate = ftp.make_certificate(tmp_path)
    server = ftp.Ftp(directory, certificate)
    options = {"ca": str(certificate), "timeout": "20"}
    made = Destination(name="lake", url=f"ftps://{ftp.USER}@localhost:{server.port}/", options=options)
    yield There(made, ftp.PASSWORD, *_local(directory))
    server.close()


@pytest.fixture
def s3_bucket(s3_server: s3.S3, tmp_path: Path) -> There:
    prefix = f"{tmp_path.name}/in"
    options = {"endpoint": s3_server.endpoint, "key": s3.KEY, "region": "us-east-1", "timeout": "20"}
    made = Destination(name="lake", url=f"s3://{s3.BUCKET}/{prefix}", options=options)
    return There(
        made,
        s3.SECRET,
        lambda: {key.removeprefix(f"{prefix}/"): s3_server.body(key) for key in s3_server.keys(f"{prefix}/")},
        lambda path, data: s3_server.client.put_object(Bucket=s3.BUCKET, Key=f"{prefix}/{path}", Body=data),
    )


@pytest.fixture
def other(tmp_path: Path, directory: Path) -> There:
    """Nothing is known of it but fsspec's interface: its own local files, by the name that has for them."""
    return There(Destination(name="lake", url=f"local://{directory}"), None, *_local(directory))


@pytest.fixture(params=KINDS)
def there(request: pytest.FixtureRequest) -> There:
    names = {"ftp": "plain_ftp", "ftps": "ftp_tls", "s3": "s3_bucket"}
    found: There = request.getfixturevalue(names.get(request.param, request.param))
    return found


def _local(directory: Path) -> tuple[Callable[[], dict[str, bytes]], Callable[[str, bytes], None]]:
    def look() -> dict[str, bytes]:
        files = (path for path in directory.rglob("*") if path.is_file())
        return {str(path.relative_to(directory)): path.read_bytes() for path in files}

    def put(path: str, data: bytes) -> None:
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(data)

    return look, put

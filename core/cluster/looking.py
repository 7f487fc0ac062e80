"""What is looked into on a worker of a Dask cluster before anything is read: this runs there.

Order and answer are JSON. No password is in either: the order has references, which are followed there.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from connectors.base import Credentials
from connectors.elsewhere import Elsewhere
from core.connectors import open_destination, open_source
from core.errors import ErrorInfo, NotWritable, OfframpError, SecretError
from core.locations import Locations
from core.model.connection import Connection
from core.model.destination import Destination
from core.model.secret import EnvironmentSecret, SecretRef
from core.secrets import resolve

SECONDS = 90.0
LONGEST = 4096


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """`directory` is a local one, or a path at `destination`; there a file `name` holds `content`, and the
    worker is to write one of its own. `enter`: the addresses of the workers that also get into the
    database."""

    connection: Connection
    destination: Destination | None = None
    directory: str
    name: str
    content: str
    enter: tuple[str, ...] = ()


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """The machine's name, the file that the worker has written, and what is wrong."""

    host: str
    wrote: str | None = None
    error: ErrorInfo | None = None


async def look(order: bytes, dask_worker: Any = None) -> bytes:
    """Carry out a `Look`, off the worker's event loop; gives a `Looked`. Raises nothing."""
    wanted = msgspec.json.decode(order, type=Look)
    address = str(dask_worker.address)
    try:
        found = await asyncio.wait_for(asyncio.to_thread(_look, wanted, address), SECONDS)
    except TimeoutError:
        silent = ErrorInfo(
            code="unreachable", message=f"Nothing was heard for {SECONDS:g} s.", transient=True
        )
        found = Looked(host=socket.gethostname(), error=silent)
    return msgspec.json.encode(found)


def _look(wanted: Look, address: str) -> Looked:
    host = socket.gethostname()
    try:
        wrote = _tried(wanted, address)
    except OfframpError as error:
        return Looked(host=host, error=error.info())
    except Exception as error:  # noqa: BLE001 - told in words to who has asked
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{type(error).__name__} at {Path(frames[-1].filename).name}:{frames[-1].lineno}"
        return Looked(host=host, error=ErrorInfo(code="error", message=f"Offramp failed there: {place}."))
    return Looked(host=host, wrote=wrote)


def _tried(wanted: Look, address: str) -> str:
    password = password_there(wanted.connection.secret, f"connection {wanted.connection.name!r}")
    source = open_source(wanted.connection, Credentials(password=password), program="offramp preflight")
    if address in wanted.enter:
        with source.connect():
            pass
    if wanted.destination is None:
        return _exchange_directory(wanted)
    password = password_there(wanted.destination.secret, wanted.destination.whose)
    return _exchange_elsewhere(wanted, open_destination(wanted.destination, password))


def _exchange_directory(wanted: Look) -> str:
    """Read what was written there, and write something beside it; gives its name."""
    directory = Path(wanted.directory)
    try:
        with (directory / wanted.name).open() as file:
            found = file.read(LONGEST)
    except FileNotFoundError:
        raise not_shared(str(directory)) from None
    except OSError as error:
        raise NotWritable(
            f"What this machine writes in {directory} can't be read there: {error.strerror}.",
            "Run the workers under the same account.",
        ) from None
    if found != wanted.content:
        raise not_shared(str(directory))
    own = f"{wanted.name}-{secrets.token_hex(8)}"
    try:
        descriptor = os.open(directory / own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(wanted.content)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise NotWritable(
            f"{directory} can't be written there: {error.strerror}.",
            "Run the workers under the same account.",
        ) from None
    return own


def _exchange_elsewhere(wanted: Look, elsewhere: Elsewhere) -> str:
    own = f"{wanted.name}-{secrets.token_hex(8)}"
    with elsewhere.connect() as files:
        path = beside(wanted.directory, wanted.name)
        there = files.status(path)
        if there is None or b"".join(files.read(path)).decode(errors="replace") != wanted.content:
            raise not_shared(files.where(wanted.directory))
        with written(wanted.content) as source:
            files.put(beside(wanted.directory, own), source, lambda _: None)
    return own


def not_shared(directory: str) -> NotWritable:
    return NotWritable(
        f"{directory} is another directory there: what this machine writes isn't seen.",
        "Use a directory that all machines of the cluster share, or a destination such as S3 or SFTP.",
    )


def beside(directory: str, name: str) -> str:
    """A name in a directory of a destination, which may be its root."""
    return f"{directory}/{name}" if directory else name


@contextmanager
def written(content: str) -> Iterator[Path]:
    """A local file of this content, for a moment."""
    with tempfile.TemporaryDirectory(prefix="offramp-") as scratch:
        source = Path(scratch) / "probe"
        source.write_text(content)
        yield source


def password_there(ref: SecretRef | None, whose: str) -> str | None:
    """The password behind a reference that can be followed on a worker: an environment variable there, or a
    command that is run there. Raises SecretError, which says whose it is."""
    try:
        # Neither needs a home, which no worker has.
        return resolve(ref, Locations(Path("/nonexistent")))
    except SecretError as error:
        error.message = f"The password of {whose} can't be had there: {error.message}"
        if isinstance(ref, EnvironmentSecret):
            error.hint = "Set it where the workers are started."
        raise

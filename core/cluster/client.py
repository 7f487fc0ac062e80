"""Getting in to the scheduler of a Dask cluster.

What protects the way there (certificates, credentials) is Dask's own configuration, as for every other client
of the user's: `~/.config/dask`, `DASK_…`. Source: "Configuration" and "TLS/SSL" of the manual of distributed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from core.errors import TlsError, Unreachable, Unsupported

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 10.0
WITHIN_TLS = ("tls://", "wss://")


@contextmanager
def open_client(address: str, name: str = "offramp", seconds: float = CONNECT_SECONDS) -> Iterator[Client]:
    """A client of the scheduler at `address`, which knows it as `name`. Raises Unreachable (transient) where
    nobody answers as a scheduler within so many seconds, TlsError where Dask's configuration has no
    certificates for one within TLS, Unsupported where `distributed` isn't installed here."""
    try:
        from distributed import Client, Security  # noqa: PLC0415 - few tasks want it, and it takes its time
    except ImportError as error:
        raise Unsupported(
            f"What talks to a Dask cluster isn't installed: {error}.", "pip install 'offramp[dask]'."
        ) from error
    # A client that can't be made for want of them isn't closed by anybody, and keeps its program for a while.
    if address.startswith(WITHIN_TLS) and not Security().get_connection_args("client").get("ssl_context"):
        raise TlsError(
            f"Dask's configuration has no certificates for the scheduler at {address}.",
            "Name them in ~/.config/dask/distributed.yaml (distributed.comm.tls: ca-file, client.cert, "
            "client.key), or in DASK_… where the engine runs.",
        )
    try:
        # A client itself waits for ever for one that takes the connection and says nothing.
        asyncio.run(_greet(address, seconds))
        client = Client(address, timeout=seconds, set_as_default=False, name=name)
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        raise Unreachable(
            f"No Dask scheduler answers at {address}: {_said(error)}.",
            "Start it (dask scheduler), or give the right address (--dask-scheduler). One within TLS is "
            "tls://HOST:PORT, with the certificates in Dask's own configuration.",
        ) from error
    try:
        yield client
    finally:
        client.close(timeout=seconds)


async def _greet(address: str, seconds: float) -> None:
    """Raises OSError, TimeoutError, or ValueError where nobody speaks there as a scheduler does."""
    from distributed import Security  # noqa: PLC0415
    from distributed.comm.core import connect  # noqa: PLC0415
    from distributed.core import send_recv  # noqa: PLC0415

    arguments = Security().get_connection_args("client")
    async with asyncio.timeout(seconds):
        comm = await connect(address, timeout=seconds, **arguments)
        try:
            kind = (await send_recv(comm, op="identity"))["type"]
        finally:
            comm.abort()
    if kind != "Scheduler":
        raise ValueError(f"what is there is a {kind.lower()}")


def _said(error: BaseException) -> str:
    """The first of what Dask says, which wraps errors in errors."""
    said = " ".join(str(error).split())[:200].rstrip(".")
    return said or ("nothing is heard" if isinstance(error, TimeoutError) else type(error).__name__)

"""Getting in to the scheduler of a Dask cluster.

What protects the way there (certificates, credentials) is Dask's own configuration, as for every other client
of the user's: `~/.config/dask`, `DASK_…`. Source: "Configuration" and "TLS/SSL" of the manual of distributed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from core.errors import Unreachable, Unsupported

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 10.0


@contextmanager
def open_client(address: str, name: str = "offramp", seconds: float = CONNECT_SECONDS) -> Iterator[Client]:
    """A client of the scheduler at `address`, which knows it as `name`. Raises Unreachable (transient) where
    nobody answers as a scheduler within so many seconds, Unsupported where `distributed` isn't installed
    here."""
    try:
        from distributed import Client  # noqa: PLC0415 - few tasks want it, and it takes its time
    except ImportError as error:
        raise Unsupported(
            f"What talks to a Dask cluster isn't installed: {error}.", "pip install 'offramp[dask]'."
        ) from error
    try:
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


def _said(error: BaseException) -> str:
    """The first of what Dask says, which wraps errors in errors."""
    return (" ".join(str(error).split()) or type(error).__name__)[:200].rstrip(".")

"""Trying a connection to a server step by step: what is the same for every kind of server."""

from __future__ import annotations

import socket
from collections.abc import Generator

from connectors.base import Session, Source, TestStep
from core.errors import ConnectError, OfframpError


def passed(name: str, detail: str) -> TestStep:
    return TestStep(name, ok=True, detail=detail)


def failed(name: str, detail: str) -> TestStep:
    return TestStep(name, ok=False, detail=detail)


def way_in(source: Source, port: int | None) -> Generator[TestStep, None, Session | None]:
    """Resolve the host, where there is one, and get in. Returns the open session, None where a step failed,
    which was then the last."""
    connection = source.connection
    if connection.unix_socket is None:
        try:
            found = socket.getaddrinfo(connection.host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no valid name"
            yield failed(
                "resolve",
                f"The host {connection.host!r} is unknown: {why}. Check its spelling and the name service.",
            )
            return None
        addresses = sorted({str(address[4][0]) for address in found})
        yield passed("resolve", f"{connection.host} is {', '.join(addresses)}")
    return (yield from open_step(source))


def open_step(source: Source) -> Generator[TestStep, None, Session | None]:
    """Get in. Returns the open session, None where that failed, which was then the last step."""
    connection = source.connection
    try:
        return source.connect()
    except ConnectError as error:
        login = error.code in ("login-refused", "unsupported")
        if login:
            yield passed("connect", connection.place)
        yield failed("log in" if login else "connect", str(error))
    except OfframpError as error:
        yield failed("log in", str(error))
    return None

"""Trying a connection to a server step by step: what is the same for every kind of server."""

from __future__ import annotations

import socket
from collections.abc import Callable, Generator, Iterator

from connectors.base import Session, Source, TestStep
from connectors.words import shown
from core.errors import ConnectError, OfframpError
from core.model.vocabulary import Consistency, Lock


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


def steps(
    source: Source,
    way: Generator[TestStep, None, Session | None],
    rights: Callable[[Session], TestStep],
    *,
    between: str = ". ",
) -> Iterator[TestStep]:
    """All steps of trying a source: the `way` to a session, what is there, what `rights` finds that the
    account may see, and a point in time. `between` stands between the version and the server's notes."""
    session = yield from way
    if session is None:
        return
    with session:
        yield passed("connect", source.connection.place)
        yield passed("log in", f"as {shown(session.server.user)}")
        version = f"{session.server.product} {session.server.version}"
        yield passed("version", between.join((version, *session.server.notes)))
        step = "rights"
        try:
            found = rights(session)
            yield found
            if not found.ok:
                return
            step = "snapshot"
            notes = session.check_consistency(Consistency.TASK, Lock.NEVER, content_has_tables=True)
            session.begin()
            session.end()
            yield passed(step, " ".join(["Points in time can be had.", *notes]))
        except OfframpError as error:
            yield failed(step, str(error))


def without_sys_account(source: Source) -> Iterator[TestStep]:
    """The step of a sys tenant account where there is none of the kind."""
    given = source.sys_account is not None
    yield passed("sys account", "Not used: only OceanBase has one." if given else "Not given.")

"""What comes from a connection's socket while rows are read: received by the reader itself, and once there is
much of it by a thread that receives ahead (`connectors.ahead`)."""

from __future__ import annotations

import contextlib
import select
import ssl
from collections.abc import Iterator
from time import monotonic, sleep

from pymysql.connections import Connection

from connectors.ahead import INLINE_BYTES, Ahead, silent
from core.errors import ConnectionLost

# Waking this process for each of its small writes costs a local server an eighth of its speed. Whoever got
# little after waiting therefore naps before the next receive: far shorter than a socket's buffer takes to
# fill, and never while more is there than can be read.
SMALL_RECEIVE = 1 << 15
TLS_RECEIVE = 1 << 17
WAITED_SECONDS = 20e-6
NAP_SECONDS = 50e-6

HINT = (
    "Look into the server's error log; its net_write_timeout, wait_timeout and max_statement_time may end it."
)


class Receiver:
    """Receives from a connection's socket, TLS or not, starting with what PyMySQL has in its buffer.

    Call it with a buffer: it fills at least one byte and returns how many. Raises ConnectionLost where the
    connection is cut or closed, or says nothing for its read timeout. Close it before anybody else uses the
    connection or closes it.
    """

    def __init__(self, connection: Connection) -> None:
        self._socket = connection._sock
        self._buffered = connection._rfile
        self._outruns = False
        self._received = 0
        self._ahead: Ahead | None = None
        if self._socket is None or self._buffered is None or self._socket.fileno() < 0:
            raise ConnectionLost("The connection was closed before the first row.", HINT)
        # Over TLS each record of 16 kB needs the GIL: a thread would wait for it most of the time.
        self._tls = isinstance(self._socket, ssl.SSLSocket)
        self._ready = select.poll()
        self._ready.register(self._socket.fileno(), select.POLLIN)

    def __call__(self, into: memoryview) -> int:
        if self._ahead is None:
            if self._received < INLINE_BYTES or self._buffered is not None or self._tls:
                count = self._take(into)
                self._received += count
                return count
            with _lost():
                self._ahead = Ahead(self._socket)
        with _lost():
            count = self._ahead.take(into)
        return self._some(count)

    def close(self) -> None:
        """Let go of the socket, as it was before."""
        if self._ahead is not None:
            self._ahead.close()

    def _take(self, into: memoryview) -> int:
        if self._outruns:
            sleep(NAP_SECONDS)
        began = monotonic()
        with _lost():
            count = self._receive(into)
            waited = monotonic() - began
            if self._tls and count:
                count += self._receive_records(into[count:])
        self._outruns = count < SMALL_RECEIVE and waited > WAITED_SECONDS
        return self._some(count)

    def _some(self, count: int) -> int:
        # A TLS socket that another thread shuts down goes on as a plain one: what it reads then is no data.
        if count == 0 or (self._tls and self._socket.version() is None):
            raise ConnectionLost("The connection was closed before the result was complete.", HINT)
        return count

    def _receive(self, into: memoryview) -> int:
        if self._buffered is None:
            return int(self._socket.recv_into(into))
        # read1 hands over all that is buffered, or reads from the socket once where nothing is. Unlike
        # readinto1 it never waits while it holds data.
        data = self._buffered.read1(len(into))
        if len(data) < len(into):
            self._buffered = None
        into[: len(data)] = data
        return len(data)

    def _receive_records(self, into: memoryview) -> int:
        """What else has come over TLS: its records hold 16 kB at most, and each is received alone."""
        count = 0
        limit = min(TLS_RECEIVE, len(into))
        while count < limit and self._ready.poll(0):
            received = int(self._socket.recv_into(into[count:]))
            if not received:
                break  # closed: an error only if something is still to come
            count += received
        return count


@contextlib.contextmanager
def _lost() -> Iterator[None]:
    """Turn what a socket raises into ConnectionLost."""
    began = monotonic()
    try:
        yield
    except TimeoutError as error:
        raise silent(monotonic() - began) from error
    except (OSError, ValueError) as error:
        # ValueError: the socket or its buffer was closed by another thread.
        raise ConnectionLost(
            f"The connection to the server broke while rows were read: {error}.", HINT
        ) from error

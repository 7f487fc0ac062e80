"""What comes from a connection's socket while rows are read: received by the reader itself, and once there is
much of it by a thread that receives ahead.

A server waits when the socket's buffer is full (about 200 kB), and it is full most of the time while the
reader works on what it has. A thread that receives meanwhile keeps the server sending: the export then takes
as long as the slower of the two, not as long as both. It must not ask for the GIL at each receive, for which
it would wait longer than the buffer takes to fill; so it lets the kernel collect a large piece
(MSG_WAITALL), and a receive timeout of the socket (SO_RCVTIMEO) hands over what there is when the rest is
slow to come, as at the end of the result. Source: recv(2), socket(7).
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
from collections.abc import Iterator
from queue import SimpleQueue
from threading import Thread
from time import monotonic, sleep

from pymysql.connections import Connection

from core.errors import ConnectionLost

# Waking this process for each of its small writes costs a local server an eighth of its speed. Whoever got
# little after waiting therefore naps before the next receive: far shorter than a socket's buffer takes to
# fill, and never while more is there than can be read.
SMALL_RECEIVE = 1 << 15
TLS_RECEIVE = 1 << 17
WAITED_SECONDS = 20e-6
NAP_SECONDS = 50e-6

# A small result isn't worth a thread.
INLINE_BYTES = 1 << 20
PIECE_BYTES = 1 << 20
PIECES = 4
PATIENCE_MICROSECONDS = 5_000
IDLE_LOOK_SECONDS = 0.1

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


class Ahead:
    """Receives from a plain socket in a thread of its own, up to `PIECES` pieces before they are taken.

    The socket's timeout, in seconds, holds for each wait as it does otherwise. Another thread may shut the
    socket down meanwhile, which ends the stream; it must not be closed before `close`, since the descriptor
    that is received from might be another file's by then. Raises OSError.
    """

    def __init__(self, plain: socket.socket) -> None:
        self._socket = plain
        self._timeout = plain.gettimeout()
        self._ready = select.poll()
        self._ready.register(plain.fileno(), select.POLLIN)
        self._free: SimpleQueue[memoryview | None] = SimpleQueue()
        # Ends with the error that ended the stream, None where it just ended.
        self._filled: SimpleQueue[tuple[memoryview, int] | Exception | None] = SimpleQueue()
        self._piece: memoryview | None = None
        self._position = self._end = 0
        self._closing = False
        for _ in range(PIECES):
            self._free.put(memoryview(bytearray(PIECE_BYTES)))
        # Python's own timeout makes a socket non-blocking, and MSG_WAITALL would wait for nothing.
        plain.settimeout(None)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, PATIENCE_MICROSECONDS))
        self._thread = Thread(target=self._work, name="receive", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:
            self._restore()
            raise OSError(f"no thread can be had to receive in: {error}") from None

    def take(self, into: memoryview) -> int:
        """The next bytes, as many as are there and fit; 0 at the end of the stream. Raises OSError and
        ConnectionLost."""
        if self._piece is None:
            came = self._filled.get()
            if not isinstance(came, tuple):
                self._filled.put(came)  # for whoever asks once more
                if came is None:
                    return 0
                raise came
            self._piece, self._end = came
            self._position = 0
        count = min(self._end - self._position, len(into))
        into[:count] = self._piece[self._position : self._position + count]
        self._position += count
        if self._position == self._end:
            self._free.put(self._piece)
            self._piece = None
        return count

    def close(self) -> None:
        """End the thread and give the socket its timeout back. What was received and not taken is lost."""
        self._closing = True
        self._free.put(None)
        self._thread.join()
        self._restore()

    def _restore(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 0))
            self._socket.settimeout(self._timeout)

    def _work(self) -> None:
        end: Exception | None = None
        try:
            while (piece := self._free.get()) is not None and (count := self._fill(piece)):
                self._filled.put((piece, count))
        except (OSError, ConnectionLost) as error:
            end = error
        finally:
            # Whatever ended the thread: the reader must not wait for it.
            self._filled.put(end)

    def _fill(self, piece: memoryview) -> int:
        """Receive into a piece; 0 at the end of the stream, or where nobody takes it any more."""
        since = monotonic()
        while not self._closing:
            # BlockingIOError: nothing at all came within the receive timeout.
            with contextlib.suppress(BlockingIOError):
                return self._socket.recv_into(piece, PIECE_BYTES, socket.MSG_WAITALL)
            silence = monotonic() - since
            if self._timeout is not None and silence > self._timeout:
                raise silent(silence)
            # A server that is silent may be so for long: the longer, the more rarely it is looked whether
            # the reader has given up.
            self._ready.poll(min(silence, IDLE_LOOK_SECONDS) * 1000)
        return 0


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


def silent(seconds: float) -> ConnectionLost:
    """That nothing came for so long."""
    return ConnectionLost(
        f"Nothing came from the server for {seconds:.0f} s.",
        "A longer timeout of the connection helps where the server needs that long for its first rows.",
    )

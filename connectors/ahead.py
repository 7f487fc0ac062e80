"""Receiving ahead: a thread that takes what comes from a server while its reader works.

A server waits when the socket's buffer is full (about 200 kB), and it is full most of the time while the
reader works on what it has. A thread that receives meanwhile keeps the server sending: the export then takes
as long as the slower of the two, not as long as both. It must not ask for the GIL at each receive, for which
it would wait longer than the buffer takes to fill; so it lets the kernel collect a large piece
(MSG_WAITALL), and a receive timeout of the socket (SO_RCVTIMEO) hands over what there is when the rest is
slow to come, as at the end of the result. Even so the kernel would wake the thread for each packet; with a
low-water mark (SO_RCVLOWAT) it lets TCP collect hundreds of kB first, which saves a quarter of what reading
costs on this side and some of what sending costs on the other. Until `close` nobody learns of fewer bytes by
waiting for them (poll). Source: recv(2), socket(7).
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
from queue import SimpleQueue
from threading import Thread
from time import monotonic

from core.errors import ConnectionLost

# A small result isn't worth a thread.
INLINE_BYTES = 1 << 20
PIECE_BYTES = 1 << 20
PIECES = 4
AT_ONCE_BYTES = 1 << 18
PATIENCE_MICROSECONDS = 5_000
IDLE_LOOK_SECONDS = 0.1


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
        with contextlib.suppress(OSError):  # which some systems don't let one set
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, AT_ONCE_BYTES)
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
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
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
            # BlockingIOError: nothing at all came within the receive timeout, or, where the system is a BSD
            # (macOS), less than it was to wait for. That is then to be had without waiting.
            for how in (socket.MSG_WAITALL, socket.MSG_DONTWAIT):
                with contextlib.suppress(BlockingIOError):
                    return self._socket.recv_into(piece, PIECE_BYTES, how)
            silence = monotonic() - since
            if self._timeout is not None and silence > self._timeout:
                raise silent(silence)
            # A server that is silent may be so for long: the longer, the more rarely it is looked whether
            # the reader has given up, and whether a few bytes have come.
            self._ready.poll(min(silence, IDLE_LOOK_SECONDS) * 1000)
        return 0


def silent(seconds: float) -> ConnectionLost:
    """That nothing came for so long."""
    return ConnectionLost(
        f"Nothing came from the server for {seconds:.0f} s.",
        "A longer timeout of the connection helps where the server needs that long for its first rows.",
    )

"""A proxy between a client and a MySQL server that knows where packets end, and does what networks do.

It forwards bytes unchanged. What it does to a connection is a `Fault`: from a chosen packet of the server on
it cuts, stalls or delays.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Self

HEADER = 4
Address = tuple[str, int] | str
"""Host and port, or the path of a socket."""


class Kind(Enum):
    """FIN: the connection ends as if the server had closed it. RESET: it breaks (over TCP; on a Unix socket
    both are the same). STALL: nothing goes through any more, either way, and nobody is told. DELAY: each
    packet comes late."""

    FIN = "fin"
    RESET = "reset"
    STALL = "stall"
    DELAY = "delay"


@dataclass(frozen=True)
class Fault:
    """`kind` happens after `packets` of the server's, counted from the login, or from the first statement
    that holds `at`; and `amid` bytes of the next packet."""

    kind: Kind
    packets: int = 0
    at: bytes = b""
    amid: int = 0
    seconds: float = 0.005


class Proxy:
    """Listens on a loopback port, or on the socket at `listen`, and leads to `upstream`.

    `fault` says for each connection (its number, from 0) what happens to it. `packets` counts what the
    server has sent over each, `met` are the numbers of those whose fault has happened. To be used by `with`.
    """

    def __init__(
        self,
        upstream: Address,
        fault: Callable[[int], Fault | None] = lambda _: None,
        *,
        listen: Path | None = None,
    ) -> None:
        self._upstream = upstream
        self.fault = fault
        self.packets: list[int] = []
        self.met: list[int] = []
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()
        if listen is None:
            self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
            self.port = int(self._listening.getsockname()[1])
        else:
            self._listening = socket.socket(socket.AF_UNIX)
            self._listening.bind(str(listen))
            self._listening.listen(64)
        self._start(self._accept)

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name="proxy", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            try:
                far = _connect(self._upstream)
            except OSError:
                near.close()  # as a server that is down: hung up at once
                continue
            for end in (near, far):
                if end.family is socket.AF_INET:
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open += [near, far]
            number = len(self.packets)
            self.packets.append(0)
            way = _Way(self, number, near, far, self.fault(number))
            self._start(way.to_server)
            self._start(way.to_client)

    @property
    def closing(self) -> threading.Event:
        return self._closing

    def close(self) -> None:
        """End everything; what stalls, too."""
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._threads[0].join(10)
        for connected in self._open:
            with contextlib.suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for connected in self._open:
            connected.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _connect(address: Address) -> socket.socket:
    if isinstance(address, tuple):
        return socket.create_connection(address)
    connected = socket.socket(socket.AF_UNIX)
    connected.connect(address)
    return connected


class _Way:
    """One connection, in two threads."""

    def __init__(
        self, proxy: Proxy, number: int, near: socket.socket, far: socket.socket, fault: Fault | None
    ) -> None:
        self._proxy, self._number, self._near, self._far, self._fault = proxy, number, near, far, fault
        self._counting = fault is not None and not fault.at
        self._counted = 0
        self._stalled = False

    def to_server(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._near.recv(65536):
                if self._fault is not None and self._fault.at and self._fault.at in data:
                    self._counting = True
                if self._stalled:
                    self._proxy.closing.wait()
                    return
                self._far.sendall(data)
        if not self._stalled:
            # Not shutdown of one direction only: a client that has gone reads no more either.
            for end in (self._far, self._near):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def to_client(self) -> None:
        with contextlib.suppress(OSError):
            while (packet := self._packet()) is not None:
                if self._counting and self._fault is not None:
                    if self._counted == self._fault.packets and self._fault.kind is not Kind.DELAY:
                        self._near.sendall(packet[: self._fault.amid])
                        self._happen(self._fault.kind)
                        return
                    if self._fault.kind is Kind.DELAY:
                        time.sleep(self._fault.seconds)
                    self._counted += 1
                self._near.sendall(packet)
                self._proxy.packets[self._number] += 1
            self._near.shutdown(socket.SHUT_RDWR)

    def _happen(self, kind: Kind) -> None:
        self._proxy.met.append(self._number)
        if kind is Kind.STALL:
            self._stalled = True
            self._proxy.closing.wait()
            return
        if kind is Kind.RESET:
            self._near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # Connecting a connected socket to nothing resets it, while another thread receives from it.
            if self._near.family is socket.AF_INET:
                _disconnect(self._near)
        self._near.shutdown(socket.SHUT_RDWR)
        self._far.shutdown(socket.SHUT_RDWR)

    def _packet(self) -> bytes | None:
        head = self._exactly(HEADER)
        if head is None:
            return None
        payload = self._exactly(int.from_bytes(head[:3], "little"))
        return None if payload is None else head + payload

    def _exactly(self, count: int) -> bytes | None:
        pieces = bytearray()
        while len(pieces) < count:
            data = self._far.recv(count - len(pieces))
            if not data:
                return None
            pieces += data
        return bytes(pieces)


def _disconnect(connected: socket.socket) -> None:
    """Reset a TCP connection without closing the descriptor (connect(2), AF_UNSPEC)."""
    import ctypes

    address = ctypes.create_string_buffer(struct.pack("H14x", socket.AF_UNSPEC))
    ctypes.CDLL(None, use_errno=True).connect(connected.fileno(), address, 16)

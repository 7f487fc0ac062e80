"""The server's side of the MySQL protocol, as bytes: results are built here and served over a socket."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pymysql

Row = Sequence[bytes | None]
EOF = b"\xfe\x00\x00\x02\x00"
OK = b"\x00\x00\x00\x02\x00\x00\x00"


def length(size: int) -> bytes:
    """A length-encoded integer."""
    if size < 251:
        return bytes([size])
    if size < 1 << 16:
        return b"\xfc" + size.to_bytes(2, "little")
    if size < 1 << 24:
        return b"\xfd" + size.to_bytes(3, "little")
    return b"\xfe" + size.to_bytes(8, "little")


def row(values: Row) -> bytes:
    """The payload of a row."""
    return b"".join(b"\xfb" if value is None else length(len(value)) + value for value in values)


def packets(payload: bytes, sequence: int, max_payload: int = 0xFFFFFF) -> tuple[bytes, int]:
    """A payload as one packet or several, and the number that the next packet has."""
    pieces = []
    rest = payload
    while True:
        piece, rest = rest[:max_payload], rest[max_payload:]
        pieces.append(len(piece).to_bytes(3, "little") + bytes([sequence % 256]) + piece)
        sequence += 1
        if len(piece) < max_payload:
            return b"".join(pieces), sequence % 256


def stream(payloads: Iterable[bytes], sequence: int = 0, max_payload: int = 0xFFFFFF) -> bytes:
    pieces = []
    for payload in payloads:
        piece, sequence = packets(payload, sequence, max_payload)
        pieces.append(piece)
    return b"".join(pieces)


def error(number: int, text: str) -> bytes:
    """The payload of an error packet."""
    return b"\xff" + number.to_bytes(2, "little") + b"#HY000" + text.encode()


def column(name: str) -> bytes:
    """The payload of a column definition: a VARCHAR in utf8mb4."""
    strings = b"".join(length(len(s)) + s for s in (b"def", b"d", b"t", b"t", name.encode(), name.encode()))
    return strings + b"\x0c" + struct.pack("<HIBHBxx", 45, 1024, 253, 0, 0)


def result(rows: Iterable[Row], columns: int, end: bytes = EOF) -> bytes:
    """A whole answer to COM_QUERY, as packets."""
    head = [length(columns), *(column(f"c{i}") for i in range(columns)), EOF]
    return stream([*head, *map(row, rows), end], sequence=1)


class FakeServer:
    """Logs one client in over a socket pair, and hands the socket to `answer` when the first SELECT comes."""

    def __init__(self, answer: Callable[[socket.socket], Any]) -> None:
        self._near, self._far = socket.socketpair()
        self._answer = answer
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def connect(self, **options: Any) -> Any:
        connection = pymysql.connect(
            user="u", charset="utf8mb4", ssl_disabled=True, defer_connect=True, **options
        )
        self._near.settimeout(options.get("read_timeout"))
        connection.connect(self._near)
        return connection

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._far.shutdown(socket.SHUT_RDWR)  # wakes the thread, which closing alone doesn't
        self._thread.join(10)
        self._far.close()
        self._near.close()

    def _read(self) -> bytes | None:
        head = self._exactly(4)
        return None if head is None else self._exactly(int.from_bytes(head[:3], "little"))

    def _exactly(self, count: int) -> bytes | None:
        data = b""
        while len(data) < count:
            piece = self._far.recv(count - len(data))
            if not piece:
                return None
            data += piece
        return data

    def _serve(self) -> None:
        capabilities = 0x0200 | 0x8000 | 0x1  # PROTOCOL_41, SECURE_CONNECTION
        greeting = b"\x0a10.11.0-fake\0" + struct.pack("<I", 7) + b"saltsalt\0"
        greeting += struct.pack("<HBHHB", capabilities, 45, 2, 0x8, 21) + bytes(10) + b"saltsaltsalt\0"
        greeting += b"mysql_native_password\0"
        try:
            self._far.sendall(stream([greeting]))
            self._read()
            self._far.sendall(stream([OK], sequence=2))
            while (command := self._read()) is not None:
                if command[1:].upper().startswith(b"SELECT"):
                    self._answer(self._far)
                else:
                    self._far.sendall(stream([OK], sequence=1))
        except OSError:
            return  # the client has gone, which tests do

"""Compression of whole text files: gzip (by igzip, which is several times faster than zlib) and zstd.

A file is a run of members (gzip) or frames (zstd), each of which ends where the file may be gone on with;
readers take them for one. Sources: RFC 1952 §2.2, RFC 8878 §3.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

from core.errors import OutputDamaged
from core.model.format_settings import Compression

# What is compressed at a time: how the pieces came must not be seen in the file, and igzip's output shows it.
# igzip asks for the GIL whenever its output has doubled, so that large blocks wait for it less often.
BLOCK_BYTES = 1 << 20
# A tenth quicker than level 2, for one part in a hundred more; level 0 is no quicker, for a quarter more. Nor
# are smaller windows: a twentieth quicker at best, for up to one part in twenty more.
_GZIP_LEVEL = 1
_GZIP_MEMORY = 9  # the most that it can use, some 400 kB
_ZSTD_LEVEL = 3
_GZIP_WINDOW = 31  # zlib's number for its largest window, with gzip's header and trailer


class Compressor:
    """Compresses what one file holds. `level` None takes a level that costs little time."""

    def __init__(self, compression: Compression, level: int | None) -> None:
        self._compression = compression
        self._level = level
        self._member: Any = None
        self._waiting = bytearray()

    def compress(self, piece: bytes | memoryview) -> bytes:
        """What can be written once this piece, too, has come."""
        view = memoryview(piece).cast("B")
        out: list[bytes] = []
        if self._waiting:
            missing = BLOCK_BYTES - len(self._waiting)
            self._waiting += view[:missing]
            view = view[missing:]
            if len(self._waiting) == BLOCK_BYTES:
                out.append(self._feed(self._waiting))
                self._waiting = bytearray()
        whole = len(view) - len(view) % BLOCK_BYTES
        out += [self._feed(view[at : at + BLOCK_BYTES]) for at in range(0, whole, BLOCK_BYTES)]
        self._waiting += view[whole:]
        return b"".join(out)

    def finish(self) -> bytes:
        """The rest, up to the end of a member or frame. Nothing where nothing came since the last."""
        if not self._waiting and self._member is None:
            return b""
        out = self._feed(self._waiting) + bytes(self._member.flush())
        self._waiting = bytearray()
        self._member = None
        return out

    def _feed(self, data: bytearray | memoryview) -> bytes:
        if self._member is None:
            self._member = self._begin()
        return bytes(self._member.compress(data))

    def _begin(self) -> Any:
        # Loaded by whoever compresses.
        if self._compression is Compression.GZIP:
            from isal import isal_zlib  # noqa: PLC0415

            level = _GZIP_LEVEL if self._level is None else self._level
            return isal_zlib.compressobj(level, isal_zlib.DEFLATED, _GZIP_WINDOW, _GZIP_MEMORY)
        import zstandard  # noqa: PLC0415

        return zstandard.ZstdCompressor(level=self._level or _ZSTD_LEVEL, write_checksum=True).compressobj()


def open_compressor(compression: Compression, level: int | None) -> Compressor | None:
    """None where nothing is compressed."""
    return None if compression is Compression.NONE else Compressor(compression, level)


def decompressed(pieces: Iterable[bytes], compression: Compression, path: str) -> Iterator[bytes]:
    """What a file of these pieces holds. `path` names it in errors. Raises OutputDamaged where it isn't whole
    members or frames."""
    if compression is Compression.NONE:
        yield from pieces
        return
    member: Any = None
    try:
        for piece in pieces:
            data = bytes(piece)
            while data:
                if member is None:
                    member = _reader(compression)
                out = member.decompress(data)
                if out:
                    yield out
                data = member.unused_data if member.eof else b""
                if member.eof:
                    member = None
    except _broken() as error:
        raise OutputDamaged(f"{path} is no {compression} file: {error}.", "Export it again.") from error
    if member is not None:
        raise OutputDamaged(f"{path} ends too early.", "Export it again.")


def _reader(compression: Compression) -> Any:
    if compression is Compression.GZIP:
        from isal import isal_zlib  # noqa: PLC0415

        return isal_zlib.decompressobj(_GZIP_WINDOW)
    import zstandard  # noqa: PLC0415

    return zstandard.ZstdDecompressor().decompressobj()


def _broken() -> tuple[type[Exception], ...]:
    import zstandard  # noqa: PLC0415
    from isal import isal_zlib  # noqa: PLC0415

    # isal's annotations take its error for an instance.
    return (cast("type[Exception]", isal_zlib.IsalError), zstandard.ZstdError)

"""Encodings of text output, and what is done about characters that one of them lacks.

Everything is assembled as UTF-8 and then passes through a `TextEncoder`. UTF-16 and UTF-32 are written
little-endian behind a byte-order mark (RFC 2781 §3.2, Unicode 16 §3.10 D98 and D101); the tables of the
Chinese encodings are those of Python's codecs.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.chunk import Mask, Offsets
from core.errors import InvalidText, Unencodable
from core.model.vocabulary import Encoding
from core.model.vocabulary import Unencodable as Policy

_SLICE_BYTES = 1 << 17

CodePoints = npt.NDArray[np.uint32]

HINT_LACKS = (
    "Choose an encoding that has it (UTF-8 has every character), or --on-unencodable replace or escape."
)
HINT_INVALID = "Repair the value at its source, or use --on-unencodable replace or escape."


@dataclass(frozen=True, slots=True)
class _Codec:
    name: str
    bom: bytes = b""


_CODECS = {
    Encoding.ASCII: _Codec("ascii"),
    Encoding.ISO_8859_1: _Codec("latin-1"),
    Encoding.GB2312: _Codec("gb2312"),
    Encoding.GBK: _Codec("gbk"),
    Encoding.GB18030: _Codec("gb18030"),
    Encoding.UTF_8: _Codec("utf-8"),
    Encoding.UTF_16: _Codec("utf-16-le", codecs.BOM_UTF16_LE),
    Encoding.UTF_32: _Codec("utf-32-le", codecs.BOM_UTF32_LE),
    Encoding.BIG5: _Codec("big5"),
}


class TextEncoder:
    """UTF-8 in, bytes of an encoding out. Holds no state between calls: give it whole characters.

    `bom` is what stands at offset 0 of a file in this encoding, empty where it has none.
    """

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding
        self.bom = _CODECS[encoding].bom
        self._codec = _CODECS[encoding].name

    def encode(self, utf8: bytes | pa.Buffer) -> bytes | memoryview:
        """Raises ValueError where `utf8` is no UTF-8 or has a character that the encoding lacks."""
        if self.encoding is Encoding.UTF_8:
            check_utf8(utf8)
            return memoryview(utf8)
        # In slices that stay in the processor's cache: twice as fast as all at once.
        decoder = codecs.getincrementaldecoder("utf-8")()
        view = memoryview(utf8)
        slices = (view[at : at + _SLICE_BYTES] for at in range(0, len(view), _SLICE_BYTES))
        encoded = b"".join([decoder.decode(piece).encode(self._codec) for piece in slices])
        decoder.decode(b"", final=True)
        return encoded


def check_utf8(text: bytes | pa.Buffer) -> None:
    """Raises ValueError where `text` is no UTF-8. Several times faster than decoding it."""
    bounds = np.array([0, len(text)], np.int32)
    one = pa.Array.from_buffers(
        pa.string(),
        1,
        [None, pa.py_buffer(bounds), text if isinstance(text, pa.Buffer) else pa.py_buffer(text)],
    )
    one.validate(full=True)


@lru_cache(maxsize=len(Encoding))
def encodable(encoding: Encoding) -> Mask:
    """For each code point whether the encoding has it: bool, shape (0x110000,). Surrogates are never had."""
    known = np.zeros(0x110000, np.bool_)
    if encoding is Encoding.ASCII:
        known[:0x80] = True
    elif encoding is Encoding.ISO_8859_1:
        known[:0x100] = True
    elif encoding in (Encoding.GB2312, Encoding.GBK, Encoding.BIG5):
        # They hold nothing beyond the Basic Multilingual Plane.
        plane = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x10000))))
        codec = _CODECS[encoding].name
        known[[ord(c) for c in plane.encode(codec, "ignore").decode(codec)]] = True
    else:
        known[:] = True
        known[0xD800:0xE000] = False
    return known


@dataclass(frozen=True, slots=True)
class Flaws:
    """What is wrong in a text, in its order.

    places  int64: which characters of the text
    codes   int64: the code point that the encoding lacks, or -1 - b for a byte b that is no text
    """

    places: Offsets
    codes: Offsets


def find_flaws(text: str, encoding: Encoding) -> tuple[CodePoints, Flaws]:
    """All code points of `text`, and those that `encoding` lacks or that stand for bytes that are no UTF-8
    (as decoded by `surrogateescape`)."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    places = np.flatnonzero(~encodable(encoding)[points])
    codes = points[places].astype(np.int64)
    codes[(codes >= 0xDC80) & (codes <= 0xDCFF)] *= -1
    codes[codes < 0] += 0xDC00 - 1
    return points, Flaws(places, codes)


def stand_in(code: int, policy: Policy) -> str:
    """What is written in place of a flaw's code."""
    if policy is Policy.REPLACE:
        return "?"
    return f"\\x{{{-1 - code:02X}}}" if code < 0 else f"\\u{{{code:X}}}"


def flaw_error(code: int, encoding: Encoding, place: str, context: str) -> Unencodable | InvalidText:
    """The error for a flaw in `place` (`Table shop.orders, column note, id=42`), with the text around it."""
    if code < 0:
        return InvalidText(
            f"{place}: the byte 0x{-1 - code:02X} is no UTF-8 text (in {context!a}).", HINT_INVALID
        )
    return Unencodable(f"{place}: {encoding} has no U+{code:04X} (in {context!a}).", HINT_LACKS)


def mend(text: str, encoding: Encoding, policy: Policy, place: Callable[[], str]) -> tuple[str, list[int]]:
    """`text` with its flaws written as `policy` says, and the codes of the flaws.

    For single texts (names, statements, slices of huge values). Raises Unencodable or InvalidText where the
    policy is to fail.
    """
    _, flaws = find_flaws(text, encoding)
    codes: list[int] = flaws.codes.tolist()
    if not codes:
        return text, []
    where: list[int] = flaws.places.tolist()
    if policy is Policy.FAIL:
        raise flaw_error(codes[0], encoding, place(), around(text, where[0]))
    pieces: list[str] = []
    done = 0
    for begin, code in zip(where, codes, strict=True):
        pieces += (text[done:begin], stand_in(code, policy))
        done = begin + 1
    pieces.append(text[done:])
    return "".join(pieces), codes


def around(text: str, place: int) -> str:
    """Some characters on both sides, for messages."""
    return text[max(0, place - 12) : place + 13]


def encode_text(text: str, encoding: Encoding, policy: Policy, where: str) -> bytes:
    """A whole small file (a schema), with its byte-order mark where the encoding has one.

    `where` names it in errors. Raises Unencodable or InvalidText where the policy is to fail.
    """
    mended, _ = mend(text, encoding, policy, lambda: where)
    return _CODECS[encoding].bom + mended.encode(_CODECS[encoding].name)


def count_flaws(text: str, encoding: Encoding) -> int:
    """How many characters of `text` a policy has to do something about."""
    return len(find_flaws(text, encoding)[1].places)


def conversion(client: str, encoding: Encoding) -> str:
    """The words that say how a file is made readable for a client that doesn't know its encoding. They end in
    a command of a shell, which reads FILE and writes FILE.utf8.

    The tables of GB18030 and BIG5 have several editions: glibc's iconv has 44 and 260 other characters than
    Python, and would change them without a word (seen with glibc 2.36, every code point).
    """
    command = f"iconv -f {encoding} -t UTF-8 FILE > FILE.utf8"
    if encoding in (Encoding.GB18030, Encoding.BIG5):
        command = (
            "python3 -c 'import io, shutil, sys; shutil.copyfileobj("
            f'io.TextIOWrapper(sys.stdin.buffer, "{_CODECS[encoding].name}", newline=""), '
            'io.TextIOWrapper(sys.stdout.buffer, "utf-8", newline=""))\' < FILE > FILE.utf8'
        )
    return f"The {client} client can't read {encoding}: convert the file first, {command}"

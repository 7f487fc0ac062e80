"""Making foreign text inert before it reaches a terminal: names, errors and log lines may hold anything.

What isn't printable (control characters, the C1 range, bidi and zero-width controls, line separators) is
shown as `\\uXXXX`, the escape that JSON and TOML read too. So no title, clipboard, colour or cursor is
touched.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import msgspec


def plain(text: str) -> str:
    """`text` on one line, with nothing in it that a terminal would act on."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or unicodedata.category(c) == "Zs" else _escape(c) for c in text)


def plain_lines(text: str) -> str:
    """The same for a text of several lines, whose line breaks stay."""
    return "\n".join(map(plain, text.split("\n")))


def _escape(character: str) -> str:
    number = ord(character)
    if number < 0x10000:
        return f"\\u{number:04x}"
    # Beyond the first plane JSON knows surrogate pairs only: RFC 8259, section 7.
    number -= 0x10000
    return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"


def json_text(tree: Any) -> str:
    """A JSON document, readable, in which everything unprintable is escaped."""
    # On one line by the encoder written in C, then indented by msgspec: json.dumps with an indent walks
    # through all of it in Python, which for a thousand tasks takes ten times as long.
    try:
        return msgspec.json.format(plain(json.dumps(tree, ensure_ascii=False)), indent=2)
    except msgspec.DecodeError:
        # Half a surrogate pair, which stands for a byte in the name of a file: msgspec takes it for an error.
        return plain_lines(json.dumps(tree, ensure_ascii=False, indent=2))


def width(text: str) -> int:
    """Columns that a printable text takes on a terminal (Unicode Standard Annex #11)."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def cut(text: str, columns: int) -> str:
    """The beginning of a text that fits into so many columns, with `...` where something was left out."""
    if width(text) <= columns:
        return text
    kept, used = [], 0
    for character in text:
        used += width(character)
        if used > columns - 3:
            break
        kept.append(character)
    return ("".join(kept) + "...")[: max(columns, 0)]


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """A text filled up with spaces to so many columns."""
    fill = " " * max(0, columns - width(text))
    return fill + text if right else text + fill

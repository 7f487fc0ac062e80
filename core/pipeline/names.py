"""File names for objects: readable, safe on any file system, and reversible.

Unsafe characters are percent-encoded as in a URL (RFC 3986, section 2.1: `%` and two hex digits for each
byte of the UTF-8 form). Everything else stays, so that a name in Chinese is read in Chinese.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from core.errors import InvalidValue

MAX_BYTES = 200
_CUT_BYTES = 180
# Of these, # begins a comment in the lines by which the mariadb client includes a file.
_UNSAFE = frozenset("%/\\\"'`:*?<>|;#")
# Names that Windows takes for devices, with any ending. Source: Microsoft, "Naming Files, Paths, and
# Namespaces". Files may be copied there later.
_DEVICE = re.compile(r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|COM[0-9¹²³]|LPT[0-9¹²³])(?:\..*)?", re.IGNORECASE)
# Endings that this program gives: `-schema` and `-foreign-keys` to schema files, `.0001` to numbered
# ones, `~hash` to names that were too long.
_OURS = re.compile(r"(-schema$|-foreign-keys$|\.[0-9]+$|~[0-9a-f]{16}$)", re.IGNORECASE)
_ESCAPE = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


def file_names(names: Iterable[str], longest: int = MAX_BYTES) -> dict[str, str]:
    """A file name (without ending, of at most `longest` bytes) for each of the names of one directory.

    Names that a file system which ignores case or Unicode normalisation would take for one are told apart
    by encoding their upper-case letters or the characters that normalisation changes. The result depends on
    the set of names only, not on their order.
    """
    unique = set(names)
    groups: dict[str, list[str]] = defaultdict(list)
    for name in unique:
        groups[fold(name)].append(name)
    result = {}
    for group in groups.values():
        for name in group:
            stem = encode(name) if len(group) == 1 else encode(name, _apart(group, name))
            result[name] = _shorten(name, stem, longest)
    return result


def no_device(stem: str) -> str:
    """A whole stem that is safe in its pieces, and isn't a device's name on Windows either."""
    return _percent(stem[0]) + stem[1:] if _DEVICE.fullmatch(stem) else stem


def encode(name: str, also: frozenset[str] = frozenset()) -> str:
    """`name` with everything unsafe percent-encoded, and the characters of `also` too."""
    if not name:
        return "%"
    forced = {0, len(name) - 1} & {i for i in (0, len(name) - 1) if name[i] in ". "}
    if name[0] == "-" or _DEVICE.fullmatch(name):
        forced.add(0)
    if own := _OURS.search(name):
        forced.add(own.start())
    # So does -- before a blank.
    forced.update(found.end() - 1 for found in re.finditer("-- ", name))
    return "".join(
        _percent(c) if i in forced or c in _UNSAFE or c in also or not c.isprintable() else c
        for i, c in enumerate(name)
    )


def decode(stem: str) -> str:
    """The true name behind a file name made here. Raises InvalidValue for one that was shortened: then the
    manifest knows it."""
    if stem == "%":
        return ""
    if re.search(r"~[0-9a-f]{16}$", stem):
        raise InvalidValue(f"{stem!r} is a shortened name.", "The manifest has the true one.")
    return _ESCAPE.sub(lambda found: _text(bytes.fromhex(found[0].replace("%", ""))), stem)


def fold(name: str) -> str:
    """Equal for names that some file system can't tell apart."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def _apart(group: list[str], name: str) -> frozenset[str]:
    """The characters of `name` to encode so that it differs from the others of its group on every file
    system: those that folding changes, or, where that isn't enough, all that aren't lower-case ASCII
    letters or digits, which is always enough because what is left folds to itself."""
    if len({fold(encode(other, _changing(other))) for other in group}) == len(group):
        return _changing(name)
    return frozenset(c for c in name if not ("a" <= c <= "z" or "0" <= c <= "9"))


def _changing(name: str) -> frozenset[str]:
    """The characters of `name` that ignoring case or normalisation may change."""
    normal = unicodedata.is_normalized("NFC", name)
    return frozenset(c for c in name if c.casefold() != c or (not normal and unicodedata.combining(c)))


def _shorten(name: str, stem: str, longest: int) -> str:
    if len(stem.encode()) <= longest:
        return stem
    # What is cut off, 17 bytes of hash and up to three of a character that was cut in two.
    kept = stem.encode()[: longest - (MAX_BYTES - _CUT_BYTES)].decode(errors="ignore")
    kept = re.sub(r"%[0-9A-F]?$", "", kept)
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{kept}~{digest}"


def _percent(character: str) -> str:
    # A byte that was no UTF-8 comes from a driver as a lone surrogate of U+DC80 to U+DCFF.
    escaped = "\udc80" <= character <= "\udcff"
    data = character.encode("utf-8", "surrogateescape" if escaped else "surrogatepass")
    return "".join(f"%{byte:02X}" for byte in data)


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "surrogateescape")

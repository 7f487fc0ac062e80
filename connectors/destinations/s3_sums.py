"""Checksums of what goes to S3: the MD5 of each request, and the entity tags that answer them.

The tag of an object that was put as a whole is its MD5; that of one put in parts is the MD5 of the
parts' MD5s, a hyphen, and how many there are. Those of objects that are encrypted with a key of their own are
neither.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any, NamedTuple

PART_BYTES = 8 << 20
MOST_PARTS = 9000
_MD5 = re.compile(r'"?(?P<digest>[0-9a-f]{32}(-\d+)?)"?')


def md5(data: bytes = b"") -> hashlib._Hash:
    """The checksum of the protocol; it protects from mishaps, not from anybody."""
    return hashlib.md5(data, usedforsecurity=False)


def part_bytes(size: int) -> int:
    """The length of the parts of an object of `size` bytes: all alike but the last, 10,000 at most."""
    return max(PART_BYTES, -(-size // MOST_PARTS))


class Part(NamedTuple):
    number: int
    data: bytes

    @property
    def digest(self) -> bytes:
        return md5(self.data).digest()


def digest_of(answer: dict[str, Any]) -> str | None:
    found = _MD5.fullmatch(str(answer.get("ETag", "")))
    return found["digest"] if found else None


def same(answer: dict[str, Any], source: Path, size: int) -> bool:
    """Whether what is there already is what is to be sent, by its length and checksum."""
    tag = digest_of(answer)
    if int(answer["ContentLength"]) != size or tag is None:
        return False
    with source.open("rb") as local:
        if "-" not in tag:
            return tag == hashlib.file_digest(local, md5).hexdigest()
        digests = []
        while data := local.read(part_bytes(size)):
            digests.append(md5(data).digest())
    return tag == f"{md5(b''.join(digests)).hexdigest()}-{len(digests)}"

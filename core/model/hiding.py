"""Taking passwords out of texts that others made."""

from __future__ import annotations

import base64
import json
import shlex
import urllib.parse
from collections.abc import Iterable

SHORTEST_SECRET = 4


class Hiding:
    """The last line of defence for passwords in texts that others made: an error of a driver, a traceback.
    Those shorter than four characters would take half of every text with them, and stay."""

    def __init__(self, secrets: Iterable[str | None]) -> None:
        forms = {
            form for secret in secrets if secret and len(secret) >= SHORTEST_SECRET for form in _forms(secret)
        }
        # Longest first, so that none hides within another.
        self._forms = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """`text` with `***` wherever one of the passwords is, plain or as it is commonly quoted."""
        for form in self._forms:
            text = text.replace(form, "***")
        return text

    def __repr__(self) -> str:
        return f"<Hiding of {len(self._forms)} texts>"


def _forms(secret: str) -> Iterable[str]:
    """As it is; as Python, JSON and a shell quote it; in a URL; in base64 and in hex digits."""
    data = secret.encode("utf-8", "surrogatepass")
    yield from (secret, repr(secret)[1:-1], repr(data)[2:-1], ascii(secret)[1:-1])
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], shlex.quote(secret))
    yield secret.encode("unicode_escape").decode()
    yield from (urllib.parse.quote(data, safe=""), urllib.parse.quote(data), urllib.parse.quote_plus(data))
    yield from (base64.b64encode(data).decode(), data.hex())

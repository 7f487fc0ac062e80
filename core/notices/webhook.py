"""A web hook: the task as JSON by HTTP POST (RFC 9110)."""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
from typing import Any

from core import __version__
from core.errors import NotDelivered

SECONDS = 30.0
# Of answers that refuse, these may be others next time: too slow, too early, too many.
_PASSING = {408, 425, 429}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A POST that is sent on becomes a GET, and a token would go to somebody else."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


def post(url: str, data: bytes, key: str, token: str | None, seconds: float = SECONDS) -> str:
    """POST `data`. `key` goes as Idempotency-Key, `token` as a bearer's. Anything but a status of 2xx is a
    failure. Raises NotDelivered."""
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"offramp/{__version__}",
        "Idempotency-Key": key,
    }
    if token is not None:
        if not token.isascii() or not token.isprintable():
            raise NotDelivered("The web hook's token can't stand in a header.", "Check where it comes from.")
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, data=data, headers=headers, method="POST")  # noqa: S310 - checked: http(s)
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, timeout=seconds) as answer:
            answer.read(1 << 16)
            return f"answered {answer.status}"
    except urllib.error.HTTPError as error:
        with error:
            passing = error.code >= 500 or error.code in _PASSING
            hint = "" if passing else "Check the URL, and the token where it wants one."
            raise NotDelivered(f"The web hook answered {error.code}.", hint, again=passing) from None
    except urllib.error.URLError as error:
        reason = error.reason
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise NotDelivered(
                f"The web hook's certificate isn't trusted: {reason.verify_message}.", again=True
            ) from None
        raise NotDelivered(f"The web hook can't be reached: {_words(reason)}.", again=True) from None
    except (OSError, http.client.HTTPException) as error:
        raise NotDelivered(f"The web hook gave no answer: {_words(error)}.", again=True) from None


def _words(error: object) -> str:
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(words).rstrip(".")

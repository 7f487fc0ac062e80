"""Points in time: letting go of them, whatever happens."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.errors import OfframpError

if TYPE_CHECKING:
    from connectors.base import Session


@contextlib.contextmanager
def ended_after(session: Session) -> Iterator[None]:
    """Let go of the session's point in time at the end. An error before it is not hidden by one there."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OfframpError):
            session.end()
        raise
    session.end()

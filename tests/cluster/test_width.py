"""How many parts a cluster reads at once."""

from __future__ import annotations

import pytest

from core.cluster.width import MOST, Width
from core.model.connection import Connection
from core.model.vocabulary import Mode


class Dispatch:
    """Stands for a scheduler with so many threads, which is all that is asked of it here."""

    address = "tcp://nowhere:1"

    def __init__(self, threads: int) -> None:
        self._threads = threads

    def threads(self) -> int:
        return self._threads


@pytest.mark.parametrize(
    ("asked", "limit", "threads", "wanted"),
    [
        (None, None, 6, 6),
        (None, None, 100, MOST),
        (None, 5, 100, 4),
        (None, 5, 3, 3),
        (100, None, 3, 100),
        (100, 9, 3, 8),
        (100, 2, 3, 1),
        (None, 5, 0, 1),
    ],
)
def test_neither_more_than_asked_for_nor_than_the_connection_allows(
    asked: int | None, limit: int | None, threads: int, wanted: int
) -> None:
    connection = Connection(name="lake", mode=Mode.MYSQL, host="h", user="u", session_limit=limit)
    width = Width(asked, connection)
    width.count(Dispatch(threads))  # type: ignore[arg-type]
    assert width.now == wanted
    width.lower(1)
    assert width.now == 1

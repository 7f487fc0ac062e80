"""A condition of a read, in all sources: which rows come, how they are cut into parts, what is no condition."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import SourceError
from core.model.vocabulary import ObjectRef, ObjectType
from tests.connectors.sources import PRODUCTS, Place, new_place

ORDERS = ObjectRef(ObjectType.TABLE, "orders")


@pytest.fixture(params=PRODUCTS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """1000 orders of ten kinds, and the kinds that are open."""
    made = new_place(request.param, request, tmp_path)
    made.run(
        "CREATE TABLE orders (id int NOT NULL PRIMARY KEY, kind int NOT NULL, note varchar(20))",
        "CREATE TABLE open_kinds (kind int)",
        "INSERT INTO open_kinds VALUES (3), (4)",
        "INSERT INTO orders VALUES "
        + ", ".join(f"({i * 7}, {i % 10}, {'NULL' if i % 3 else repr(f'it; {i} --')})" for i in range(1000)),
        "CREATE INDEX by_kind ON orders (kind)",
    )
    return made


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("kind = 3", [i for i in range(1000) if i % 10 == 3]),
        ("id >= 70 AND id < 700 OR id = 0", [0, *range(10, 100)]),
        ("note LIKE 'it; 9%' -- those", [i for i in range(1000) if i % 3 == 0 and str(i)[0] == "9"]),
        ("note IS NULL AND orders.kind IN (SELECT kind FROM open_kinds)",
         [i for i in range(1000) if i % 3 and i % 10 in (3, 4)]),
        ("1 = 0", []),
    ],
)  # fmt: skip
def test_only_rows_that_meet_it_come(place: Place, where: str, expected: list[int]) -> None:
    ids = [str(i * 7).encode() for i in expected]
    with place.session() as session:
        shape = session.describe(place.database, ORDERS)
        session.check_readable(place.database, shape, where)
        session.begin()
        assert place.keys(place.rows(session, shape, where=where)) == place.keys((key,) for key in ids)
        parts = session.split(place.database, shape, 20, where)
        found = [place.rows(session, shape, part, where=where) for part in parts]
        session.end()
    assert place.keys(row for rows in found for row in rows) == place.keys((key,) for key in ids)
    if len(ids) > 40:
        assert {len(rows) for rows in found[:-1]} == {20}, "counted are rows that meet it"


@pytest.mark.parametrize(
    "where",
    [
        "kind = ",
        "missing = 1",
        "kind = 3) OR (1 = 1",
        "kind = 3; DELETE FROM orders",
        "kind = 3 ORDER BY id",
        "kind = 3 UNION SELECT 1, 2, 'x'",
        "kind = 3 /* and",
        "kind = 3) -- ",
        "SELECT 1",
        "",
    ],
)
def test_what_is_no_condition_is_refused(place: Place, where: str) -> None:
    with place.session() as session:
        shape = session.describe(place.database, ORDERS)
        with pytest.raises(SourceError):
            session.check_readable(place.database, shape, where)
        # And nothing of it has run.
        session.begin()
        assert len(place.rows(session, shape)) == 1000
        session.end()

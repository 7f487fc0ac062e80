"""A query as a data set, in all sources: its columns, its rows, and what isn't taken for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.chunk import Kind
from core.errors import OfframpError, SchemaChanged
from core.model.vocabulary import ObjectRef, ObjectType
from tests.connectors.sources import PRODUCTS, Place, new_place

BIG = ObjectRef(ObjectType.QUERY, "big ones")


@pytest.fixture(params=PRODUCTS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    made = new_place(request.param, request, tmp_path)
    made.run(
        "CREATE TABLE orders (id int NOT NULL PRIMARY KEY, amount decimal(18,4), share double precision,"
        " note varchar(20))",
        "INSERT INTO orders VALUES (1, 12.5, 0.1, 'a%b'), (2, 7.25, 1e300, NULL), (3, 99, 2.5, 'it''s; --')",
    )
    return made


def read(place: Place, query: str, **options: object) -> list[tuple[bytes | None, ...]]:
    with place.session() as session:
        shape = session.describe_query(place.database, BIG, query)
        session.check_readable(place.database, shape)
        session.begin()
        parts = session.split(place.database, shape, 1)
        assert len(parts) == 1
        rows = place.rows(session, shape, parts[0], **options)
        session.end()
    return rows


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT id, note FROM orders WHERE note LIKE '%''%' -- those", [(b"3", b"it's; --")]),
        ("SELECT id AS \"k;\" FROM orders ORDER BY id DESC" , [(b"3",), (b"2",), (b"1",)]),
        ("SELECT id, share FROM orders ORDER BY id DESC", [(b"3", b"2.5"), (b"2", b"1e+300"), (b"1", b"0.1")]),
        ("SELECT id, share FROM orders ORDER BY id DESC LIMIT 2", [(b"3", b"2.5"), (b"2", b"1e+300")]),
        ("WITH picked AS (SELECT * FROM orders) SELECT count(*) AS n FROM picked", [(b"3",)]),
        ("SELECT id FROM orders WHERE id > 5", []),
        ("/* all */ SELECT a.id AS one, b.id AS other FROM orders a JOIN orders b ON b.id = a.id + 1 ORDER BY a.id",
         [(b"1", b"2"), (b"2", b"3")]),
    ],
)  # fmt: skip
def test_its_rows_come_in_its_order(
    place: Place, query: str, expected: list[tuple[bytes | None, ...]]
) -> None:
    if place.product in ("mariadb", "oceanbase"):
        query = query.replace('"k;"', "`k;`")
        expected = [tuple(v.replace(b"e+", b"e") if v else v for v in row) for row in expected]
    assert read(place, query) == expected


def test_a_condition_may_choose_of_it(place: Place) -> None:
    found = read(place, "SELECT id + 10 AS k, note FROM orders ORDER BY id DESC LIMIT 2", where="k < 13")
    assert found == [(b"12", None)]


def test_columns_are_known_where_the_server_tells(place: Place) -> None:
    with place.session() as session:
        shape = session.describe_query(
            place.database, BIG, "SELECT id, amount * 2 AS twice, note, share FROM orders"
        )
    assert shape.ref == BIG
    assert [column.name for column in shape.columns] == ["id", "twice", "note", "share"]
    if place.product == "sqlite":
        return
    kinds = [column.kind for column in shape.columns]
    assert kinds == [Kind.NUMBER, Kind.NUMBER, Kind.TEXT, Kind.NUMBER]
    types = [column.type for column in shape.columns]
    assert types[0] in ("int", "integer")
    assert types[1].startswith(("decimal(", "numeric"))
    assert types[2] in ("varchar(20)", "character varying(20)")
    assert types[3].startswith("double")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id FROM orders; SELECT 1",
        "SELECT id FROM orders; DELETE FROM orders",
        "DELETE FROM orders",
        "UPDATE orders SET id = 9 WHERE id = 1",
        "INSERT INTO orders (id) VALUES (4)",
        "WITH gone AS (DELETE FROM orders RETURNING id) SELECT id FROM gone",
        "SELECT id) AS a, (SELECT 2 AS z",
        "SELECT id FROM orders) AS offramp_query; --",
        "SELECT id FROM orders /*",
        "SELECT missing FROM orders",
        "SELECT id FROM nowhere",
        "SELECT a.id, b.id FROM orders a JOIN orders b ON a.id = b.id",
        "SELECT id FROM orders INTO OUTFILE '/tmp/offramp-stolen'",
        "SELECT id INTO copied FROM orders",
        "SELECT id FROM orders WHERE id = ?",
        "DROP TABLE orders",
        "CREATE TABLE other (id int)",
        "SHOW TABLES",
        "PRAGMA query_only = 0",
        "COMMIT",
        "",
        "-- nothing",
    ],
)
def test_what_is_no_query_is_refused_and_does_nothing(place: Place, query: str) -> None:
    if place.product == "sqlite" and "a.id, b.id" in query:
        return  # SQLite gives the second a name of its own
    with place.session() as session:
        with pytest.raises(OfframpError) as caught:
            session.describe_query(place.database, BIG, query)
        assert caught.value.message
        # The session is as good as before, and so is the table.
        shape = session.describe(place.database, ObjectRef(ObjectType.TABLE, "orders"))
        session.begin()
        assert len(place.rows(session, shape)) == 3
        session.end()


def test_it_is_read_as_of_the_point_in_time(place: Place) -> None:
    with place.session() as session:
        query = "SELECT id FROM orders ORDER BY id"
        shape = session.describe_query(place.database, BIG, query)
        if place.product == "oceanbase":
            assert not session.queries_join_snapshot
            return
        assert session.queries_join_snapshot
        if place.product == "sqlite":
            return  # a reader keeps the writer of this file out
        session.begin()
        place.run("INSERT INTO orders (id) VALUES (4)")
        assert [row[0] for row in place.rows(session, shape)] == [b"1", b"2", b"3"]
        session.end()


@pytest.mark.postgresql
def test_a_table_that_was_rewritten_is_not_read_as_empty(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    place = new_place("postgresql", request, tmp_path)
    place.run("CREATE TABLE orders (id int)", "INSERT INTO orders VALUES (1)")
    place.run("CREATE VIEW seen AS SELECT id FROM orders")
    with place.session() as session:
        shape = session.describe_query(place.database, BIG, "SELECT id FROM seen")
        session.begin()
        place.run("TRUNCATE orders")
        with pytest.raises(SchemaChanged, match="orders"):
            place.rows(session, shape)
        session.end()

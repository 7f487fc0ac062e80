"""Parts: every row in exactly one of them, cut by the server's own comparison, whatever the key."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from dataclasses import replace

import pytest

from connectors.sources.mysql import split
from connectors.sources.mysql.session import MysqlSession
from core.model.task import PartPlan
from tests.connectors.mysql_helpers import read_rows, request, session_of, table
from tests.servers.family import MysqlFamilyServer
from tests.servers.mariadb import MariadbServer
from tests.servers.oceanbase import OceanbaseServer

ROWS = 700
STEP = 90


def _integers(n: int) -> list[str]:
    """Sparse, with huge gaps, negative too, up to the ends of BIGINT."""
    chance = random.Random(5)
    some = {chance.randrange(-(2**63), 2**63) for _ in range(n // 2)}
    some |= {-(2**63), 2**63 - 1, 0} | set(range(10_000, 10_000 + n - len(some) - 3))
    return [str(v) for v in some]


def _words(n: int) -> list[str]:
    """Distinct in a case-insensitive collation, in an order that isn't that of their bytes."""
    chance = random.Random(6)
    letters = "abcdefghijkLMNOPQRSTUVWXYZ"
    odd = ["ü", "Ä", "ß", "é", "😀", "\\", "'", "%", "_", "中", "-", " "]
    words: dict[str, str] = {}
    while len(words) < n:
        word = "".join(chance.choice(letters) for _ in range(5)) + chance.choice(odd) + str(len(words))
        words.setdefault(word.lower(), word)
    return [f"CONVERT(X'{w.encode().hex()}' USING utf8mb4)" for w in words.values()]


def _composite(n: int) -> list[str]:
    return [f"{i // 200}, '{chr(65 + i % 7)}', {i}" for i in range(n)]


KEYS: dict[str, tuple[str, list[str]]] = {
    "sparse integers": ("k bigint, PRIMARY KEY (k)", _integers(ROWS)),
    "unsigned": ("k bigint unsigned, PRIMARY KEY (k)", [str(2**64 - 1 - i * i) for i in range(ROWS)]),
    "case-insensitive text": ("k varchar(40), PRIMARY KEY (k)", _words(ROWS)),
    "bytes": ("k varbinary(16), PRIMARY KEY (k)", [f"UNHEX(MD5({i}))" for i in range(ROWS)]),
    "decimal": ("k decimal(30,10), PRIMARY KEY (k)", [f"{i * i}.{i:010}" for i in range(ROWS)]),
    "moment": (
        "k datetime(6), PRIMARY KEY (k)", [f"'2020-01-01' + INTERVAL {i * i} MICROSECOND" for i in range(ROWS)],
    ),
    "zoned moment": (
        "k timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), PRIMARY KEY (k)",
        [f"'2021-10-31 00:00:00' + INTERVAL {i * 13} SECOND" for i in range(ROWS)],
    ),
    "composite": ("a int, b char(1), c int, PRIMARY KEY (a, b, c)", _composite(ROWS)),
    "composite, first all equal": (
        "a int, k int, PRIMARY KEY (a, k)", [f"7, {i * 1000}" for i in range(ROWS)],
    ),
    "composite, then an enumeration": (
        "k int, e enum('z','a','m'), PRIMARY KEY (k, e)",
        [f"{i // 3}, '{'zam'[i % 3]}'" for i in range(ROWS)],
    ),
    "text, then number, descending values": (
        "s varchar(10), n int, PRIMARY KEY (s, n)", [f"'{'aAbB'[i % 4] if i % 4 in (0, 2) else 'x'}', {-i}" for i in range(ROWS)],
    ),
}  # fmt: skip
MARIADB_KEYS: dict[str, tuple[str, list[str]]] = {
    "uuid": ("k uuid, PRIMARY KEY (k)", [f"'{uuid.uuid5(uuid.NAMESPACE_URL, str(i))}'" for i in range(ROWS)]),
    "inet6": (
        "k inet6, PRIMARY KEY (k)",
        [f"CONCAT('2001:db8::', HEX({i * 17 % 65521}))" for i in range(ROWS)],
    ),
    "latin1 text": (
        "k varchar(20) CHARACTER SET latin1 COLLATE latin1_german2_ci, PRIMARY KEY (k)",
        [f"CONCAT(CHAR({i % 60 + 190} USING latin1), '{i}')" for i in range(ROWS)],
    ),
    "ucs2 text": ("k varchar(20) CHARACTER SET ucs2, PRIMARY KEY (k)", [f"'ü{i:x}'" for i in range(ROWS)]),
    "partitioned": ("k int, PRIMARY KEY (k)", [str(i * 3) for i in range(ROWS)]),
}


def build(server: MysqlFamilyServer, key: str, values: list[str], after: str = "") -> str:
    database = server.new_database()
    names = [
        piece.split()[0]
        for piece in key.split("PRIMARY", maxsplit=1)[0].split("UNIQUE", maxsplit=1)[0].split(", ")
        if piece.strip()
    ]
    server.run(
        f"CREATE TABLE t ({key}, v varchar(20)) {after}",
        *(
            f"INSERT INTO t ({', '.join(names)}, v) VALUES "
            + ", ".join(f"({v}, 'row {at + i}')" for i, v in enumerate(values[at : at + 100]))
            for at in range(0, len(values), 100)
        ),
        database=database,
    )
    return database


def each_row_once(
    session: MysqlSession, server: MysqlFamilyServer, database: str, rows: int
) -> list[PartPlan]:
    shape = session.describe(database, table("t"))
    parts = session.split(database, replace(shape, rows=rows), STEP)
    assert [p.number for p in parts] == list(range(len(parts)))
    together = [row for part in parts for row in read_rows(session, database, shape, part)]
    whole = read_rows(session, database, shape)
    assert len(whole) == rows
    assert Counter(together) == Counter(whole)
    # In key order through all parts: a file made of parts is that of one read.
    assert together == whole
    counted = [
        server.run(f"SELECT COUNT(*) FROM t WHERE {p.condition or 'TRUE'}", database=database)[0][0]
        for p in parts
    ]
    assert sum(counted) == rows
    return parts


@pytest.mark.parametrize("name", KEYS)
def test_every_row_is_in_exactly_one_part(mysql_family: MysqlFamilyServer, name: str) -> None:
    key, values = KEYS[name]
    database = build(mysql_family, key, values)
    with session_of(mysql_family) as session:
        parts = each_row_once(session, mysql_family, database, len(values))
    assert len(parts) > 3, [p.condition for p in parts]


@pytest.mark.mariadb
@pytest.mark.parametrize("name", MARIADB_KEYS)
def test_every_row_is_in_exactly_one_part_on_mariadb(mariadb: MariadbServer, name: str) -> None:
    key, values = MARIADB_KEYS[name]
    values = list(dict.fromkeys(values))
    after = "PARTITION BY HASH (k) PARTITIONS 4" if name == "partitioned" else ""
    database = build(mariadb, key, values, after)
    with session_of(mariadb) as session:
        parts = each_row_once(session, mariadb, database, len(values))
    assert len(parts) > 3


@pytest.mark.parametrize(
    "key",
    [
        "k int, w int", "k int, UNIQUE KEY (k)",
        "k enum('a','b','c'), PRIMARY KEY (k)", "k double, PRIMARY KEY (k)", "k bit(20), PRIMARY KEY (k)",
    ],
)  # fmt: skip
def test_what_can_not_be_cut_is_one_part(mysql_family: MysqlFamilyServer, key: str) -> None:
    values = ["'a'", "'b'", "'c'"] if "enum" in key else [str(i) for i in range(300)]
    database = build(mysql_family, key, values if "w int" not in key else [f"{v}, 1" for v in values])
    with session_of(mysql_family) as session:
        shape = session.describe(database, table("t"))
        parts = session.split(database, replace(shape, rows=10_000), 50)
        assert len(parts) == 1
        assert parts[0].condition is None
        assert len(read_rows(session, database, shape, parts[0])) == len(values)


def test_rows_that_come_and_go_meanwhile_belong_to_one_part(mysql_family: MysqlFamilyServer) -> None:
    database = build(mysql_family, "k int, PRIMARY KEY (k)", [str(i) for i in range(0, 2 * ROWS, 2)])
    with session_of(mysql_family) as session:
        shape = session.describe(database, table("t"))
        parts = session.split(database, replace(shape, rows=ROWS), STEP)
        mysql_family.run(
            "DELETE FROM t WHERE k % 10 = 0",
            "INSERT INTO t (k) VALUES (-5), (1), (177), (179), (181), (99999)",
            database=database,
        )
        together = [row[0] for part in parts for row in read_rows(session, database, shape, part)]
    now = mysql_family.run("SELECT k FROM t ORDER BY k", database=database)
    assert together == [str(k).encode() for (k,) in now]


def test_small_tables_stay_whole(mysql_family: MysqlFamilyServer) -> None:
    database = build(mysql_family, "k int, PRIMARY KEY (k)", [str(i) for i in range(100)])
    with session_of(mysql_family) as session:
        shape = replace(session.describe(database, table("t")), rows=None)
        assert len(session.split(database, shape, 100)) <= 2
        assert len(session.split(database, shape, 101)) == 1


def test_the_number_of_parts_is_bounded(
    mysql_family: MysqlFamilyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(split, "MAX_PARTS", 5)
    database = build(mysql_family, "k int, PRIMARY KEY (k)", [str(i) for i in range(ROWS)])
    with session_of(mysql_family) as session:
        shape = session.describe(database, table("t"))
        known = session.split(database, replace(shape, rows=ROWS), 10)
        assert len(known) == 5
        unknown = session.split(database, replace(shape, rows=None), 10)
        assert len(unknown) == 5
        for parts in (known, unknown):
            together = [row for part in parts for row in read_rows(session, database, shape, part)]
            assert len(together) == len(set(together)) == ROWS


def test_reading_in_key_order_sorts_nothing(mysql_family: MysqlFamilyServer) -> None:
    """Not even where another index holds all columns; and the parts use the key's range."""
    from connectors.sources.mysql.read import statement

    database = build(mysql_family, "a int, b char(1), c int, PRIMARY KEY (a, b, c)", _composite(ROWS))
    mysql_family.run("CREATE INDEX covering ON t (v, a, b, c)", "ANALYZE TABLE t", database=database)
    with session_of(mysql_family) as session:
        shape = session.describe(database, table("t"))
        facts = session._catalog.facts(database, shape.ref)
        parts = session.split(database, replace(shape, rows=ROWS), STEP)
        for part in (PartPlan(number=0), parts[1], parts[-1]):
            text = statement(request(database, shape, part), facts, session._link.product.family, "")
            plan = repr(mysql_family.run(f"EXPLAIN {text}", database=database)).lower()
            assert "filesort" not in plan
            assert "sort" not in plan
            assert "covering" not in plan
            if part.condition is not None and mysql_family.product == "mariadb":
                assert "'range'" in plan


@pytest.mark.oceanbase
def test_partitioned_tables_of_oceanbase_are_read_whole(oceanbase: OceanbaseServer) -> None:
    """In key order they would have to be sorted."""
    database = build(
        oceanbase,
        "k int, PRIMARY KEY (k)",
        [str(i) for i in range(ROWS)],
        "PARTITION BY HASH (k) PARTITIONS 4",
    )
    with session_of(oceanbase) as session:
        shape = session.describe(database, table("t"))
        assert shape.key == ("k",)
        parts = session.split(database, replace(shape, rows=ROWS), STEP)
        assert len(parts) == 1
        assert len(read_rows(session, database, shape, parts[0])) == ROWS

"""Values of every type, as read here, beside the server's own COPY; and what kinds and types they are said
to be."""

from __future__ import annotations

import csv
import io

import pytest

from connectors.base import Session
from core.chunk import Kind
from core.logical import Holds
from tests.connectors.postgresql_helpers import read_rows, read_table, session_of, table
from tests.servers.postgresql import PostgresqlServer

pytestmark = pytest.mark.postgresql

TYPES = """
CREATE TYPE mood AS ENUM ('so so', 'it''s "good"');
CREATE TYPE pair AS (a int, b text);
CREATE TYPE spans AS RANGE (subtype = float8);
CREATE DOMAIN short AS varchar(20) NOT NULL CHECK (VALUE <> 'x');
CREATE DOMAIN shorter AS short;
CREATE DOMAIN exact AS numeric(12, 3);
"""
# Type, values as literals (NULL is added to each).
VALUES: list[tuple[str, list[str]]] = [
    ("smallint", ["-32768", "32767"]),
    ("integer", ["-2147483648", "0"]),
    ("bigint", ["-9223372036854775808", "9223372036854775807"]),
    ("oid", ["4294967295"]),
    ("numeric", ["'NaN'", "'Infinity'", "'-Infinity'", "-0.000", "1e-30", "7" * 1000, "0." + "3" * 900]),
    ("numeric(38,10)", ["-1234567890123456789012345678.0123456789", "'NaN'"]),
    ("numeric(5,-2)", ["123456"]),
    ("real", ["'NaN'", "'-Infinity'", "'-0'", "1.1754944e-38", "16777217", "0.1", "3.4028235e38"]),
    ("double precision", ["'NaN'", "'Infinity'", "'-0'", "5e-324", "0.1", "1.7976931348623157e308", "1e22"]),
    ("money", ["-92233720368547758.08", "1234.5"]),
    ("boolean", ["true", "false"]),
    ("text", ["''", "'NULL'", r"'\N'", r"'a\b'", "E'tab\\tcr\\rlf\\nquote'' \" end'", "'é漢😀'", "'  '", "E'\\x01\\x1a'"]),
    ("varchar(10)", ["'  ab  '", "''"]),
    ("char(6)", ["'ab'", "' a'", "''"]),
    ('"char"', ["'x'", "''"]),
    ("name", ["'a name'"]),
    ("bytea", [r"'\x'", r"'\x00ff27225c0a'"]),
    ("date", ["'infinity'", "'-infinity'", "'0044-03-15 BC'", "'4713-01-01 BC'", "'5874897-12-31'"]),
    ("time", ["'24:00:00'", "'00:00:00.000001'"]),
    ("time(0)", ["'23:59:59'"]),
    ("timetz", ["'24:00:00+15:59'", "'01:02:03.5-07'"]),
    ("timestamp", ["'infinity'", "'-infinity'", "'0001-01-01 00:00:00 BC'", "'294276-12-31 23:59:59.999999'"]),
    ("timestamp(3)", ["'2020-02-29 12:00:00.125'"]),
    ("timestamptz", ["'infinity'", "'2021-10-31 02:30:00+02'", "'2021-10-31 02:30:00+01'", "'0044-03-15 BC'"]),
    ("interval", ["'-178000000 years'", "'1 year -2 mons 3 days -04:05:06.7'", "'0'"]),
    ("interval day to second(2)", ["'3 days 04:05:06.78'"]),
    ("uuid", ["'00112233-4455-6677-8899-aabbccddeeff'"]),
    ("json", ["'{\"a\":  [1, 12345678901234567890123, \"é\\u0041\"], \"a\": null}'", "'null'"]),
    ("jsonb", ["'{\"b\": 1.10, \"a\": [true, \"x''\"]}'"]),
    ("jsonpath", ["'$.a[*] ? (@ > 1)'"]),
    ("xml", ["'<a b=\"1\">é</a>'"]),
    ("bit(8)", ["B'10101010'"]),
    ("bit varying", ["B''", "B'101'"]),
    ("inet", ["'192.168.1.5'", "'192.168.1.5/24'", "'::1'"]),
    ("cidr", ["'10.0.0.0/8'", "'2001:db8::/32'"]),
    ("macaddr", ["'08:00:2b:01:02:03'"]),
    ("macaddr8", ["'08:00:2b:01:02:03:04:05'"]),
    ("point", ["'(1.5,-0)'"]),
    ("polygon", ["'((0,0),(1,1),(1,0))'"]),
    ("tsvector", ["'a:1 ''b c'':2'"]),
    ("tsquery", ["'a & !b'"]),
    ("pg_lsn", ["'16/B374D848'"]),
    ("int4range", ["'empty'", "'[1,5)'", "'(,)'"]),
    ("tstzrange", ["'[2020-01-01, infinity)'"]),
    ("spans", ["'[1.5,NaN)'"]),
    ("integer[]", ["'{}'", "'{1,NULL,3}'", "'[2:3]={4,5}'", "'{{1,2},{3,4}}'"]),
    ("text[]", ["ARRAY['a', 'b,\"c\"', 'NULL', '', '\\', NULL, '{}']"]),
    ("bytea[]", [r"ARRAY['\x00ff'::bytea]"]),
    ("boolean[]", ["'{t,f,NULL}'"]),
    ("mood", ["'so so'", "'it''s \"good\"'"]),
    ("mood[]", ["'{so so}'"]),
    ("pair", ["ROW(1, 'x,\"')", "ROW(NULL, NULL)"]),
    ("exact", ["1.5"]),
    ("shorter", ["'  s '"]),
    ("regclass", ["'pg_class'"]),
]  # fmt: skip


@pytest.fixture(scope="module")
def database(postgresql: PostgresqlServer) -> str:
    name = postgresql.new_database()
    postgresql.run(TYPES, database=name)
    columns = ", ".join(f"c{n} {kind}" for n, (kind, _) in enumerate(VALUES))
    postgresql.run(f"CREATE TABLE every (id int PRIMARY KEY, {columns})", database=name)
    most = max(len(values) for _, values in VALUES)
    for row in range(most + 1):
        given = [
            values[row] if row < len(values) else "''" if kind == "shorter" else "NULL"
            for kind, values in VALUES
        ]
        postgresql.run(f"INSERT INTO every VALUES ({row}, {', '.join(given)})", database=name)
    return name


def own_copy(server: PostgresqlServer, database: str, name: str) -> list[list[str | None]]:
    """What the server writes by itself, with settings that this test knows. A NULL is the word `\\N`, which
    is quoted where it is a text."""
    settings = (
        "SET TimeZone = 'UTC'", "SET DateStyle = 'ISO'", "SET IntervalStyle = 'postgres'",
        "SET extra_float_digits = 1", "SET bytea_output = 'hex'", "SET lc_monetary = 'C'", "SET search_path = ''",
    )  # fmt: skip
    with server.admin(database) as connection, connection.cursor() as cursor:
        for setting in settings:
            cursor.execute(setting.encode())
        with cursor.copy(
            f"COPY public.{name} TO STDOUT (FORMAT csv, FORCE_QUOTE *, NULL 'NOTHING')".encode()
        ) as copy:
            text = b"".join(bytes(piece) for piece in copy).decode()
    rows = []
    for row in csv.reader(io.StringIO(text, newline="")):
        rows.append([None if value == "NOTHING" else value for value in row])
    return rows


def as_server(value: bytes | None, kind: str) -> str | None:
    """A value that was read, as the server's COPY spells it."""
    if value is None:
        return None
    if kind == "bytea":
        return "\\x" + value.hex()
    if kind == "boolean":
        return {b"true": "t", b"false": "f"}[value]
    return value.decode()


def test_every_value_is_what_the_server_writes_itself(postgresql: PostgresqlServer, database: str) -> None:
    with session_of(postgresql, database) as session:
        read = read_table(session, "every")
    kinds = ["integer", *(kind for kind, _ in VALUES)]
    found = [[as_server(v, k) for v, k in zip(row, kinds, strict=True)] for row in read]
    expected = own_copy(postgresql, database, "every")
    assert len(found) == max(len(values) for _, values in VALUES) + 1
    for found_row, expected_row in zip(found, expected, strict=True):
        for kind, one, other in zip(kinds, found_row, expected_row, strict=True):
            assert one == other, kind


def test_composite_values_of_nulls_are_values(postgresql: PostgresqlServer, database: str) -> None:
    at = next(n for n, (kind, _) in enumerate(VALUES) if kind == "pair") + 1
    with session_of(postgresql, database) as session:
        assert [row[at] for row in read_table(session, "every")][:3] == [b'(1,"x,""")', b"(,)", None]


def test_kinds_and_logical_types(postgresql: PostgresqlServer, database: str) -> None:
    with session_of(postgresql, database) as session:
        shape = session.describe("public", table("every"))
    found = {kind: c for (kind, _), c in zip(VALUES, shape.columns[1:], strict=True)}
    assert found["exact"].kind is Kind.NUMBER
    assert found["exact"].type == "public.exact"
    assert (found["exact"].logical.precision, found["exact"].logical.scale) == (12, 3)
    assert not found["shorter"].nullable
    assert found["numeric"].logical.holds is Holds.TEXT
    assert found["bytea"].kind is Kind.BINARY
    assert found["timestamp(3)"].logical.holds is Holds.TIMESTAMP
    assert found["timestamptz"].logical.utc
    assert found["interval"].kind is found["integer[]"].kind is found["money"].kind is Kind.TEXT


def rows_of(session: Session, name: str, chunk_bytes: int) -> list[tuple[bytes | None, ...]]:
    shape = session.describe("public", table(name))
    return read_rows(session, shape, chunk_bytes=chunk_bytes)


def test_rows_are_the_same_however_they_are_cut(postgresql: PostgresqlServer, database: str) -> None:
    postgresql.run(
        "CREATE TABLE sizes (id int, a text, b bytea)",
        "INSERT INTO sizes SELECT i, repeat('x', i * 37 % 5000), decode(repeat('00ff', i % 40), 'hex')"
        " FROM generate_series(1, 3000) i",
        "INSERT INTO sizes VALUES (3001, repeat('ä', 3000000), NULL), (3002, NULL, '')",
        database=database,
    )
    with session_of(postgresql, database, tcp=True) as session:
        once = rows_of(session, "sizes", 1 << 30)
        assert once == rows_of(session, "sizes", 1) == rows_of(session, "sizes", 1 << 16)
    assert len(once) == 3002
    assert once[-2][1:] == ("ä".encode() * 3_000_000, None)
    assert once[-1] == (b"3002", None, b"")

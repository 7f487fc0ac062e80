"""Rows with types: the file is, byte by byte, the one that rows as texts make, whatever the values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.base import ReadRequest, TableShape
from connectors.sources.postgresql import copy
from connectors.sources.postgresql.cutting import Column
from connectors.sources.postgresql.numeric import printed
from connectors.sources.postgresql.session import PostgresqlSession
from connectors.sources.postgresql.typed import reading as reading_of
from connectors.sources.postgresql.types import ColumnType, logical
from core.arrow import ArrowChunk
from core.errors import ConnectionLost, Unfitting
from core.formats import open_encoder
from core.model.format_settings import Unfit
from core.model.settings import ExportSettings
from core.model.vocabulary import Format, ObjectRef, ObjectType
from tests.connectors.postgresql_helpers import WHOLE, session_of, table
from tests.connectors.test_postgresql_values import TYPES, VALUES
from tests.servers.postgresql import PostgresqlServer

pytestmark = pytest.mark.postgresql

# Types that come in their own form, and values of them as literals.
NUMBERS = ["numeric(18,4)", "numeric(18,0)", "numeric(18,18)", "numeric(7,5)", "numeric(5,1)", "numeric(2,2)"]
_digits = st.sampled_from(["", "0", "1", "9", "10", "9999", "10000", "99990000", "00010001", "123456789"])


def decimals(kind: str) -> st.SearchStrategy[str]:
    precision, scale = map(int, kind.removeprefix("numeric(").removesuffix(")").split(","))
    whole = precision - scale

    def text(start: str, end: str, sign: str) -> str:
        digits = (start[:whole] or "0") if whole else "0"
        return f"{sign}{digits}.{end.rjust(scale, '0')[:scale] if scale else '0'}"

    numbers = st.integers(1 - 10**precision, 10**precision - 1).map(lambda n: str(Decimal(n).scaleb(-scale)))
    return st.one_of(
        numbers, st.builds(text, _digits, _digits, st.sampled_from(["", "-"])), st.sampled_from(["NaN", "0"])
    )


_days = st.dates().map(str)
_moments = st.datetimes().map(lambda at: at.isoformat(" "))
_odd_days = ["infinity", "-infinity", "0001-01-01 BC", "0044-03-15 BC", "4713-01-01 BC", "10000-01-01",
             "5874897-12-31", "0001-01-01", "9999-12-31", "1970-01-01", "2000-01-01"]  # fmt: skip
_odd_moments = ["infinity", "-infinity", "0001-01-01 00:00:00 BC", "0044-03-15 10:00:00.5 BC",
                "294276-12-31 23:59:59.999999", "10000-01-01 00:00:00", "9999-12-31 23:59:59.999999",
                "0001-01-01 00:00:00", "1999-12-31 23:59:59.999999"]  # fmt: skip
_doubles = st.one_of(
    st.floats().map(repr), st.sampled_from(["NaN", "Infinity", "-Infinity", "-0", "5e-324", "1e22", "0.1"])
)
_singles = st.one_of(st.floats(width=32).map(repr), st.sampled_from(["NaN", "-Infinity", "-0", "1e-45"]))
_texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
STRATEGIES: dict[str, st.SearchStrategy[str]] = {
    "smallint": st.integers(-(2**15), 2**15 - 1).map(str),
    "integer": st.integers(-(2**31), 2**31 - 1).map(str),
    "bigint": st.integers(-(2**63), 2**63 - 1).map(str),
    "oid": st.integers(0, 2**32 - 1).map(str),
    "real": _singles,
    "double precision": _doubles,
    "boolean": st.sampled_from(["true", "false"]),
    "date": st.one_of(_days, st.sampled_from(_odd_days)),
    "time": st.one_of(st.times().map(str), st.sampled_from(["24:00:00", "00:00:00"])),
    "timestamp": st.one_of(_moments, st.sampled_from(_odd_moments)),
    "timestamptz": st.one_of(_moments, st.sampled_from(_odd_moments)),
    "timestamp(2)": _moments,
    "bytea": st.binary(max_size=12).map(lambda b: "\\x" + b.hex()),
    "text": _texts,
    "numeric": decimals("numeric(18,4)"),
    "numeric(40,10)": decimals("numeric(18,4)"),
    "exact": decimals("numeric(12,3)"),
} | {kind: decimals(kind) for kind in NUMBERS}


@pytest.fixture(scope="module")
def database(postgresql: PostgresqlServer) -> str:
    name = postgresql.new_database()
    postgresql.run(TYPES, database=name)
    return name


@contextmanager
def reading(
    server: PostgresqlServer, database: str, name: str
) -> Iterator[tuple[PostgresqlSession, TableShape]]:
    with session_of(server, database) as session:
        shape = session.describe("public", table(name))
        session.begin()
        yield session, shape
        session.end()


def file_of(
    session: PostgresqlSession,
    shape: TableShape,
    form: Format,
    *,
    typed: bool,
    unfit: Unfit = Unfit.NULL,
    chunk_bytes: int = 1 << 20,
) -> tuple[bytes, tuple[str, ...]]:
    """The file's bytes, and what the format said."""
    own = ExportSettings(connection="c", objects=("t",), format=form, on_unfit=unfit)
    encoder = open_encoder(own, session.dialect, "public", shape)
    request = ReadRequest("public", shape, WHOLE, chunk_bytes=chunk_bytes)
    data = [encoder.begin()]
    for chunk in session.read_typed(request) if typed else session.read(request):
        assert isinstance(chunk, ArrowChunk) is typed
        data += [bytes(piece) for piece in encoder.encode(chunk)]
    return b"".join([*data, encoder.flush(), encoder.end()]), encoder.warnings


def assert_same(session: PostgresqlSession, shape: TableShape) -> None:
    for form in (Format.PARQUET, Format.ARROW):
        expected = file_of(session, shape, form, typed=False)
        for size in (1 << 20, 1):
            assert file_of(session, shape, form, typed=True, chunk_bytes=size) == expected


@st.composite
def rows(draw: st.DrawFn) -> list[list[str | None]]:
    """Rows of which some hold what Arrow hasn't, others nothing of the kind."""
    count = draw(st.integers(0, 6))
    return [[draw(st.one_of(st.none(), each)) for each in STRATEGIES.values()] for _ in range(count)]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=rows())
def test_the_file_is_that_of_texts(
    postgresql: PostgresqlServer, database: str, rows: list[list[str | None]]
) -> None:
    columns = ", ".join(f"c{n} {kind}" for n, kind in enumerate(STRATEGIES))
    with postgresql.admin(database) as admin:
        admin.execute(f"DROP TABLE IF EXISTS drawn; CREATE TABLE drawn ({columns})".encode())
        marks = ", ".join(f"%s::text::{kind}" for kind in STRATEGIES)
        for each in rows:
            admin.execute(f"INSERT INTO drawn VALUES ({marks})".encode(), each)
    with reading(postgresql, database, "drawn") as (session, shape):
        assert_same(session, shape)


def test_every_type(postgresql: PostgresqlServer, database: str) -> None:
    columns = ", ".join(f"c{n} {kind}" for n, (kind, _) in enumerate(VALUES))
    postgresql.run(f"CREATE TABLE every (id int PRIMARY KEY, {columns})", database=database)
    for number in range(max(len(values) for _, values in VALUES) + 1):
        given_ = [
            values[number] if number < len(values) else "''" if kind == "shorter" else "NULL"
            for kind, values in VALUES
        ]
        postgresql.run(f"INSERT INTO every VALUES ({number}, {', '.join(given_)})", database=database)
    with reading(postgresql, database, "every") as (session, shape):
        assert_same(session, shape)


def test_a_column_that_has_another_type_than_was_described(
    postgresql: PostgresqlServer, database: str
) -> None:
    """Its bytes are of as many bytes as those of a number, and mustn't be taken for one."""
    postgresql.run(
        "CREATE TABLE retyped (c int, d text)", "INSERT INTO retyped VALUES (7, '8')", database=database
    )
    ref = table("retyped")
    with session_of(postgresql, database) as session:
        shape = session.describe("public", ref)
        postgresql.run(
            "ALTER TABLE retyped ALTER c TYPE text USING '1234', ALTER d TYPE int USING 8", database=database
        )
        session.begin()
        (chunk,) = session.read_typed(ReadRequest("public", shape, WHOLE))
        assert isinstance(chunk, ArrowChunk)
        assert [column.to_pylist() for column in chunk.batch.columns] == [[1234], ["8"]]


def test_queries_and_decimals_beyond_their_type(postgresql: PostgresqlServer, database: str) -> None:
    """Somebody has narrowed a column in the catalog, as they do to save rewriting a table."""
    postgresql.run(
        "CREATE TABLE narrowed (c numeric, d int)",
        "INSERT INTO narrowed VALUES (12345.678, 1), (1.5, 2), (99.9, 3), (100.0, 4), (0.12, 5), (1e30, 6), (7, 7)",
        "UPDATE pg_attribute SET atttypmod = (3 << 16 | 1) + 4"
        " WHERE attrelid = 'narrowed'::regclass AND attname = 'c'",
        database=database,
    )
    ref = ObjectRef(ObjectType.QUERY, "q")
    with reading(postgresql, database, "narrowed") as (session, shape):
        assert shape.columns[0].logical.precision == 3
        query = session.describe_query("public", ref, "SELECT c, d, now()::timestamptz(0) AS e FROM narrowed")
        assert_same(session, shape)
        assert_same(session, query)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("date", "infinity"), ("date", "0044-03-15 BC"), ("date", "5874897-12-31"), ("time", "24:00:00"),
        ("timestamp", "-infinity"), ("timestamptz", "0044-03-15 01:02:03.40 BC"),
        ("timestamp", "294276-12-31 23:59:59.999999"), ("numeric(12,3)", "NaN"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_in_the_servers_words(
    postgresql: PostgresqlServer, database: str, kind: str, value: str
) -> None:
    postgresql.run(
        f"DROP TABLE IF EXISTS odd; CREATE TABLE odd (c {kind});"
        f"INSERT INTO odd VALUES (NULL), ('{value}')", database=database
    )  # fmt: skip
    with reading(postgresql, database, "odd") as (session, shape):
        said = []
        for typed in (False, True):
            with pytest.raises(Unfitting) as caught:
                file_of(session, shape, Format.PARQUET, typed=typed, unfit=Unfit.FAIL)
            said.append(caught.value.message)
    assert said[0] == said[1]
    assert value.removesuffix("0 BC") in said[0]


@pytest.mark.parametrize("by_libpq", [False, True])
def test_values_at_the_very_end_of_what_came(
    postgresql: PostgresqlServer, database: str, by_libpq: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing lies behind them that could be read with them; least of all where libpq (with TLS) hands rows
    over one by one."""
    if by_libpq:
        monkeypatch.setattr(copy, "begins_at_once", lambda wire: False)
    for kind in ("numeric(12,3)", "numeric(18,1)", "smallint"):
        postgresql.run(
            f"DROP TABLE IF EXISTS last; CREATE TABLE last (c {kind});"
            "INSERT INTO last VALUES (1), (-20), (NULL), (3000), (0), (32000)", database=database
        )  # fmt: skip
        with reading(postgresql, database, "last") as (session, shape):
            assert_same(session, shape)


def test_numerics_are_printed_as_the_server_does(postgresql: PostgresqlServer) -> None:
    literals = [
        "'NaN'",
        "'Infinity'",
        "'-Infinity'",
        "-0.000",
        "0",
        "1e-30",
        "-10000.00010",
        "7e20",
        "0.10",
        "99999999",
    ]
    asked = ", ".join(f"numeric_send({each}), ({each}::numeric)::text" for each in literals)
    (found,) = postgresql.run(f"SELECT {asked}")
    assert [printed(value) for value in found[::2]] == list(found[1::2])


@pytest.mark.parametrize(
    ("kind", "value"),
    [("integer", bytes(8)), ("numeric(12,3)", b"\0\2" + bytes(8)), ("boolean", b""), ("date", bytes(3))],
)
def test_values_of_another_size_are_no_answer(kind: str, value: bytes) -> None:
    column = ColumnType(kind, kind)
    data = np.frombuffer(value, np.uint8)
    values = Column(data, np.zeros(1, np.int64), np.array([len(data)]), None)
    with pytest.raises(ConnectionLost):
        reading_of("c", column, logical(column)).make(values)

"""Types and values: what is asked for, and what is made of the driver's Arrow batches and rows."""

from __future__ import annotations

from decimal import Decimal

import oracledb
import pyarrow as pa
import pytest

from connectors.sources.oracle.convert import chunks, file_locator, table_of, texts
from connectors.sources.oracle.types import ColumnType, reading
from core.arrow import arrow_type
from core.chunk import Kind
from core.logical import Holds

MOMENT = "LTRIM(TO_CHAR(\"C\", 'SYYYY-MM-DD HH24:MI:SS{}'))"
AS_IS = '"C"'
# Type, as one would declare it, what is asked for, as what it comes, how it is understood, what it holds.
TYPES = [
    (ColumnType("NUMBER", precision=9, scale=0), "NUMBER(9,0)", AS_IS, pa.int64(), Kind.NUMBER, "integer"),
    (ColumnType("NUMBER", precision=18, scale=0), "NUMBER(18,0)", AS_IS, pa.int64(), Kind.NUMBER, "integer"),
    (ColumnType("NUMBER", precision=19, scale=0), "NUMBER(19,0)", AS_IS, pa.decimal128(19), Kind.NUMBER, "decimal"),
    (ColumnType("NUMBER", precision=38, scale=0), "NUMBER(38,0)", AS_IS, pa.decimal128(38), Kind.NUMBER, "decimal"),
    (ColumnType("NUMBER", precision=10, scale=2), "NUMBER(10,2)", AS_IS, pa.decimal128(10, 2), Kind.NUMBER, "decimal"),
    (ColumnType("NUMBER", precision=2, scale=5), "NUMBER(2,5)", AS_IS, pa.decimal128(5, 5), Kind.NUMBER, "decimal"),
    (ColumnType("NUMBER", precision=5, scale=-2), "NUMBER(5,-2)", AS_IS, pa.int64(), Kind.NUMBER, "integer"),
    (ColumnType("NUMBER", precision=38, scale=-84), "NUMBER(38,-84)", "TO_CHAR(\"C\", 'TM9')", pa.large_string(),
     Kind.NUMBER, "text"),
    (ColumnType("NUMBER", scale=0), "NUMBER(*,0)", "TO_CHAR(\"C\", 'TM9')", pa.large_string(), Kind.NUMBER, "decimal"),
    (ColumnType("NUMBER"), "NUMBER", "TO_CHAR(\"C\", 'TM9')", pa.large_string(), Kind.NUMBER, "text"),
    (ColumnType("FLOAT", precision=126), "FLOAT(126)", "TO_CHAR(\"C\", 'TM9')", pa.large_string(), Kind.NUMBER, "text"),
    (ColumnType("BINARY_FLOAT"), "BINARY_FLOAT", AS_IS, pa.float32(), Kind.NUMBER, "float"),
    (ColumnType("BINARY_DOUBLE"), "BINARY_DOUBLE", AS_IS, pa.float64(), Kind.NUMBER, "float"),
    (ColumnType("VARCHAR2", length=40, characters=10), "VARCHAR2(10 CHAR)", AS_IS, pa.large_string(), Kind.TEXT, "text"),
    (ColumnType("VARCHAR2", length=40), "VARCHAR2(40)", AS_IS, pa.large_string(), Kind.TEXT, "text"),
    (ColumnType("CHAR", length=3), "CHAR(3)", AS_IS, pa.large_string(), Kind.TEXT, "text"),
    (ColumnType("NVARCHAR2", length=20, characters=10), "NVARCHAR2(10)", AS_IS, pa.large_string(), Kind.TEXT, "text"),
    (ColumnType("DATE"), "DATE", MOMENT.format(""), pa.large_string(), Kind.PLAIN, "timestamp"),
    (ColumnType("TIMESTAMP(6)"), "TIMESTAMP(6)", MOMENT.format(".FF6"), pa.large_string(), Kind.PLAIN, "timestamp"),
    (ColumnType("TIMESTAMP(0)"), "TIMESTAMP(0)", MOMENT.format(""), pa.large_string(), Kind.PLAIN, "timestamp"),
    (ColumnType("TIMESTAMP(9)"), "TIMESTAMP(9)", MOMENT.format(".FF9"), pa.large_string(), Kind.PLAIN, "text"),
    (ColumnType("TIMESTAMP(6) WITH TIME ZONE"), "TIMESTAMP(6) WITH TIME ZONE", MOMENT.format(".FF6 TZH:TZM"),
     pa.large_string(), Kind.PLAIN, "text"),
    (ColumnType("TIMESTAMP(3) WITH LOCAL TIME ZONE"), "TIMESTAMP(3) WITH LOCAL TIME ZONE", MOMENT.format(".FF3"),
     pa.large_string(), Kind.PLAIN, "timestamp"),
    (ColumnType("INTERVAL DAY(2) TO SECOND(6)"), "INTERVAL DAY(2) TO SECOND(6)", 'TO_CHAR("C")', pa.large_string(),
     Kind.PLAIN, "text"),
    (ColumnType("INTERVAL YEAR(2) TO MONTH"), "INTERVAL YEAR(2) TO MONTH", 'TO_CHAR("C")', pa.large_string(),
     Kind.PLAIN, "text"),
    (ColumnType("RAW", length=16), "RAW(16)", AS_IS, pa.large_binary(), Kind.BINARY, "bytes"),
    (ColumnType("LONG RAW"), "LONG RAW", AS_IS, pa.large_binary(), Kind.BINARY, "bytes"),
    (ColumnType("LONG"), "LONG", AS_IS, pa.large_string(), Kind.TEXT, "text"),
    (ColumnType("CLOB"), "CLOB", AS_IS, pa.large_string(), Kind.TEXT, "text"),
    (ColumnType("NCLOB"), "NCLOB", AS_IS, pa.large_string(), Kind.TEXT, "text"),
    (ColumnType("BLOB"), "BLOB", AS_IS, pa.large_binary(), Kind.BINARY, "bytes"),
    (ColumnType("BOOLEAN"), "BOOLEAN", AS_IS, pa.bool_(), Kind.PLAIN, "boolean"),
    (ColumnType("ROWID"), "ROWID", 'ROWIDTOCHAR("C")', pa.large_string(), Kind.TEXT, "text"),
    (ColumnType("UROWID", length=4000), "UROWID(4000)", AS_IS, None, Kind.TEXT, "text"),
    (ColumnType("BFILE"), "BFILE", AS_IS, None, Kind.TEXT, "text"),
    (ColumnType("XMLTYPE", owner="PUBLIC"), "XMLTYPE", 'XMLSERIALIZE(CONTENT "C" AS CLOB)', pa.large_string(),
     Kind.TEXT, "text"),
    (ColumnType("JSON"), "JSON", 'JSON_SERIALIZE("C" RETURNING CLOB)', pa.large_string(), Kind.TEXT, "text"),
    (ColumnType("VECTOR"), "VECTOR", 'FROM_VECTOR("C" RETURNING CLOB)', pa.large_string(), Kind.TEXT, "text"),
    (ColumnType("ADDRESS", owner="HR"), "HR.ADDRESS",
     'CASE WHEN "C" IS NOT NULL THEN XMLSERIALIZE(CONTENT XMLTYPE("C") AS CLOB) END', pa.large_string(),
     Kind.TEXT, "text"),
    (ColumnType("SDO_GEOMETRY", owner="PUBLIC"), "SDO_GEOMETRY",
     'CASE WHEN "C" IS NOT NULL THEN XMLSERIALIZE(CONTENT XMLTYPE("C") AS CLOB) END', pa.large_string(),
     Kind.TEXT, "text"),
    (ColumnType("WHAT_NEXT"), "WHAT_NEXT", AS_IS, None, Kind.TEXT, "text"),
]  # fmt: skip


@pytest.mark.parametrize(("column", "full", "asked", "arrow", "kind", "holds"), TYPES, ids=str)
def test_types(column, full, asked, arrow, kind, holds) -> None:
    found = reading("C", column)
    assert (column.full, found.expression, found.arrow, found.kind) == (full, asked, arrow, kind)
    assert found.logical.holds is Holds(holds)


def test_objects_are_left_out_of_sql() -> None:
    found = reading("C", ColumnType("ADDRESS", owner="HR"))
    assert not found.insertable
    assert "XML" in found.note


def test_no_number_is_a_double() -> None:
    """What the driver makes of a NUMBER without being asked: never."""
    for precision in [None, *range(1, 39)]:
        for scale in [None, *range(-84, 128, 7)]:
            if precision is None and scale not in (None, 0):
                continue
            found = reading("C", ColumnType("NUMBER", precision=precision, scale=scale))
            assert found.arrow is not None
            assert not pa.types.is_floating(found.arrow)
            assert found.logical.holds is not Holds.FLOAT


def frame(arrays: list[pa.Array]) -> pa.Table:
    """As it comes from the driver: through its own DataFrame."""
    made = pa.table(arrays, names=[f"C{n}" for n in range(1, len(arrays) + 1)])
    return pa.table(oracledb.from_arrow(made))


D = Decimal


@pytest.mark.parametrize(
    ("array", "kind", "expected"),
    [
        (pa.array([0, -(10**18) + 1, None], pa.int64()), Kind.NUMBER, [b"0", b"-999999999999999999", None]),
        (
            pa.array([D("-12.50"), D("0.01"), D("99999999.99"), D(0), D("-0.05")], pa.decimal128(10, 2)),
            Kind.NUMBER,
            [b"-12.50", b"0.01", b"99999999.99", b"0.00", b"-0.05"],
        ),
        (
            pa.array([D("1E-20"), D("-1E-38") * 0, D("-123E-20"), None], pa.decimal128(38, 20)),
            Kind.NUMBER,
            [b"0.00000000000000000001", b"0.00000000000000000000", b"-0.00000000000000000123", None],
        ),
        (pa.array([D(10**37), D(-(10**38) + 1)], pa.decimal128(38, 0)), Kind.NUMBER, [b"1" + b"0" * 37, b"-" + b"9" * 38]),
        (pa.array([D("0.00012")], pa.decimal128(5, 5)), Kind.NUMBER, [b"0.00012"]),
        (
            pa.array([0.1, -0.0, float("inf"), float("-inf"), float("nan"), 5e-324, 1.7976931348623157e308], pa.float64()),
            Kind.NUMBER,
            [b"0.1", b"-0", b"Infinity", b"-Infinity", b"NaN", b"5e-324", b"1.7976931348623157e+308"],
        ),
        (pa.array([0.1, 3.4028235e38], pa.float32()), Kind.NUMBER, [b"0.1", b"3.4028235e+38"]),
        (pa.array([True, False, None], pa.bool_()), Kind.PLAIN, [b"true", b"false", None]),
        (
            pa.array([".5", "-.5", "0", "1E+125", "-1.5", "123456789012345678901234567890.123456789"], pa.large_string()),
            Kind.NUMBER,
            [b"0.5", b"-0.5", b"0", b"1E+125", b"-1.5", b"123456789012345678901234567890.123456789"],
        ),
        (pa.array([".5", "", "ü\0"], pa.large_string()), Kind.TEXT, [b".5", b"", "ü\0".encode()]),
        (pa.array([b"\0\xff", b"", None], pa.large_binary()), Kind.BINARY, [b"\0\xff", b"", None]),
        (pa.array(["-0044-03-15 00:00:00"], pa.large_string()), Kind.PLAIN, [b"-0044-03-15 00:00:00"]),
    ],
)  # fmt: skip
def test_values(array: pa.Array, kind: Kind, expected: list[bytes | None]) -> None:
    came = frame([array]).column(0).combine_chunks()
    assert texts(came, kind).to_pylist() == expected
    # A piece of a batch, with what lies before it.
    assert texts(came.slice(1), kind).to_pylist() == expected[1:]


def test_doubles_read_back_to_the_same_bits() -> None:
    numbers = [2.0**n * 1.1 for n in range(-1070, 1020, 7)]
    for text, number in zip(
        texts(pa.array(numbers, pa.float64()), Kind.NUMBER).to_pylist(), numbers, strict=True
    ):
        assert float(text) == number


def rows_of(found: list) -> list[list[bytes | None]]:
    return [[c.value(r, n) for n in range(c.columns)] for c in found for r in range(c.rows)]


@pytest.mark.parametrize("limit", [1, 20, 50, 1 << 20])
def test_chunks(limit: int) -> None:
    numbers = pa.array([*range(40), None], pa.int64())
    words = pa.array([None, *["x" * (n % 7) for n in range(40)]], pa.large_string())
    made = list(chunks(frame([numbers, words]), [Kind.NUMBER, Kind.TEXT], limit))
    expected = [[b"%d" % n if n < 40 else None, None if not n else b"x" * ((n - 1) % 7)] for n in range(41)]
    assert rows_of(made) == expected
    assert all(chunk.rows == 1 or int(chunk.ends[-1, -1] - chunk.starts[0, 0]) <= limit for chunk in made)


def test_no_rows() -> None:
    assert list(chunks(pa.table({"C1": pa.array([], pa.int64())}), [Kind.NUMBER], 100)) == []


def test_rows_become_the_same_as_batches() -> None:
    schema = pa.schema([("C1", pa.int64()), ("C2", pa.decimal128(10, 2)), ("C3", pa.large_string()),
                        ("C4", pa.large_binary()), ("C5", pa.float64())])  # fmt: skip
    kinds = [Kind.NUMBER, Kind.NUMBER, Kind.TEXT, Kind.BINARY, Kind.NUMBER]
    rows = [[D(7), D("1.5"), "ü", b"\0", 0.5], [None] * 5]
    made = rows_of(list(chunks(table_of(rows, schema), kinds, 1 << 20)))
    assert made == [[b"7", b"1.50", "ü".encode(), b"\0", b"0.5"], [None] * 5]


def test_file_locators() -> None:
    assert file_locator("MY_DIR", "it's.txt") == "BFILENAME('MY_DIR','it''s.txt')"


def test_typed_formats_know_all_logical_types() -> None:
    for column, *_ in TYPES:
        assert arrow_type(reading("C", column).logical) is not None

"""What only a server can show: that it takes every statement, and what its values look like. Beside the contract.

OFFRAMP_TEST_ORACLE_DSN=system/PASSWORD@HOST:1521/SERVICE pytest -m oracle
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest

from connectors.base import Session
from connectors.sources.oracle import statements as sql
from connectors.sources.oracle.catalog import TYPES
from core.errors import SnapshotGone
from core.model.task import Snapshot
from core.model.vocabulary import ObjectRef, ObjectType, SchemaFlavour
from tests.contract.oracle_subject import VARIABLE, OracleSubject
from tests.contract.reading import read, read_now, table

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.skipif(VARIABLE not in os.environ, reason=f"needs a server by {VARIABLE}"),
]

# One of each type, in upper case so that nothing of it is taken for a name in lower case.
OBJECTS = (
    "CREATE TYPE ADDRESS AS OBJECT (STREET VARCHAR2(40), MEMBER FUNCTION SHORT RETURN VARCHAR2)",
    "CREATE TYPE BODY ADDRESS AS MEMBER FUNCTION SHORT RETURN VARCHAR2 IS BEGIN RETURN STREET; END; END;",
    "CREATE TABLE T (ID NUMBER GENERATED ALWAYS AS IDENTITY PRIMARY KEY, NOTE VARCHAR2(20))",
    "CREATE INDEX T_NOTE ON T (NOTE)",
    "COMMENT ON COLUMN T.NOTE IS 'it''s;\n/\nodd'",
    "CREATE TABLE U (ID NUMBER PRIMARY KEY, T NUMBER REFERENCES T)",
    "CREATE VIEW V AS SELECT ID FROM T",
    "CREATE SEQUENCE S",
    "CREATE FUNCTION F RETURN NUMBER IS BEGIN RETURN 1; END;",
    "CREATE PROCEDURE P IS BEGIN NULL; END;",
    "CREATE PACKAGE K AS PROCEDURE A; END;",
    "CREATE PACKAGE BODY K AS PROCEDURE A IS BEGIN NULL; END; END;",
    "CREATE TRIGGER R BEFORE INSERT ON U FOR EACH ROW BEGIN NULL; END;",
    "CREATE SYNONYM Y FOR T",
    "CREATE MATERIALIZED VIEW M AS SELECT ID FROM T",
)
# A column type, a literal for it, and the text that it is read as.
VALUES = (
    ("NUMBER", "0.5", b"0.5"),
    ("NUMBER", "-1234567890123456789012345678901234567890", b"-1234567890123456789012345678901234567890"),
    ("NUMBER", "1E125", None),
    ("NUMBER(10,2)", "-0.05", b"-0.05"),
    ("NUMBER(38)", "99999999999999999999999999999999999999", b"9" * 38),
    ("INTEGER", "12345678901234567890", b"12345678901234567890"),
    ("BINARY_DOUBLE", "-BINARY_DOUBLE_INFINITY", b"-Infinity"),
    ("BINARY_FLOAT", "0.1F", b"0.1"),
    ("DATE", "TO_DATE('-0044-03-15', 'SYYYY-MM-DD')", b"-0044-03-15 00:00:00"),
    ("TIMESTAMP(9)", "TIMESTAMP '2024-02-29 13:00:00.123456789'", b"2024-02-29 13:00:00.123456789"),
    (
        "TIMESTAMP WITH TIME ZONE",
        "TIMESTAMP '2024-10-27 02:30:00 +02:00'",
        b"2024-10-27 02:30:00.000000 +02:00",
    ),
    (
        "TIMESTAMP WITH LOCAL TIME ZONE",
        "TIMESTAMP '2024-06-01 12:00:00 +02:00'",
        b"2024-06-01 10:00:00.000000",
    ),
    ("INTERVAL DAY TO SECOND", "INTERVAL '1 02:03:04.5' DAY TO SECOND", b"+01 02:03:04.500000"),
    ("INTERVAL YEAR TO MONTH", "INTERVAL '1-2' YEAR TO MONTH", b"+01-02"),
    ("NVARCHAR2(10)", "UNISTR('\\4E2D')", "中".encode()),
    ("CHAR(3)", "'a'", b"a  "),
    ("RAW(4)", "HEXTORAW('00FF')", b"\0\xff"),
    ("CLOB", "EMPTY_CLOB()", b""),
    ("CLOB", "TO_CLOB(RPAD('x', 3000, 'x')) || RPAD('y', 3000, 'y')", b"x" * 3000 + b"y" * 3000),
    ("BLOB", "HEXTORAW('00FF')", b"\0\xff"),
    ("XMLTYPE", "XMLTYPE('<a>1</a>')", None),
    ("ADDRESS", "ADDRESS('x')", None),
    ("BFILE", "BFILENAME('DIR', 'it''s')", b"BFILENAME('DIR','it''s')"),
    ("ROWID", "NULL", None),
)


@pytest.fixture
def subject(request: pytest.FixtureRequest) -> OracleSubject:
    return OracleSubject(request)


def test_every_statement_is_taken(subject: OracleSubject) -> None:
    for name, statement in vars(sql).items():
        if name.isupper() and isinstance(statement, str) and statement.startswith("SELECT"):
            binds = [word for word in ("name", "owner", "type") if f":{word}" in statement]
            if name in ("DDL", "DEPENDENT_DDL"):
                continue  # they refuse what isn't there
            subject._rows(subject._owner, statement, **dict.fromkeys(binds, "X"))


def test_objects_of_all_types(subject: OracleSubject) -> None:
    subject.run(*OBJECTS, f"CREATE PUBLIC SYNONYM {subject.place}_T FOR T")
    try:
        with subject.source().connect() as session:
            found = {info.ref for info in session.objects(subject.place)}
            assert {ref.type for ref in found} == set(TYPES)
            check_definitions(subject, session, found)
    finally:
        subject.run(f"DROP PUBLIC SYNONYM {subject.place}_T")


def check_definitions(subject: OracleSubject, session: Session, found: set[ObjectRef]) -> None:
    """Each definition is what makes the object again: dropped and made, it is the same."""
    order = sorted(found, key=lambda ref: (list(ObjectType).index(ref.type), ref.name))
    made = {ref: session.ddl(subject.place, ref, SchemaFlavour.NATIVE) for ref in order}
    for ref in reversed(order):
        subject._say(subject._owner, made[ref].drop)
        subject._say(subject._owner, made[ref].drop)  # nothing is there any more
    for ref in order:
        for statement in made[ref].create_bare:
            subject._say(subject._owner, statement)
    for ref in order:
        for statement in made[ref].foreign_keys:
            subject._say(subject._owner, statement)
    for ref in order:
        again = session.ddl(subject.place, ref, SchemaFlavour.NATIVE)
        assert again.fingerprint == made[ref].fingerprint, ref


@pytest.mark.parametrize(("kind", "literal", "expected"), VALUES, ids=lambda v: str(v)[:30])
def test_values(subject: OracleSubject, kind: str, literal: str, expected: bytes | None) -> None:
    if kind == "ADDRESS":
        subject.run("CREATE TYPE ADDRESS AS OBJECT (STREET VARCHAR2(40))")
    subject.run(f"CREATE TABLE T (ID NUMBER(9), V {kind})", "INSERT INTO T (ID) VALUES (2)")
    subject._say(subject._owner, f"INSERT INTO T VALUES (1, {literal})")
    subject._owner.commit()
    with subject.source().connect() as session:
        ((_, value), (_, null)) = read_now(session, subject.place, "T")
        assert null is None
        if expected is not None:
            assert value == expected
        elif literal != "NULL":
            assert value


def test_large_and_small_lobs_are_all_there(subject: OracleSubject) -> None:
    subject.run("CREATE TABLE T (ID NUMBER(9) PRIMARY KEY, C CLOB, B BLOB)")
    with subject._owner.cursor() as cursor:
        for number, size in enumerate((0, 1, 30_000, 40_000, 2_000_000)):
            cursor.execute("INSERT INTO T VALUES (:1, :2, :3)", [number, "ü" * size, b"\xff" * size])
    subject._owner.commit()
    with subject.source().connect() as session:
        rows = {int(row[0] or b""): row[1:] for row in read_now(session, subject.place, "T")}
    # Oracle takes an empty text for NULL.
    assert rows.pop(0) in ((None, None), (b"", b""))
    assert [(len(c or b""), len(b or b"")) for _, (c, b) in sorted(rows.items())] == [
        (2 * size, size) for size in (1, 30_000, 40_000, 2_000_000)
    ]


def test_parts_by_rowid(subject: OracleSubject) -> None:
    subject.run("CREATE TABLE T (ID NUMBER(9), NOTE VARCHAR2(200))")
    subject._say(
        subject._owner,
        "INSERT INTO T SELECT LEVEL, RPAD('x', 200, 'x') FROM SYS.DUAL CONNECT BY LEVEL <= 20000",
    )
    subject._owner.commit()
    subject._say(subject._owner, "BEGIN DBMS_STATS.GATHER_TABLE_STATS(USER, 'T'); END;")
    with subject.source().connect() as session:
        shape = session.describe(subject.place, table("T"))
        assert shape.rows == 20_000
        session.begin()
        parts = session.split(subject.place, shape, 2000)
        found = [read(session, subject.place, shape, part) for part in parts]
        assert len(parts) >= 5
        assert sorted(int(row[0] or b"") for rows in found for row in rows) == list(range(1, 20_001))


def test_a_point_in_time_that_is_gone(subject: OracleSubject) -> None:
    subject.run("CREATE TABLE T (ID NUMBER(9))")
    with subject.source().connect() as session:
        shape = session.describe(subject.place, table("T"))
        session.begin(Snapshot(id="999999999999999", taken_at=datetime.now(UTC), reopens=True))
        with pytest.raises(SnapshotGone):
            read(session, subject.place, shape)


def test_without_flashback_a_transaction_reads(subject: OracleSubject) -> None:
    subject.run("CREATE TABLE T (ID NUMBER(9))", "INSERT INTO T VALUES (1)")
    account = subject.account("T")
    with subject.source(account).connect() as session:
        shape = session.describe(subject.place, table("T"))
        session.check_readable(subject.place, shape)
        assert not session.begin().reopens
        subject.run("INSERT INTO T VALUES (2)")
        assert read(session, subject.place, shape) == [(b"1",)]
        session.end()

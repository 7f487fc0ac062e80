"""A session by the double of the driver's connection: what is asked when, and what is made of the answers."""

from __future__ import annotations

import threading
import time
from decimal import Decimal
from typing import Any

import msgspec
import oracledb
import pyarrow as pa
import pytest

from connectors.base import ReadRequest, Sharing
from connectors.sources.oracle import statements as sql
from connectors.sources.oracle.read import LOCATOR_ROWS, SMALL_LOB_ROWS, SMALL_LOBS, UNSIZED_ROWS
from connectors.sources.oracle.session import OracleSession
from core.errors import (
    BrokenObject,
    ConnectionLost,
    NoPrivilege,
    NotFound,
    SchemaChanged,
    SnapshotGone,
    SnapshotUnavailable,
    StatementFailed,
    Unsupported,
)
from core.model.mark import MarkKind
from core.model.task import PartPlan
from core.model.vocabulary import Consistency, Lock, ObjectRef, ObjectType
from tests.connectors.oracle.double import Double, refused, source

T = ObjectRef(ObjectType.TABLE, "T")
NUMBER = ("ID", "NUMBER", None, 22, 9, 0, 0, None, "N", "NO")
TEXT = ("NAME", "VARCHAR2", None, 40, None, None, 10, "C", "Y", "NO")
CLOB = ("BODY", "CLOB", None, 4000, None, None, 0, None, "Y", "NO")
BFILE = ("PLACE", "BFILE", None, 530, None, None, 0, None, "Y", "NO")
XML = ("DOC", "XMLTYPE", "PUBLIC", 2000, None, None, 0, None, "Y", "NO")
VIRTUAL = ("TWICE", "NUMBER", None, 22, None, None, 0, None, "Y", "YES")
HEAP = (1000, 50, 20, None, "N", "DISABLED", 0)


def describe(server: Double, *columns: Any, table: Any = HEAP, keys: Any = ()) -> None:
    server.answers |= {
        sql.COLUMNS: columns,
        sql.OBJECT: [(1,)],
        sql.TABLE: [table] if table else [],
        sql.KEYS: list(keys),
    }


def request(session: OracleSession, ref: ObjectRef = T, **more: Any) -> ReadRequest:
    part = more.pop("part", PartPlan(number=0))
    return ReadRequest("HR", session.describe("HR", ref), part, comment="offramp task 7", **more)


def values(chunks: Any) -> list[list[bytes | None]]:
    return [[c.value(r, n) for n in range(c.columns)] for c in chunks for r in range(c.rows)]


def test_getting_in(server: Double, session: OracleSession) -> None:
    assert server.said[:4] == list(sql.PIN)
    assert session.begins_in == "HR"
    assert (session.server.product, session.server.version, session.server.user) == (
        "Oracle",
        "19.22.0.0.0",
        "HR",
    )
    assert server.opened[0]["service_name"] == "FREEPDB1"
    assert server.opened[0]["program"] == "offramp_task_7_abc"


def test_too_old(server: Double) -> None:
    server.version = "11.2.0.4.0"
    with pytest.raises(Unsupported, match=r"12\.1"):
        source().connect()
    assert server.closed == 1


def test_what_there_is(server: Double, session: OracleSession) -> None:
    listed = ("TABLE", "T", 1000, 50, "words", "VALID")
    server.answers |= {
        sql.TABLES: [listed, ("TABLE", "ä T", None, None, None, "VALID")],
        sql.MATERIALIZED_VIEWS: [("MATERIALIZED VIEW", "MV", 1, 2, None, "VALID")],
        sql.VIEWS: [("VIEW", "V", None, None, None, "INVALID")],
        sql.SEQUENCES: [("SEQUENCE", "S", None, None, None, "VALID")],
        sql.PUBLIC_SYNONYMS: [("PUBLIC SYNONYM", "PS", None, None, None, "VALID")],
        sql.OTHERS: [
            (kind, kind[0], None, None, None, "VALID")
            for kind in (
                "FUNCTION",
                "PROCEDURE",
                "PACKAGE",
                "PACKAGE BODY",
                "TYPE",
                "TYPE BODY",
                "TRIGGER",
                "SYNONYM",
            )
        ],
    }
    found = session.objects("HR")
    assert {o.ref.type for o in found} == {
        ObjectType.TABLE, ObjectType.VIEW, ObjectType.MATERIALIZED_VIEW, ObjectType.FUNCTION,
        ObjectType.PROCEDURE, ObjectType.PACKAGE, ObjectType.PACKAGE_BODY, ObjectType.TYPE, ObjectType.TYPE_BODY,
        ObjectType.TRIGGER, ObjectType.SYNONYM, ObjectType.PUBLIC_SYNONYM, ObjectType.SEQUENCE,
    }  # fmt: skip
    table = next(o for o in found if o.ref == T)
    assert (table.rows, table.bytes, table.comment) == (1000, 50_000, "words")
    assert "INVALID" in next(o for o in found if o.ref.name == "V").note
    asked = len(server.said)
    assert [o.ref.name for o in session.objects("HR", [ObjectType.TABLE], "Ä t")] == ["ä T"]
    assert server.said[asked:] == [sql.SCHEMAS, sql.TABLES]
    assert server.binds[-1] == {"owner": "HR"}
    with pytest.raises(NotFound, match="no schema 'XX'"):
        session.objects("XX")


def test_a_shape(server: Double, session: OracleSession) -> None:
    describe(
        server,
        NUMBER,
        TEXT,
        VIRTUAL,
        keys=[("P", "NULLABLE_U", "NAME"), ("U", "K", "ID")],
    )
    shape = session.describe("HR", T)
    assert [(c.name, c.type, c.nullable, c.insertable) for c in shape.columns] == [
        ("ID", "NUMBER(9,0)", False, True),
        ("NAME", "VARCHAR2(10 CHAR)", True, True),
        ("TWICE", "NUMBER", True, False),
    ]
    assert (shape.key, shape.rows, shape.bytes) == (("ID",), 1000, 50_000)


def test_no_such_table(server: Double, session: OracleSession) -> None:
    describe(server)
    server.answers[sql.OBJECT] = [(0,)]
    with pytest.raises(NotFound, match="TABLE:T"):
        session.describe("HR", T)
    server.answers[sql.OBJECT] = [(1,)]
    with pytest.raises(BrokenObject, match="no columns"):
        session.describe("HR", T)


def test_as_of_an_scn(server: Double, session: OracleSession) -> None:
    describe(server, NUMBER, TEXT)
    snapshot = session.begin()
    assert (snapshot.id, snapshot.reopens) == ("4711", True)
    assert session.sharing is Sharing.SNAPSHOT
    statement = (
        'SELECT /* offramp task 7 */ "ID" AS C1, "NAME" AS C2 FROM "HR"."T" AS OF SCN 4711'
        " WHERE (\nROWID > CHARTOROWID('AAA')\n) AND (\nID > 5\n)"
    )
    server.answers[statement] = pa.table({"a": [1, 2], "b": ["x", None]})
    part = PartPlan(number=1, condition="ROWID > CHARTOROWID('AAA')")
    assert values(session.read(request(session, part=part, where="ID > 5"))) == [[b"1", b"x"], [b"2", None]]
    assert server.binds[-1] == {"size": 20_000}
    session.end()
    assert session.begin(snapshot) == snapshot


def test_the_next_scn_is_another(server: Double, session: OracleSession) -> None:
    numbers = iter(["1", "2", "3"])
    server.answers[sql.SCN] = lambda _: [(next(numbers),)]
    assert [session.begin().id, session.begin().id] == ["1", "2"]


def test_an_account_without_scns(server: Double, session: OracleSession) -> None:
    server.answers[sql.SCN] = refused("ORA-00904: : invalid identifier")
    server.answers[sql.SCN_OF_THE_DATABASE] = refused("ORA-00942: table or view does not exist")
    describe(server, NUMBER)
    (note,) = session.check_consistency(Consistency.TASK, Lock.NEVER, content_has_tables=True)
    assert "read-only transaction" in note
    assert session.sharing is Sharing.NONE
    snapshot = session.begin()
    assert (snapshot.id, snapshot.reopens, server.said[-1]) == (None, False, sql.READ_ONLY)
    server.answers['SELECT /* offramp task 7 */ "ID" AS C1 FROM "HR"."T"'] = pa.table({"a": [1]})
    assert values(session.read(request(session))) == [[b"1"]]
    session.end()
    assert server.rolled_back == 2  # before it, and at its end
    with pytest.raises(SnapshotUnavailable):
        session.begin(snapshot)


def test_the_scn_by_the_database(server: Double, session: OracleSession) -> None:
    server.answers[sql.SCN] = refused("ORA-00904: : invalid identifier")
    server.answers[sql.SCN_OF_THE_DATABASE] = [("12",)]
    assert session.begin().id == "12"


def test_without_the_right_to_look_back(server: Double, session: OracleSession) -> None:
    """AS OF SCN wants FLASHBACK on what others own: seen by the preflight, which then takes the other way."""
    describe(server, NUMBER)
    shape = session.describe("OE", T)
    bare = 'SELECT "ID" FROM "OE"."T"{} WHERE (\n1 = 0\n)'
    server.answers[bare.format("")] = []
    server.answers[bare.format(" AS OF SCN 4711")] = refused("ORA-01031: insufficient privileges")
    session.check_readable("OE", shape)
    assert session.begin().id is None
    (note,) = session.check_consistency(Consistency.OBJECT, Lock.NEVER, content_has_tables=True)
    assert "TABLE:T may not be read as of an SCN (FLASHBACK)" in note
    server.answers[bare.format("")] = refused("ORA-00942: table or view does not exist")
    session.end()
    with pytest.raises(NoPrivilege):
        session.check_readable("OE", shape)


def test_conditions_are_tried(server: Double, session: OracleSession) -> None:
    describe(server, NUMBER)
    shape = session.describe("HR", T)
    with pytest.raises(StatementFailed, match="no single condition"):
        session.check_readable("HR", shape, "1 = 1) OR (1 = 1")
    tried = 'SELECT "ID" FROM "HR"."T"{} WHERE (\nID > 5\n) AND (\n1 = 0\n)'
    server.answers[tried.format("")] = server.answers[tried.format(" AS OF SCN 4711")] = []
    session.check_readable("HR", shape, "ID > 5")
    assert sql.enter("HR") in server.said


@pytest.mark.parametrize(
    ("text", "kind", "hint"),
    [
        ("ORA-01555: snapshot too old", SnapshotGone, "undo_retention"),
        ("ORA-08181: specified number is not a valid system change number", SnapshotGone, "none of this"),
        ("ORA-01466: unable to read data - table definition has changed", SchemaChanged, "again"),
        ("ORA-00942: table or view does not exist", NoPrivilege, "FLASHBACK"),
        ("ORA-01013: user requested cancel of current operation", ConnectionLost, ""),
        ("ORA-12345: whatever", StatementFailed, ""),
    ],
)
def test_what_goes_wrong_in_the_midst(
    server: Double, session: OracleSession, text: str, kind: type[Exception], hint: str
) -> None:
    describe(server, NUMBER)
    session.begin()
    server.answers['SELECT /* offramp task 7 */ "ID" AS C1 FROM "HR"."T" AS OF SCN 4711'] = refused(text)
    with pytest.raises(kind, match=f"reading TABLE:T of schema HR.*: {text[:9]}") as caught:
        values(session.read(request(session)))
    assert hint in caught.value.hint


class Locator(oracledb.LOB):
    """What is used of a LOB locator: the driver makes none without a server."""

    def __init__(self, kind: Any, content: Any) -> None:
        self._kind, self._content = kind, content

    def __del__(self) -> None:
        """There is nothing on a server to let go of."""

    @property
    def type(self) -> Any:
        return self._kind

    def size(self) -> int:
        return len(self._content)

    def read(self, offset: int = 1, amount: int | None = None) -> Any:
        return self._content

    def getfilename(self) -> tuple[str, str]:
        return self._content


def locator(kind: Any, content: Any) -> Locator:
    return Locator(kind, content)


def test_large_lobs_come_one_by_one(server: Double, session: OracleSession) -> None:
    describe(server, NUMBER, CLOB)
    session.begin()
    head = 'SELECT /* offramp task 7 */ "ID" AS C1, "BODY" AS C2 FROM "HR"."T" AS OF SCN 4711 WHERE (\n'
    size = 'NVL(SYS.DBMS_LOB.GETLENGTH("BODY"), 0)'
    small, large = f"{head}{size} <= {SMALL_LOBS}\n)", f"{head}{size} > {SMALL_LOBS}\n)"
    server.answers[small] = pa.table({"a": [1, 2], "b": ["", None]})
    big = "ü" * SMALL_LOBS * 2
    server.answers[large] = [
        (3, locator(oracledb.DB_TYPE_CLOB, big)),
        (4, locator(oracledb.DB_TYPE_CLOB, "b")),
    ]
    found = values(session.read(request(session)))
    assert found == [[b"1", b""], [b"2", None], [b"3", big.encode()], [b"4", b"b"]]
    assert server.binds[-2] == {"size": SMALL_LOB_ROWS}
    # Of a view, two statements might see different rows.
    describe(server, NUMBER, CLOB, table=None)
    view = ObjectRef(ObjectType.VIEW, "V")
    server.answers['SELECT /* offramp task 7 */ "ID" AS C1, "BODY" AS C2 FROM "HR"."V" AS OF SCN 4711'] = [
        (1, locator(oracledb.DB_TYPE_CLOB, "x"))
    ]
    assert values(session.read(request(session, view))) == [[b"1", b"x"]]


def test_what_arrow_does_not_hold_comes_as_rows(server: Double, session: OracleSession) -> None:
    describe(server, NUMBER, BFILE, TEXT)
    session.begin()
    server.answers[
        'SELECT /* offramp task 7 */ "ID" AS C1, "PLACE" AS C2, "NAME" AS C3 FROM "HR"."T" AS OF SCN 4711'
    ] = [(Decimal(1), locator(oracledb.DB_TYPE_BFILE, ("D", "it's.txt")), "x"), (None, None, None)]
    assert values(session.read(request(session))) == [[b"1", b"BFILENAME('D','it''s.txt')", b"x"], [None] * 3]


def test_lobs_of_unknown_size_come_few_at_once(server: Double, session: OracleSession) -> None:
    describe(server, XML)
    session.begin()
    statement = (
        'SELECT /* offramp task 7 */ XMLSERIALIZE(CONTENT "DOC" AS CLOB) AS C1 FROM "HR"."T" AS OF SCN 4711'
    )
    server.answers[statement] = pa.table({"a": [f"<n>{n}</n>" for n in range(9)]})
    assert len(values(session.read(request(session)))) == 9
    assert server.binds[-1] == {"size": UNSIZED_ROWS}
    assert LOCATOR_ROWS > UNSIZED_ROWS


def test_external_tables_are_read_as_of_now(server: Double, session: OracleSession) -> None:
    describe(server, NUMBER, table=(None, None, None, None, "N", "DISABLED", 1))
    session.begin()
    assert "external" in session.describe("HR", T).warnings[0]
    server.answers['SELECT /* offramp task 7 */ "ID" AS C1 FROM "HR"."T"'] = pa.table({"a": [1]})
    assert values(session.read(request(session))) == [[b"1"]]


# Parts


def test_parts_by_rowid(server: Double, session: OracleSession) -> None:
    describe(server, NUMBER)
    shape = session.describe("HR", T)
    server.answers[sql.rowid_bounds("HR", "T", 100, 4, None)] = [("AAA1",), ("AAA2",), ("AAA3",), ("AAA4",)]
    parts = session.split("HR", shape, 250)
    assert [part.condition for part in parts] == [
        "ROWID <= CHARTOROWID('AAA1')",
        "ROWID > CHARTOROWID('AAA1') AND ROWID <= CHARTOROWID('AAA2')",
        "ROWID > CHARTOROWID('AAA2') AND ROWID <= CHARTOROWID('AAA3')",
        "ROWID > CHARTOROWID('AAA3')",
    ]
    assert parts[1].label == "ROWID after AAA1 up to AAA2"
    assert session.split("HR", shape, 1000) == [PartPlan(number=0, rows=1000)]


def test_parts_by_rowid_of_a_large_table_look_at_a_sample(server: Double, session: OracleSession) -> None:
    describe(server, NUMBER, table=(10_000_000, 50, 100_000, None, "N", "DISABLED", 0))
    shape = session.describe("HR", T)
    server.answers[sql.rowid_bounds("HR", "T", 0.25, 10, "ID > 5")] = [("A",), ("B",)]
    assert len(session.split("HR", shape, 1_000_000, "ID > 5")) == 2


@pytest.mark.parametrize(
    "table", [(1000, 50, 20, "IOT", "N", "DISABLED", 0), (1000, 50, 20, None, "N", "ENABLED", 0)]
)
def test_parts_along_a_key(server: Double, session: OracleSession, table: Any) -> None:
    name = ("NAME", "VARCHAR2", None, 40, None, None, 10, "C", "N", "NO")
    describe(server, NUMBER, name, table=table, keys=[("P", "K", "ID"), ("P", "K", "NAME")])
    shape = session.describe("HR", T)
    keys, texts = ['"ID"', '"NAME"'], ["TO_CHAR(\"ID\", 'TM9')", '"NAME"']
    first = sql.next_key('"HR"."T"', keys, texts, 399)
    server.answers |= {
        sql.next_key('"HR"."T"', keys, texts, 399, None, None): [(".5", "it's")],
        sql.next_key('"HR"."T"', keys, texts, 399, sql.compared(keys, ">", [".5", "'it''s'"]), None): [
            ("9", "z")
        ],
        sql.next_key('"HR"."T"', keys, texts, 399, sql.compared(keys, ">", ["9", "'z'"]), None): [],
    }
    parts = session.split("HR", shape, 400)
    assert first in server.said
    assert [p.condition for p in parts] == [
        sql.compared(keys, "<=", [".5", "'it''s'"]),
        sql.compared(keys, ">", [".5", "'it''s'"]) + " AND " + sql.compared(keys, "<=", ["9", "'z'"]),
        sql.compared(keys, ">", ["9", "'z'"]),
    ]


def test_what_cannot_be_cut(server: Double, session: OracleSession) -> None:
    describe(server, NUMBER, TEXT, table=(1000, 50, 20, "IOT", "N", "DISABLED", 0), keys=[("P", "K", "NAME")])
    assert session.split("HR", session.describe("HR", T), 10) == [PartPlan(number=0, rows=1000)]


# Queries


def info(name: str, kind: Any, precision: int = 0, scale: int = -127) -> Any:
    class Info:
        display_size = 10

    Info.name, Info.type_code, Info.precision, Info.scale = name, kind, precision, scale  # type: ignore[attr-defined]
    return Info()


def test_queries(server: Double, session: OracleSession) -> None:
    ref, query = ObjectRef(ObjectType.QUERY, "q"), "SELECT id, n FROM t -- all"
    behind = f"(\n{query}\n)"
    server.answers[f"SELECT * FROM {behind}"] = [
        info("ID", oracledb.DB_TYPE_NUMBER, 9, 0),
        info("N", oracledb.DB_TYPE_NUMBER),
        info("AT", oracledb.DB_TYPE_TIMESTAMP_TZ, 0, 6),
    ]
    shape = session.describe_query("OE", ref, query)
    assert [c.type for c in shape.columns] == ["NUMBER(9,0)", "NUMBER", "TIMESTAMP(6) WITH TIME ZONE"]
    assert sql.enter("OE") in server.said
    session.begin()
    server.answers[
        f'SELECT /* x */ "ID" AS C1, TO_CHAR("N", \'TM9\') AS C2, '
        f"LTRIM(TO_CHAR(\"AT\", 'SYYYY-MM-DD HH24:MI:SS.FF6 TZH:TZM')) AS C3 FROM {behind}"
    ] = pa.table({"a": [1], "b": [".5"], "c": ["2024-01-01 00:00:00.000000 +02:00"]})
    found = session.read(ReadRequest("OE", shape, PartPlan(number=0), comment="x"))
    assert values(found) == [[b"1", b"0.5", b"2024-01-01 00:00:00.000000 +02:00"]]
    assert session.split("OE", shape, 1) == [PartPlan(number=0)]
    assert not session.queries_join_snapshot
    with pytest.raises(StatementFailed, match="no single query"):
        session.describe_query("OE", ref, "SELECT 1 FROM dual) x, (SELECT 2 FROM dual")


# Marks


def test_marks(server: Double, session: OracleSession) -> None:
    day = ("DAY", "DATE", None, 7, None, None, 0, None, "Y", "NO")
    zoned = ("AT", "TIMESTAMP(6) WITH TIME ZONE", None, 13, None, 6, 0, None, "Y", "NO")
    describe(server, NUMBER, TEXT, day, zoned)
    server.answers[sql.INDEXES] = [("ID", "UNIQUE", 1), ("DAY", "NONUNIQUE", 1)]
    server.answers[sql.IDENTITY] = [("ID", "ALWAYS", "NO")]
    shape = session.describe("HR", T)
    number, date, instant = session.marks.columns("HR", shape)
    assert (number.kind, number.automatic, number.indexed, number.unique) == (
        MarkKind.NUMBER,
        True,
        True,
        True,
    )
    assert (date.kind, date.coarse, date.nullable, date.unique) == (
        MarkKind.TIME,
        "whole seconds",
        True,
        False,
    )
    session.begin()
    server.answers['SELECT TO_CHAR(MAX("ID"), \'TM9\') FROM "HR"."T" AS OF SCN 4711'] = [(".5",)]
    assert session.marks.newest("HR", shape, number) == "0.5"
    server.answers[
        'SELECT LTRIM(TO_CHAR(SYS_EXTRACT_UTC(MAX("AT")), \'SYYYY-MM-DD HH24:MI:SS.FF9\')) FROM "HR"."T"'
        " AS OF SCN 4711"
    ] = [(None,)]
    assert session.marks.newest("HR", shape, instant) is None
    condition = session.marks.condition
    assert condition("HR", shape, number, "1", "9", above=True) == '"ID" > 1 AND "ID" <= 9'
    assert condition("HR", shape, date, "2024-01-01 00:00:00", None) == (
        "\"DAY\" >= TO_DATE('2024-01-01 00:00:00', 'SYYYY-MM-DD HH24:MI:SS')"
    )
    assert condition("HR", shape, instant, None, "2024-01-01 00:00:00.5", below=True) == (
        "\"AT\" < TO_TIMESTAMP_TZ('2024-01-01 00:00:00.5 +00:00', 'SYYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM')"
    )
    assert condition("HR", shape, number, None, None) == '"ID" IS NOT NULL'
    assert session.marks.missing(shape, date) == '"DAY" IS NULL'
    server.answers[
        'SELECT COUNT(*), TO_CHAR(MIN("ID"), \'TM9\'), TO_CHAR(MAX("ID"), \'TM9\') FROM "HR"."T" AS OF SCN 4711'
        " WHERE (\nID > 1\n)"
    ] = [(3, "2", "4")]
    ahead = session.marks.ahead("HR", shape, number, "ID > 1")
    assert (ahead.rows, ahead.lowest, ahead.highest) == (3, "2", "4")
    server.answers[sql.OPEN_TRANSACTIONS] = [("2024-01-01 10:00:00.000000", "2024-01-01 09:59:00.000000")]
    opened = session.marks.open_transactions(MarkKind.NUMBER)
    assert opened is not None
    assert opened.since is not None
    assert (opened.now - opened.since).total_seconds() == 60
    server.answers[sql.OPEN_TRANSACTIONS] = refused("ORA-00942: table or view does not exist")
    assert session.marks.open_transactions(MarkKind.TIME) is None


# Losing, cancelling, ending


def test_a_lost_connection_is_opened_again_but_not_in_a_transaction(
    server: Double, session: OracleSession
) -> None:
    server.answers[sql.SESSIONS] = [(12, 34, 1)]
    server.answers[sql.kill(12, 34, 1)] = ()
    server.answers[sql.UNDO_RETENTION] = refused("DPY-4011: the database or network closed the connection")
    with pytest.raises(ConnectionLost, match="Connection 'ora': the connection was lost"):
        session.snapshot_life()
    # What may still run there is ended from a second connection, by a name that only it has.
    assert sql.kill(12, 34, 1) in server.said
    assert server.binds[server.said.index(sql.SESSIONS)]["name"].startswith("offramp task 7 abc ")
    server.answers[sql.UNDO_RETENTION] = [("1800",)]
    assert session.snapshot_life() == 1800
    server.answers[sql.SCN] = refused("ORA-00904: x")
    server.answers[sql.SCN_OF_THE_DATABASE] = refused("ORA-00942: x")
    session.begin()
    server.answers[sql.UNDO_RETENTION] = refused("DPY-4011: the database or network closed the connection")
    with pytest.raises(ConnectionLost):
        session.snapshot_life()
    with pytest.raises(ConnectionLost, match="the point in time that was read"):
        session.snapshot_life()
    session.end()


def test_the_life_of_a_snapshot_that_nobody_tells(server: Double, session: OracleSession) -> None:
    server.answers[sql.UNDO_RETENTION] = refused("ORA-00942: table or view does not exist")
    assert session.snapshot_life() == 900


def test_cancel_breaks_the_statement(server: Double, session: OracleSession) -> None:
    def slow(_: Any) -> Any:
        assert server.cancelled.wait(30)
        raise refused("ORA-01013: user requested cancel of current operation")

    server.answers[sql.UNDO_RETENTION] = slow
    errors: list[BaseException] = []

    def run() -> None:
        try:
            session.snapshot_life()
        except ConnectionLost as error:
            errors.append(error)

    session.cancel()  # nothing runs
    assert not server.cancelled.is_set()
    thread = threading.Thread(target=run)
    thread.start()
    deadline = time.monotonic() + 30
    while sql.UNDO_RETENTION not in server.said and time.monotonic() < deadline:
        time.sleep(0.01)
    session.cancel()
    thread.join(30)
    assert len(errors) == 1
    assert "cancelled" in str(errors[0])


def test_end_left_over(server: Double) -> None:
    server.answers |= {sql.SESSIONS: [(1, 2, 3), (4, 5, 6)], sql.kill(1, 2, 3): ()}
    server.answers[sql.kill(4, 5, 6)] = refused("ORA-01031: insufficient privileges")
    assert source().end_left_over() == 1
    assert server.binds[0] == {"name": "offramp task 7 abc "}
    server.answers[sql.SESSIONS] = refused("ORA-00942: table or view does not exist")
    assert source().end_left_over() == 0


def test_trying_a_connection(server: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "connectors.trial.socket.getaddrinfo", lambda *_, **__: [(0, 0, 0, "", ("10.0.0.1", 1521))]
    )
    steps = list(source().test())
    assert [(step.name, step.ok) for step in steps] == [
        ("resolve", True), ("connect", True), ("log in", True), ("version", True), ("rights", True), ("snapshot", True),
    ]  # fmt: skip
    tried = source()
    tried.connection = msgspec.structs.replace(tried.connection, schema="NOBODY")
    assert [(step.name, step.ok) for step in tried.test()][-1] == ("rights", False)

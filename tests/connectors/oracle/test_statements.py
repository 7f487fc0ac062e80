"""What is sent to an Oracle server, statement by statement, against the documentation's forms, written out here.

No server is at hand: the live suite (marker `oracle`) runs all of them where there is one.
"""

from __future__ import annotations

import inspect

import pytest

from connectors.sources.oracle import statements as sql

# Every constant of the module, as the server gets it.
CONSTANTS = {
    "PIN": (
        "ALTER SESSION SET NLS_LANGUAGE = 'AMERICAN' NLS_TERRITORY = 'AMERICA'",
        "ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,' NLS_CALENDAR = 'GREGORIAN' NLS_SORT = 'BINARY' "
        "NLS_COMP = 'BINARY' NLS_LENGTH_SEMANTICS = 'BYTE' NLS_DATE_FORMAT = 'SYYYY-MM-DD HH24:MI:SS' "
        "NLS_TIMESTAMP_FORMAT = 'SYYYY-MM-DD HH24:MI:SS.FF9' "
        "NLS_TIMESTAMP_TZ_FORMAT = 'SYYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM'",
        "ALTER SESSION SET TIME_ZONE = '+00:00'",
        "ALTER SESSION DISABLE PARALLEL QUERY",
    ),
    "WHO": "SELECT SYS_CONTEXT('USERENV', 'SESSION_USER'), SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA'), "
    "SYS_CONTEXT('USERENV', 'DB_NAME') FROM SYS.DUAL",
    "CHARACTER_SETS": "SELECT PARAMETER, VALUE FROM SYS.NLS_DATABASE_PARAMETERS "
    "WHERE PARAMETER IN ('NLS_CHARACTERSET', 'NLS_NCHAR_CHARACTERSET')",
    "SESSIONS": "SELECT SID, SERIAL#, INST_ID FROM SYS.GV_$SESSION "
    "WHERE USERNAME = SYS_CONTEXT('USERENV', 'SESSION_USER') "
    "AND SUBSTR(CLIENT_IDENTIFIER, 1, LENGTH(:name)) = :name "
    "AND NOT (SID = SYS_CONTEXT('USERENV', 'SID') AND INST_ID = SYS_CONTEXT('USERENV', 'INSTANCE'))",
    "SCHEMAS": "SELECT u.USERNAME FROM SYS.ALL_USERS u WHERE u.ORACLE_MAINTAINED = 'N' AND ("
    "u.USERNAME = SYS_CONTEXT('USERENV', 'SESSION_USER') OR EXISTS (SELECT 1 FROM SYS.ALL_OBJECTS o "
    "WHERE o.OWNER = u.USERNAME AND o.OBJECT_TYPE IN ('TABLE', 'VIEW', 'MATERIALIZED VIEW', 'FUNCTION', "
    "'PROCEDURE', 'PACKAGE', 'SEQUENCE', 'TYPE', 'TRIGGER', 'SYNONYM'))) ORDER BY u.USERNAME",
    "TABLES": "SELECT 'TABLE', o.TABLE_NAME, o.NUM_ROWS, o.AVG_ROW_LEN, (SELECT MAX(c.COMMENTS) "
    "FROM SYS.ALL_TAB_COMMENTS c WHERE c.OWNER = o.OWNER AND c.TABLE_NAME = o.TABLE_NAME), 'VALID' "
    "FROM SYS.ALL_ALL_TABLES o WHERE o.OWNER = :owner AND o.NESTED = 'NO' AND o.SECONDARY = 'N' "
    "AND o.DROPPED = 'NO' AND (o.IOT_TYPE IS NULL OR o.IOT_TYPE = 'IOT') "
    "AND NOT EXISTS (SELECT 1 FROM SYS.ALL_MVIEWS m WHERE m.OWNER = o.OWNER "
    "AND m.CONTAINER_NAME = o.TABLE_NAME) "
    "AND NOT EXISTS (SELECT 1 FROM SYS.ALL_MVIEW_LOGS g WHERE g.LOG_OWNER = o.OWNER "
    "AND g.LOG_TABLE = o.TABLE_NAME)",
    "MATERIALIZED_VIEWS": "SELECT 'MATERIALIZED VIEW', o.MVIEW_NAME, t.NUM_ROWS, t.AVG_ROW_LEN, "
    "(SELECT MAX(c.COMMENTS) FROM SYS.ALL_MVIEW_COMMENTS c WHERE c.OWNER = o.OWNER "
    "AND c.MVIEW_NAME = o.MVIEW_NAME), 'VALID' FROM SYS.ALL_MVIEWS o LEFT JOIN SYS.ALL_TABLES t "
    "ON t.OWNER = o.OWNER AND t.TABLE_NAME = o.CONTAINER_NAME WHERE o.OWNER = :owner",
    "VIEWS": "SELECT 'VIEW', o.OBJECT_NAME, NULL, NULL, (SELECT MAX(c.COMMENTS) FROM SYS.ALL_TAB_COMMENTS c "
    "WHERE c.OWNER = o.OWNER AND c.TABLE_NAME = o.OBJECT_NAME), o.STATUS FROM SYS.ALL_OBJECTS o "
    "WHERE o.OWNER = :owner AND o.OBJECT_TYPE = 'VIEW'",
    "SEQUENCES": "SELECT 'SEQUENCE', o.SEQUENCE_NAME, NULL, NULL, NULL, 'VALID' FROM SYS.ALL_SEQUENCES o "
    "WHERE o.SEQUENCE_OWNER = :owner AND NOT EXISTS (SELECT 1 FROM SYS.ALL_TAB_IDENTITY_COLS i "
    "WHERE i.OWNER = o.SEQUENCE_OWNER AND i.SEQUENCE_NAME = o.SEQUENCE_NAME)",
    "OTHERS": "SELECT o.OBJECT_TYPE, o.OBJECT_NAME, NULL, NULL, NULL, o.STATUS FROM SYS.ALL_OBJECTS o "
    "WHERE o.OWNER = :owner AND o.OBJECT_TYPE IN ('FUNCTION', 'PROCEDURE', 'PACKAGE', 'PACKAGE BODY', "
    "'TYPE', 'TYPE BODY', 'TRIGGER', 'SYNONYM') AND o.GENERATED = 'N' AND o.SECONDARY = 'N' "
    "AND NOT (o.OBJECT_TYPE = 'TYPE' AND (o.OBJECT_NAME LIKE 'SYSTP%==' "
    "OR o.OBJECT_NAME LIKE 'SYS\\_PLSQL\\_%' ESCAPE '\\'))",
    "PUBLIC_SYNONYMS": "SELECT 'PUBLIC SYNONYM', o.SYNONYM_NAME, NULL, NULL, NULL, 'VALID' "
    "FROM SYS.ALL_SYNONYMS o WHERE o.OWNER = 'PUBLIC' AND o.TABLE_OWNER = :owner",
    "TABLE": "SELECT o.NUM_ROWS, o.AVG_ROW_LEN, o.BLOCKS, o.IOT_TYPE, o.TEMPORARY, o.ROW_MOVEMENT, "
    "(SELECT COUNT(*) FROM SYS.ALL_EXTERNAL_TABLES x WHERE x.OWNER = o.OWNER "
    "AND x.TABLE_NAME = o.TABLE_NAME) "
    "FROM SYS.ALL_ALL_TABLES o WHERE o.OWNER = :owner AND o.TABLE_NAME = :name",
    "OBJECT": "SELECT COUNT(*) FROM SYS.ALL_OBJECTS WHERE OWNER = :owner AND OBJECT_NAME = :name "
    "AND OBJECT_TYPE = :type",
    "COLUMNS": "SELECT COLUMN_NAME, DATA_TYPE, DATA_TYPE_OWNER, DATA_LENGTH, DATA_PRECISION, DATA_SCALE, "
    "CHAR_LENGTH, CHAR_USED, NULLABLE, VIRTUAL_COLUMN FROM SYS.ALL_TAB_COLS "
    "WHERE OWNER = :owner AND TABLE_NAME = :name AND (HIDDEN_COLUMN = 'NO' OR USER_GENERATED = 'YES') "
    "ORDER BY COLUMN_ID NULLS LAST, INTERNAL_COLUMN_ID",
    "KEYS": "SELECT k.CONSTRAINT_TYPE, k.CONSTRAINT_NAME, c.COLUMN_NAME FROM SYS.ALL_CONSTRAINTS k "
    "JOIN SYS.ALL_CONS_COLUMNS c ON c.OWNER = k.OWNER AND c.CONSTRAINT_NAME = k.CONSTRAINT_NAME "
    "WHERE k.OWNER = :owner AND k.TABLE_NAME = :name AND k.CONSTRAINT_TYPE IN ('P', 'U') "
    "AND k.STATUS = 'ENABLED' AND k.VALIDATED = 'VALIDATED' "
    "ORDER BY k.CONSTRAINT_TYPE, k.CONSTRAINT_NAME, c.POSITION",
    "TRANSFORMS": "BEGIN\n"
    "  SYS.DBMS_METADATA.SET_TRANSFORM_PARAM(SYS.DBMS_METADATA.SESSION_TRANSFORM, 'PRETTY', TRUE);\n"
    "  SYS.DBMS_METADATA.SET_TRANSFORM_PARAM(SYS.DBMS_METADATA.SESSION_TRANSFORM, 'SQLTERMINATOR', TRUE);\n"
    "  SYS.DBMS_METADATA.SET_TRANSFORM_PARAM(SYS.DBMS_METADATA.SESSION_TRANSFORM, 'STORAGE', FALSE);\n"
    "  SYS.DBMS_METADATA.SET_TRANSFORM_PARAM(SYS.DBMS_METADATA.SESSION_TRANSFORM, 'SEGMENT_ATTRIBUTES', FALSE);\n"
    "  SYS.DBMS_METADATA.SET_TRANSFORM_PARAM(SYS.DBMS_METADATA.SESSION_TRANSFORM, 'TABLESPACE', FALSE);\n"
    "  SYS.DBMS_METADATA.SET_TRANSFORM_PARAM(SYS.DBMS_METADATA.SESSION_TRANSFORM, 'CONSTRAINTS', TRUE);\n"
    "  SYS.DBMS_METADATA.SET_TRANSFORM_PARAM(SYS.DBMS_METADATA.SESSION_TRANSFORM, 'REF_CONSTRAINTS', FALSE);\n"
    "  SYS.DBMS_METADATA.SET_TRANSFORM_PARAM(SYS.DBMS_METADATA.SESSION_TRANSFORM, 'CONSTRAINTS_AS_ALTER', FALSE);\n"
    "END;",
    "DDL": "SELECT SYS.DBMS_METADATA.GET_DDL(:type, :name, :owner) FROM SYS.DUAL",
    "DEPENDENT_DDL": "SELECT SYS.DBMS_METADATA.GET_DEPENDENT_DDL(:type, :name, :owner) FROM SYS.DUAL",
    "CONSTRAINT_INDEXES": "SELECT INDEX_NAME FROM SYS.ALL_CONSTRAINTS WHERE OWNER = :owner "
    "AND TABLE_NAME = :name AND INDEX_NAME IS NOT NULL",
    "IDENTITY": "SELECT i.COLUMN_NAME, i.GENERATION_TYPE, c.DEFAULT_ON_NULL "
    "FROM SYS.ALL_TAB_IDENTITY_COLS i JOIN SYS.ALL_TAB_COLS c ON c.OWNER = i.OWNER "
    "AND c.TABLE_NAME = i.TABLE_NAME AND c.COLUMN_NAME = i.COLUMN_NAME "
    "WHERE i.OWNER = :owner AND i.TABLE_NAME = :name",
    "DEPENDENCIES": "SELECT REFERENCED_OWNER, REFERENCED_TYPE, REFERENCED_NAME FROM SYS.ALL_DEPENDENCIES "
    "WHERE OWNER = :owner AND NAME = :name AND TYPE = :type AND REFERENCED_LINK_NAME IS NULL "
    "AND REFERENCED_OWNER NOT IN ('SYS', 'PUBLIC', 'XDB', 'MDSYS') ORDER BY 1, 2, 3",
    "SCN": "SELECT TO_CHAR(SYS.DBMS_FLASHBACK.GET_SYSTEM_CHANGE_NUMBER) FROM SYS.DUAL",
    "SCN_OF_THE_DATABASE": "SELECT TO_CHAR(CURRENT_SCN) FROM SYS.V_$DATABASE",
    "READ_ONLY": "SET TRANSACTION READ ONLY",
    "UNDO_RETENTION": "SELECT VALUE FROM SYS.V_$PARAMETER WHERE NAME = 'undo_retention'",
    "NO_ROW": "1 = 0",
    "DATE": "SYYYY-MM-DD HH24:MI:SS",
    "INDEXES": "SELECT x.COLUMN_NAME, i.UNIQUENESS, (SELECT COUNT(*) FROM SYS.ALL_IND_COLUMNS y "
    "WHERE y.INDEX_OWNER = x.INDEX_OWNER AND y.INDEX_NAME = x.INDEX_NAME) FROM SYS.ALL_IND_COLUMNS x "
    "JOIN SYS.ALL_INDEXES i ON i.OWNER = x.INDEX_OWNER AND i.INDEX_NAME = x.INDEX_NAME "
    "WHERE x.TABLE_OWNER = :owner AND x.TABLE_NAME = :name AND x.COLUMN_POSITION = 1",
    "OPEN_TRANSACTIONS": "SELECT TO_CHAR(SYS_EXTRACT_UTC(SYSTIMESTAMP), 'YYYY-MM-DD HH24:MI:SS.FF6'), "
    "TO_CHAR(SYS_EXTRACT_UTC(FROM_TZ(CAST(MIN(t.START_DATE) AS TIMESTAMP), "
    "TO_CHAR(SYSTIMESTAMP, 'TZH:TZM'))), 'YYYY-MM-DD HH24:MI:SS.FF6') "
    "FROM SYS.GV_$TRANSACTION t JOIN SYS.GV_$SESSION s ON s.TADDR = t.ADDR AND s.INST_ID = t.INST_ID "
    "WHERE NVL(s.CLIENT_IDENTIFIER, ' ') NOT LIKE 'offramp task %'",
    "ALL_ROWS": "COUNT(*)",
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants(name: str) -> None:
    assert getattr(sql, name) == CONSTANTS[name]


def test_all_of_them() -> None:
    own = {name for name, value in vars(sql).items() if name.isupper() and name[0] != "_"}
    assert own == CONSTANTS.keys()


Q = '"we ird"'
MADE = [
    (sql.kill(1, 2, 3), "ALTER SYSTEM KILL SESSION '1,2,@3' IMMEDIATE"),
    (sql.identifier("we ird"), Q),
    (sql.qualified("HR", "we ird"), f'"HR".{Q}'),
    (sql.literal("it's"), "'it''s'"),
    (sql.comment("task 7 */ DROP"), "/* task 7 * / DROP */ "),
    (sql.comment(""), ""),
    (sql.source("HR", "T"), '"HR"."T"'),
    (sql.source("HR", "T", "4711"), '"HR"."T" AS OF SCN 4711'),
    (sql.conditions(), ""),
    (sql.conditions(None, "A = 1 -- x", "B = 2"), " WHERE (\nA = 1 -- x\n) AND (\nB = 2\n)"),
    (
        sql.select(['"A"', "TO_CHAR(\"B\", 'TM9')"], '"HR"."T" AS OF SCN 9', " WHERE (\nX\n)", "offramp 7"),
        """SELECT /* offramp 7 */ "A" AS C1, TO_CHAR("B", 'TM9') AS C2 FROM "HR"."T" AS OF SCN 9 WHERE (\nX\n)""",
    ),
    (sql.bare(["A", "B"], '"T"'), 'SELECT "A", "B" FROM "T" WHERE (\n1 = 0\n)'),
    (sql.bare(["A"], '"T"', "A > 1"), 'SELECT "A" FROM "T" WHERE (\nA > 1\n) AND (\n1 = 0\n)'),
    (
        sql.lob_size(["A", "B"]),
        'NVL(SYS.DBMS_LOB.GETLENGTH("A"), 0) + NVL(SYS.DBMS_LOB.GETLENGTH("B"), 0)',
    ),
    (
        sql.rowid_bounds("HR", "T", 12.5, 4, None),
        "SELECT ROWIDTOCHAR(MAX(r)) FROM (SELECT r, NTILE(4) OVER (ORDER BY r) AS tile FROM (SELECT ROWID AS r "
        'FROM "HR"."T" SAMPLE BLOCK (12.500000) SEED (1))) GROUP BY tile ORDER BY tile',
    ),
    (
        sql.rowid_bounds("HR", "T", 100, 2, "A > 1"),
        "SELECT ROWIDTOCHAR(MAX(r)) FROM (SELECT r, NTILE(2) OVER (ORDER BY r) AS tile FROM (SELECT ROWID AS r "
        'FROM "HR"."T" WHERE (\nA > 1\n))) GROUP BY tile ORDER BY tile',
    ),
    (
        sql.rowid_between("AAAa", "AAAb"),
        "ROWID > CHARTOROWID('AAAa') AND ROWID <= CHARTOROWID('AAAb')",
    ),
    (sql.rowid_between(None, None), None),
    (
        sql.next_key('"T"', ['"A"', '"B"'], ["TO_CHAR(\"A\", 'TM9')", '"B"'], 99, None, "C = 1"),
        'SELECT TO_CHAR("A", \'TM9\') AS T0, "B" AS T1 FROM "T" WHERE (\nC = 1\n) ORDER BY "A", "B" '
        "OFFSET 99 ROWS FETCH NEXT 1 ROWS ONLY",
    ),
    (
        sql.compared(['"A"', '"B"'], ">", ["1", "'x'"]),
        '(("A" > 1) OR ("A" = 1 AND "B" > \'x\'))',
    ),
    (
        sql.compared(['"A"', '"B"'], "<=", ["1", "'x'"]),
        '(("A" < 1) OR ("A" = 1 AND "B" <= \'x\'))',
    ),
    (sql.moment('"D"'), "LTRIM(TO_CHAR(\"D\", 'SYYYY-MM-DD HH24:MI:SS'))"),
    (sql.moment('"D"', 6), "LTRIM(TO_CHAR(\"D\", 'SYYYY-MM-DD HH24:MI:SS.FF6'))"),
    (sql.moment('"D"', 9, zone=True), "LTRIM(TO_CHAR(\"D\", 'SYYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM'))"),
    (sql.number('"N"'), "TO_CHAR(\"N\", 'TM9')"),
    (sql.interval('"I"'), 'TO_CHAR("I")'),
    (sql.rowid('"R"'), 'ROWIDTOCHAR("R")'),
    (sql.xml('"X"'), 'XMLSERIALIZE(CONTENT "X" AS CLOB)'),
    (sql.json('"J"'), 'JSON_SERIALIZE("J" RETURNING CLOB)'),
    (sql.vector('"V"'), 'FROM_VECTOR("V" RETURNING CLOB)'),
    (
        sql.instance('"O"'),
        'CASE WHEN "O" IS NOT NULL THEN XMLSERIALIZE(CONTENT XMLTYPE("O") AS CLOB) END',
    ),
    (sql.all_of("(\nSELECT 1 FROM DUAL\n)"), "SELECT * FROM (\nSELECT 1 FROM DUAL\n)"),
    (sql.enter("HR"), 'ALTER SESSION SET CURRENT_SCHEMA = "HR"'),
    (sql.raw_text('"R"'), 'RAWTOHEX("R")'),
    (sql.number_literal("-1.5"), "-1.5"),
    (sql.date_literal("2024-01-01 00:00:00"), "TO_DATE('2024-01-01 00:00:00', 'SYYYY-MM-DD HH24:MI:SS')"),
    (
        sql.timestamp_literal("2024-01-01 00:00:00.5"),
        "TO_TIMESTAMP('2024-01-01 00:00:00.5', 'SYYYY-MM-DD HH24:MI:SS.FF9')",
    ),
    (
        sql.zoned_literal("2024-01-01 00:00:00 +00:00"),
        "TO_TIMESTAMP_TZ('2024-01-01 00:00:00 +00:00', 'SYYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM')",
    ),
    (sql.raw_literal("00FF"), "HEXTORAW('00FF')"),
    (sql.one(["COUNT(*)", 'MAX("A")'], '"T"', "X"), 'SELECT COUNT(*), MAX("A") FROM "T" WHERE (\nX\n)'),
    (sql.in_utc('"A"'), 'SYS_EXTRACT_UTC("A")'),
]


@pytest.mark.parametrize(("made", "expected"), MADE)
def test_what_is_put_together(made: str | None, expected: str | None) -> None:
    assert made == expected


def test_every_function_is_tried() -> None:
    own = [f for _, f in inspect.getmembers(sql, inspect.isfunction) if f.__module__ == sql.__name__]
    text = inspect.getsource(inspect.getmodule(test_every_function_is_tried))  # type: ignore[arg-type]
    assert [f.__name__ for f in own if f"sql.{f.__name__}(" not in text] == []


@pytest.mark.parametrize("name", ['a"b', "a\0b"])
def test_what_can_be_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        sql.identifier(name)


@pytest.mark.parametrize("text", ["1; DROP", "", "x"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(ArithmeticError):
        sql.number_literal(text)
    with pytest.raises(ValueError, match="invalid literal"):
        sql.source("HR", "T", text)

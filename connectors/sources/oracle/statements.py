"""Everything that is sent to an Oracle server, and nothing else: no other module here holds SQL.

Names that a person or a catalog gave are quoted identifiers; values are binds (`:owner`), but for SCNs, which
are digits. Forms: "SQL Language Reference", "PL/SQL Packages and Types Reference" and "Database Reference" of
Oracle Database 12c to 23ai. No server was at hand when this was written: the tests hold every statement here
against what is written out in them, and the live suite runs all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

# A session

# What an answer depends on. The territory comes first: it sets the others.
PIN = (
    "ALTER SESSION SET NLS_LANGUAGE = 'AMERICAN' NLS_TERRITORY = 'AMERICA'",
    "ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,' NLS_CALENDAR = 'GREGORIAN' NLS_SORT = 'BINARY'"
    " NLS_COMP = 'BINARY' NLS_LENGTH_SEMANTICS = 'BYTE' NLS_DATE_FORMAT = 'SYYYY-MM-DD HH24:MI:SS'"
    " NLS_TIMESTAMP_FORMAT = 'SYYYY-MM-DD HH24:MI:SS.FF9'"
    " NLS_TIMESTAMP_TZ_FORMAT = 'SYYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM'",
    "ALTER SESSION SET TIME_ZONE = '+00:00'",
    # Several processes would give a table's rows in another order each time.
    "ALTER SESSION DISABLE PARALLEL QUERY",
)
WHO = (
    "SELECT SYS_CONTEXT('USERENV', 'SESSION_USER'), SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA'),"
    " SYS_CONTEXT('USERENV', 'DB_NAME') FROM SYS.DUAL"
)
CHARACTER_SETS = (
    "SELECT PARAMETER, VALUE FROM SYS.NLS_DATABASE_PARAMETERS"
    " WHERE PARAMETER IN ('NLS_CHARACTERSET', 'NLS_NCHAR_CHARACTERSET')"
)

# Ending sessions, by an account that may

SESSIONS = (
    "SELECT SID, SERIAL#, INST_ID FROM SYS.GV_$SESSION"
    " WHERE USERNAME = SYS_CONTEXT('USERENV', 'SESSION_USER')"
    " AND SUBSTR(CLIENT_IDENTIFIER, 1, LENGTH(:name)) = :name"
    " AND NOT (SID = SYS_CONTEXT('USERENV', 'SID') AND INST_ID = SYS_CONTEXT('USERENV', 'INSTANCE'))"
)


def kill(sid: int, serial: int, instance: int) -> str:
    return f"ALTER SYSTEM KILL SESSION '{int(sid)},{int(serial)},@{int(instance)}' IMMEDIATE"


# The catalog. A schema is what the interface calls a database.

_TYPES = (
    "'TABLE', 'VIEW', 'MATERIALIZED VIEW', 'FUNCTION', 'PROCEDURE', 'PACKAGE', 'SEQUENCE', 'TYPE', 'TRIGGER',"
    " 'SYNONYM'"
)
SCHEMAS = (
    "SELECT u.USERNAME FROM SYS.ALL_USERS u WHERE u.ORACLE_MAINTAINED = 'N' AND ("
    "u.USERNAME = SYS_CONTEXT('USERENV', 'SESSION_USER') OR EXISTS (SELECT 1 FROM SYS.ALL_OBJECTS o"
    f" WHERE o.OWNER = u.USERNAME AND o.OBJECT_TYPE IN ({_TYPES}))) ORDER BY u.USERNAME"
)

_COMMENT = (
    "(SELECT MAX(c.COMMENTS) FROM SYS.ALL_{of}_COMMENTS c WHERE c.OWNER = o.OWNER AND c.{name} = o.{own})"
)
# Each: type, name, rows, bytes of a row, comment, whether it is invalid.
TABLES = (
    "SELECT 'TABLE', o.TABLE_NAME, o.NUM_ROWS, o.AVG_ROW_LEN, "
    + _COMMENT.format(of="TAB", name="TABLE_NAME", own="TABLE_NAME")
    + ", 'VALID' FROM SYS.ALL_ALL_TABLES o WHERE o.OWNER = :owner AND o.NESTED = 'NO' AND o.SECONDARY = 'N'"
    " AND o.DROPPED = 'NO' AND (o.IOT_TYPE IS NULL OR o.IOT_TYPE = 'IOT')"
    # Of materialized views and their logs.
    " AND NOT EXISTS (SELECT 1 FROM SYS.ALL_MVIEWS m WHERE m.OWNER = o.OWNER"
    " AND m.CONTAINER_NAME = o.TABLE_NAME)"
    " AND NOT EXISTS (SELECT 1 FROM SYS.ALL_MVIEW_LOGS g WHERE g.LOG_OWNER = o.OWNER"
    " AND g.LOG_TABLE = o.TABLE_NAME)"
)
MATERIALIZED_VIEWS = (
    "SELECT 'MATERIALIZED VIEW', o.MVIEW_NAME, t.NUM_ROWS, t.AVG_ROW_LEN, "
    + _COMMENT.format(of="MVIEW", name="MVIEW_NAME", own="MVIEW_NAME")
    + ", 'VALID' FROM SYS.ALL_MVIEWS o LEFT JOIN SYS.ALL_TABLES t ON t.OWNER = o.OWNER"
    " AND t.TABLE_NAME = o.CONTAINER_NAME WHERE o.OWNER = :owner"
)
VIEWS = (
    "SELECT 'VIEW', o.OBJECT_NAME, NULL, NULL, "
    + _COMMENT.format(of="TAB", name="TABLE_NAME", own="OBJECT_NAME")
    + ", o.STATUS FROM SYS.ALL_OBJECTS o WHERE o.OWNER = :owner AND o.OBJECT_TYPE = 'VIEW'"
)
SEQUENCES = (
    "SELECT 'SEQUENCE', o.SEQUENCE_NAME, NULL, NULL, NULL, 'VALID' FROM SYS.ALL_SEQUENCES o"
    " WHERE o.SEQUENCE_OWNER = :owner AND NOT EXISTS (SELECT 1 FROM SYS.ALL_TAB_IDENTITY_COLS i"
    " WHERE i.OWNER = o.SEQUENCE_OWNER AND i.SEQUENCE_NAME = o.SEQUENCE_NAME)"
)
OTHERS = (
    "SELECT o.OBJECT_TYPE, o.OBJECT_NAME, NULL, NULL, NULL, o.STATUS FROM SYS.ALL_OBJECTS o"
    " WHERE o.OWNER = :owner AND o.OBJECT_TYPE IN ('FUNCTION', 'PROCEDURE', 'PACKAGE', 'PACKAGE BODY',"
    " 'TYPE', 'TYPE BODY', 'TRIGGER', 'SYNONYM') AND o.GENERATED = 'N' AND o.SECONDARY = 'N'"
    # The server makes these for itself: of nested tables and of types within packages.
    " AND NOT (o.OBJECT_TYPE = 'TYPE' AND (o.OBJECT_NAME LIKE 'SYSTP%=='"
    " OR o.OBJECT_NAME LIKE 'SYS\\_PLSQL\\_%' ESCAPE '\\'))"
)
PUBLIC_SYNONYMS = (
    "SELECT 'PUBLIC SYNONYM', o.SYNONYM_NAME, NULL, NULL, NULL, 'VALID' FROM SYS.ALL_SYNONYMS o"
    " WHERE o.OWNER = 'PUBLIC' AND o.TABLE_OWNER = :owner"
)

TABLE = (
    "SELECT o.NUM_ROWS, o.AVG_ROW_LEN, o.BLOCKS, o.IOT_TYPE, o.TEMPORARY, o.ROW_MOVEMENT,"
    " (SELECT COUNT(*) FROM SYS.ALL_EXTERNAL_TABLES x WHERE x.OWNER = o.OWNER"
    " AND x.TABLE_NAME = o.TABLE_NAME)"
    " FROM SYS.ALL_ALL_TABLES o WHERE o.OWNER = :owner AND o.TABLE_NAME = :name"
)
OBJECT = (
    "SELECT COUNT(*) FROM SYS.ALL_OBJECTS WHERE OWNER = :owner AND OBJECT_NAME = :name"
    " AND OBJECT_TYPE = :type"
)
# Hidden columns are the server's own, but for those that a person made invisible.
COLUMNS = (
    "SELECT COLUMN_NAME, DATA_TYPE, DATA_TYPE_OWNER, DATA_LENGTH, DATA_PRECISION, DATA_SCALE, CHAR_LENGTH,"
    " CHAR_USED, NULLABLE, VIRTUAL_COLUMN FROM SYS.ALL_TAB_COLS WHERE OWNER = :owner AND TABLE_NAME = :name"
    " AND (HIDDEN_COLUMN = 'NO' OR USER_GENERATED = 'YES') ORDER BY COLUMN_ID NULLS LAST, INTERNAL_COLUMN_ID"
)
KEYS = (
    "SELECT k.CONSTRAINT_TYPE, k.CONSTRAINT_NAME, c.COLUMN_NAME FROM SYS.ALL_CONSTRAINTS k"
    " JOIN SYS.ALL_CONS_COLUMNS c ON c.OWNER = k.OWNER AND c.CONSTRAINT_NAME = k.CONSTRAINT_NAME"
    " WHERE k.OWNER = :owner AND k.TABLE_NAME = :name AND k.CONSTRAINT_TYPE IN ('P', 'U')"
    " AND k.STATUS = 'ENABLED' AND k.VALIDATED = 'VALIDATED'"
    " ORDER BY k.CONSTRAINT_TYPE, k.CONSTRAINT_NAME, c.POSITION"
)

# Schemas

TRANSFORMS = (
    "BEGIN\n"
    + "".join(
        "  SYS.DBMS_METADATA.SET_TRANSFORM_PARAM(SYS.DBMS_METADATA.SESSION_TRANSFORM,"
        f" '{name}', {'TRUE' if on else 'FALSE'});\n"
        for name, on in (
            ("PRETTY", True),
            ("SQLTERMINATOR", True),
            ("STORAGE", False),
            ("SEGMENT_ATTRIBUTES", False),
            ("TABLESPACE", False),
            ("CONSTRAINTS", True),
            ("REF_CONSTRAINTS", False),
            ("CONSTRAINTS_AS_ALTER", False),
        )
    )
    + "END;"
)
DDL = "SELECT SYS.DBMS_METADATA.GET_DDL(:type, :name, :owner) FROM SYS.DUAL"
DEPENDENT_DDL = "SELECT SYS.DBMS_METADATA.GET_DEPENDENT_DDL(:type, :name, :owner) FROM SYS.DUAL"
CONSTRAINT_INDEXES = (
    "SELECT INDEX_NAME FROM SYS.ALL_CONSTRAINTS WHERE OWNER = :owner AND TABLE_NAME = :name"
    " AND INDEX_NAME IS NOT NULL"
)
IDENTITY = (
    "SELECT i.COLUMN_NAME, i.GENERATION_TYPE, c.DEFAULT_ON_NULL FROM SYS.ALL_TAB_IDENTITY_COLS i"
    " JOIN SYS.ALL_TAB_COLS c ON c.OWNER = i.OWNER AND c.TABLE_NAME = i.TABLE_NAME"
    " AND c.COLUMN_NAME = i.COLUMN_NAME WHERE i.OWNER = :owner AND i.TABLE_NAME = :name"
)
DEPENDENCIES = (
    "SELECT REFERENCED_OWNER, REFERENCED_TYPE, REFERENCED_NAME FROM SYS.ALL_DEPENDENCIES"
    " WHERE OWNER = :owner AND NAME = :name AND TYPE = :type AND REFERENCED_LINK_NAME IS NULL"
    " AND REFERENCED_OWNER NOT IN ('SYS', 'PUBLIC', 'XDB', 'MDSYS') ORDER BY 1, 2, 3"
)

# Points in time

SCN = "SELECT TO_CHAR(SYS.DBMS_FLASHBACK.GET_SYSTEM_CHANGE_NUMBER) FROM SYS.DUAL"
SCN_OF_THE_DATABASE = "SELECT TO_CHAR(CURRENT_SCN) FROM SYS.V_$DATABASE"
READ_ONLY = "SET TRANSACTION READ ONLY"
UNDO_RETENTION = "SELECT VALUE FROM SYS.V_$PARAMETER WHERE NAME = 'undo_retention'"

# Rows


def identifier(name: str) -> str:
    """`name` quoted. Oracle's names hold no quote, and no NUL."""
    if '"' in name or "\0" in name:
        raise ValueError(f"{name!r} can't be a name")
    return f'"{name}"'


def qualified(owner: str, name: str) -> str:
    return f"{identifier(owner)}.{identifier(name)}"


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def comment(text: str) -> str:
    """A comment that can't be left from within, and is no hint."""
    return f"/* {text.replace('*/', '* /')} */ " if text else ""


def source(owner: str, name: str, scn: str | None = None) -> str:
    """What stands behind FROM: a table or view, as of an SCN where one is given."""
    table = qualified(owner, name)
    return table if scn is None else f"{table} AS OF SCN {int(scn)}"


def conditions(*texts: str | None) -> str:
    """All that are given, each on lines of its own: a comment at the end of one ends with it."""
    given = [text for text in texts if text is not None]
    return " WHERE " + " AND ".join(f"(\n{text}\n)" for text in given) if given else ""


def select(expressions: Iterable[str], behind: str, where: str = "", said: str = "") -> str:
    """The rows of `behind`, whose columns are called C1, C2, …"""
    columns = ", ".join(f"{text} AS C{number}" for number, text in enumerate(expressions, 1))
    return f"SELECT {comment(said)}{columns} FROM {behind}{where}"


def bare(columns: Sequence[str], behind: str, where: str | None = None) -> str:
    """No row of these columns (none: all): whether the server would give them."""
    listed = ", ".join(map(identifier, columns)) or "*"
    return f"SELECT {listed} FROM {behind}{conditions(where, '1 = 0')}"


NO_ROW = "1 = 0"


def lob_size(columns: Sequence[str]) -> str:
    """How much is in these LOBs of a row: bytes, or characters."""
    return " + ".join(f"NVL(SYS.DBMS_LOB.GETLENGTH({identifier(name)}), 0)" for name in columns)


# Parts


def rowid_bounds(owner: str, name: str, percent: float, pieces: int, where: str | None) -> str:
    """The last ROWID of each of these pieces of a sample of so many percent of a table's blocks."""
    sample = f" SAMPLE BLOCK ({percent:.6f}) SEED (1)" if percent < 100 else ""
    return (
        f"SELECT ROWIDTOCHAR(MAX(r)) FROM (SELECT r, NTILE({int(pieces)}) OVER (ORDER BY r) AS tile FROM"
        f" (SELECT ROWID AS r FROM {qualified(owner, name)}{sample}{conditions(where)})) GROUP BY tile"
        " ORDER BY tile"
    )


def rowid_between(low: str | None, high: str | None) -> str | None:
    pieces = []
    if low is not None:
        pieces.append(f"ROWID > CHARTOROWID({literal(low)})")
    if high is not None:
        pieces.append(f"ROWID <= CHARTOROWID({literal(high)})")
    return " AND ".join(pieces) or None


def next_key(behind: str, keys: Sequence[str], texts: Sequence[str], skipped: int, *where: str | None) -> str:
    """The key, as `texts`, of the row after so many that are skipped, in the order of the key."""
    order = ", ".join(keys)
    listed = ", ".join(f"{text} AS T{number}" for number, text in enumerate(texts))
    return (
        f"SELECT {listed} FROM {behind}{conditions(*where)}"
        f" ORDER BY {order} OFFSET {int(skipped)} ROWS FETCH NEXT 1 ROWS ONLY"
    )


def compared(keys: Sequence[str], operator: str, bound: Sequence[str]) -> str:
    """A row of key columns compared with a row of literals, column by column: `>`, or `<=`."""
    strict = operator.rstrip("=")
    last = len(keys) - 1
    pieces = []
    for number, (key, value) in enumerate(zip(keys, bound, strict=True)):
        same = [f"{k} = {v}" for k, v in zip(keys[:number], bound[:number], strict=True)]
        pieces.append(" AND ".join([*same, f"{key} {operator if number == last else strict} {value}"]))
    return "(" + " OR ".join(f"({piece})" for piece in pieces) + ")"


# Values: what is asked for in place of a column, so that its text is exact

DATE = "SYYYY-MM-DD HH24:MI:SS"


def moment(column: str, precision: int | None = None, *, zone: bool = False) -> str:
    """A date and time as text, the year of BC with a minus sign."""
    fraction = f".FF{precision}" if precision else ""
    return f"LTRIM(TO_CHAR({column}, '{DATE}{fraction}{' TZH:TZM' if zone else ''}'))"


def number(column: str) -> str:
    """All digits, with an exponent where they would be more than 64 characters."""
    return f"TO_CHAR({column}, 'TM9')"


def interval(column: str) -> str:
    return f"TO_CHAR({column})"


def rowid(column: str) -> str:
    return f"ROWIDTOCHAR({column})"


def xml(column: str) -> str:
    return f"XMLSERIALIZE(CONTENT {column} AS CLOB)"


def json(column: str) -> str:
    return f"JSON_SERIALIZE({column} RETURNING CLOB)"


def vector(column: str) -> str:
    return f"FROM_VECTOR({column} RETURNING CLOB)"


def instance(column: str) -> str:
    """An object or a collection as XML."""
    return f"CASE WHEN {column} IS NOT NULL THEN XMLSERIALIZE(CONTENT XMLTYPE({column}) AS CLOB) END"


def raw_text(column: str) -> str:
    return f"RAWTOHEX({column})"


def number_literal(text: str) -> str:
    """A number as TO_CHAR printed it. Raises ValueError where it is none."""
    Decimal(text)
    return text


def date_literal(text: str) -> str:
    return f"TO_DATE({literal(text)}, '{DATE}')"


def timestamp_literal(text: str) -> str:
    return f"TO_TIMESTAMP({literal(text)}, '{DATE}.FF9')"


def zoned_literal(text: str) -> str:
    return f"TO_TIMESTAMP_TZ({literal(text)}, '{DATE}.FF9 TZH:TZM')"


def raw_literal(text: str) -> str:
    return f"HEXTORAW({literal(text)})"


def all_of(behind: str) -> str:
    return f"SELECT * FROM {behind}"


def enter(schema: str) -> str:
    """Have names without a schema mean this one's."""
    return f"ALTER SESSION SET CURRENT_SCHEMA = {identifier(schema)}"


# Marks

INDEXES = (
    "SELECT x.COLUMN_NAME, i.UNIQUENESS, (SELECT COUNT(*) FROM SYS.ALL_IND_COLUMNS y"
    " WHERE y.INDEX_OWNER = x.INDEX_OWNER AND y.INDEX_NAME = x.INDEX_NAME) FROM SYS.ALL_IND_COLUMNS x"
    " JOIN SYS.ALL_INDEXES i ON i.OWNER = x.INDEX_OWNER AND i.INDEX_NAME = x.INDEX_NAME"
    " WHERE x.TABLE_OWNER = :owner AND x.TABLE_NAME = :name AND x.COLUMN_POSITION = 1"
)
# START_DATE is by the server's own clock and zone; both in UTC. Not this session's, nor another of Offramp's.
OPEN_TRANSACTIONS = (
    "SELECT TO_CHAR(SYS_EXTRACT_UTC(SYSTIMESTAMP), 'YYYY-MM-DD HH24:MI:SS.FF6'),"
    " TO_CHAR(SYS_EXTRACT_UTC(FROM_TZ(CAST(MIN(t.START_DATE) AS TIMESTAMP),"
    " TO_CHAR(SYSTIMESTAMP, 'TZH:TZM'))), 'YYYY-MM-DD HH24:MI:SS.FF6')"
    " FROM SYS.GV_$TRANSACTION t JOIN SYS.GV_$SESSION s ON s.TADDR = t.ADDR"
    " AND s.INST_ID = t.INST_ID WHERE NVL(s.CLIENT_IDENTIFIER, ' ') NOT LIKE 'offramp task %'"
)
ALL_ROWS = "COUNT(*)"


def one(expressions: Sequence[str], behind: str, where: str | None = None) -> str:
    """One row of aggregates."""
    return f"SELECT {', '.join(expressions)} FROM {behind}{conditions(where)}"


def in_utc(expression: str) -> str:
    return f"SYS_EXTRACT_UTC({expression})"

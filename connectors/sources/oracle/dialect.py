"""How SQL text is written for Oracle, and what SQL*Plus reads.

One INSERT for each row, each value on a line of its own: SQL*Plus bears lines of 2,499 characters in older
versions, and takes a semicolon at the end of a line for the statement's end, wherever it stands. So no
literal holds a line break. A literal may have 4,000 bytes; what is longer is put together in a block of
PL/SQL. Names have no schema in data files: `ALTER SESSION SET CURRENT_SCHEMA` says it once.

Sources: "Literals", "INSERT", "Format Models" of the "SQL Language Reference", DBMS_LOB in the "PL/SQL
Packages and Types Reference", SET and "SQL*Plus Limits" of the "SQL*Plus User's Guide and Reference". No
SQL*Plus was at hand when this was written.
"""

from __future__ import annotations

from connectors.dialect import SqlDialect, SqlRows, SqlVariable
from core.model.vocabulary import Encoding

_SCRIPT = (
    "WHENEVER SQLERROR EXIT FAILURE ROLLBACK",
    "SET DEFINE OFF",
    "SET SQLBLANKLINES ON",
    "SET ECHO OFF FEEDBACK OFF",
)
_SESSION = (
    "ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,';",
    "ALTER SESSION SET NLS_CALENDAR = 'GREGORIAN';",
    "ALTER SESSION SET NLS_LENGTH_SEMANTICS = 'BYTE';",
    "ALTER SESSION SET TIME_ZONE = '+00:00';",
)
_TEXT = "  DBMS_LOB.APPEND({name}, {piece});"

ORACLE = SqlDialect(
    name="oracle",
    client="sqlplus",
    client_options="-L USER@SERVICE",
    identifier_quote='"',
    # Also what a line must not hold, and a NUL, which ends texts in C.
    escapes={
        b"'": b"''",
        b"\n": b"'||CHR(10)||'",
        b"\r": b"'||CHR(13)||'",
        b"\0": b"'||CHR(0)||'",
    },
    binary=(b"HEXTORAW('", b"')"),
    hex_text=(b"UTL_I18N.RAW_TO_CHAR(HEXTORAW('", b"'),'AL32UTF8')"),
    # NLS_LANG says it to the client, before it starts.
    client_charsets={Encoding.UTF_8: "AL32UTF8", Encoding.ASCII: "AL32UTF8"},
    charset_statement=(
        "-- The client must be started with NLS_LANG=.{charset} and ORA_NCHAR_LITERAL_REPLACE=TRUE set."
    ),
    header=(*_SCRIPT, *_SESSION),
    commit="COMMIT;",
    data_footer=("COMMIT;",),
    foreign_keys_apart=True,
    grants=True,
    include='@@"{path}"',
    block_end="/",
    # A semicolon at a line's end would end a statement, even within quotes.
    schema_header=("SET SQLTERMINATOR OFF",),
    schema_footer=("SET SQLTERMINATOR ON",),
    enter="ALTER SESSION SET CURRENT_SCHEMA = {schema};",
    rows=SqlRows(
        piece_bytes=1000,
        joined_bytes=3900,
        join=b"||\n",
        declare="DECLARE",
        begin="BEGIN",
        end="END;\n/",
        variables={
            "CLOB": SqlVariable("  {name} CLOB;", "  DBMS_LOB.CREATETEMPORARY({name}, TRUE);", _TEXT),
            "NCLOB": SqlVariable("  {name} NCLOB;", "  DBMS_LOB.CREATETEMPORARY({name}, TRUE);", _TEXT),
            "BLOB": SqlVariable(
                "  {name} BLOB;",
                "  DBMS_LOB.CREATETEMPORARY({name}, TRUE);",
                "  DBMS_LOB.WRITEAPPEND({name}, {bytes}, HEXTORAW({piece}));",
                whole=True,
            ),
        },
    ),
)

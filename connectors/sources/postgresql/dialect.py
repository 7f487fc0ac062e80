"""How SQL text is written for PostgreSQL, and what psql reads.

Sources: "Lexical Structure" (with standard_conforming_strings on only the quote is special), "INSERT", "psql"
and "Character Set Support" of the PostgreSQL manual.
"""

from __future__ import annotations

from connectors.dialect import SqlDialect
from core.model.vocabulary import Encoding

# ASCII is a part of UTF-8. The server converts the others, which arrive unharmed, character by character
# (see the tests); psql knows that the second byte of a character may be that of a backslash. Not BIG5: three
# characters are lost.
_CHARSETS = {
    Encoding.UTF_8: "UTF8",
    Encoding.ASCII: "UTF8",
    Encoding.ISO_8859_1: "LATIN1",
    Encoding.GB2312: "EUC_CN",
    Encoding.GBK: "GBK",
    Encoding.GB18030: "GB18030",
}

_HEADER = (
    "SET standard_conforming_strings = on;",
    "SET DateStyle = 'ISO, YMD';",
    "SET IntervalStyle = 'postgres';",
    "SET TimeZone = 'UTC';",
    "SET lc_monetary = 'C';",
    "SET check_function_bodies = off;",
    "SET client_min_messages = warning;",
)

# -0 would be an integer, without a sign.
_SPECIAL_NUMBERS = {number: b"'" + number + b"'" for number in (b"NaN", b"Infinity", b"-Infinity", b"-0")}

POSTGRESQL = SqlDialect(
    name="postgresql",
    client="psql",
    client_options="-X -v ON_ERROR_STOP=1",
    identifier_quote='"',
    escapes={b"'": b"''"},
    binary=(b"'\\x", b"'"),
    hex_text=(b"convert_from('\\x", b"', 'UTF8')"),
    special_numbers=_SPECIAL_NUMBERS,
    client_charsets=_CHARSETS,
    header=_HEADER,
    charset_statement="SET client_encoding = '{charset}';",
    begin="BEGIN;",
    commit="COMMIT;",
    foreign_keys_apart=True,
    grants=True,
    # In quotes, since functions have blanks in their names; what is special there is encoded in paths.
    include="\\ir '{path}'",
    insert_clause=" OVERRIDING SYSTEM VALUE",
    copies=True,
)

"""How SQL text is written for servers of the MySQL family, and what their client reads.

The client is `mariadb` or `mysql`. Sources: "String Literals" and "mysql Client" of the MySQL 8.0 manual;
which encodings arrive unharmed was tried out, character by character (see the tests).
"""

from __future__ import annotations

from connectors.dialect import SqlDialect
from connectors.sources.mysql.product import Family, Product
from core.model.vocabulary import Encoding

# The client turns CR LF into LF and stops at NUL in what it reads from a pipe; 0x1A ends a file on Windows.
_ESCAPES = {b"\\": b"\\\\", b"'": b"\\'", b"\0": b"\\0", b"\n": b"\\n", b"\r": b"\\r", b"\x1a": b"\\Z"}

# ASCII is a part of UTF-8. Not among them: ISO-8859-1 (latin1 is windows-1252 there), BIG5 (three
# characters come out differently), GBK (a character may end in the byte of a backslash, which the client,
# though not the server, takes for one before a quote), GB18030 (unknown to MariaDB), UTF-16 and UTF-32 (no
# client reads them).
_CHARSETS = {Encoding.UTF_8: "utf8mb4", Encoding.ASCII: "utf8mb4"}
_MARIADB_CHARSETS = _CHARSETS | {Encoding.GB2312: "gb2312"}

_HEADER = (
    "SET @offramp_time_zone = @@time_zone, time_zone = '+00:00';",
    "SET @offramp_sql_mode = @@sql_mode, sql_mode = 'NO_AUTO_VALUE_ON_ZERO';",
    "SET @offramp_unique_checks = @@unique_checks, unique_checks = 0;",
    "SET @offramp_foreign_key_checks = @@foreign_key_checks, foreign_key_checks = 0;",
)
_FOOTER = (
    "SET foreign_key_checks = @offramp_foreign_key_checks;",
    "SET unique_checks = @offramp_unique_checks;",
    "SET sql_mode = @offramp_sql_mode;",
    "SET time_zone = @offramp_time_zone;",
)


def _special_numbers(family: Family) -> dict[bytes, bytes]:
    """Negative zero: as a decimal literal its sign would be lost. MariaDB drops it whatever is written."""
    if family is Family.MARIADB:
        return {}
    return {b"-0": b"-0e0"} | {b"-0." + b"0" * digits: b"-0e0" for digits in range(1, 31)}


def dialect(product: Product) -> SqlDialect:
    return SqlDialect(
        name=product.family.value,
        client="mariadb" if product.family is Family.MARIADB else "mysql",
        # Else comments are left out, within the bodies of routines too.
        client_options="--comments",
        identifier_quote="`",
        escapes=_ESCAPES,
        binary=(b"X'", b"'"),
        hex_text=(b"_utf8mb4 X'", b"'"),
        special_numbers=_special_numbers(product.family),
        client_charsets=_MARIADB_CHARSETS if product.family is Family.MARIADB else _CHARSETS,
        header=_HEADER,
        footer=_FOOTER,
        charset_statement="SET NAMES {charset};",
        begin="START TRANSACTION;",
        commit="COMMIT;",
        routine_delimiter=";;",
        include="SOURCE {path};",
    )

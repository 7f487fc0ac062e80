"""How SQL text is written for SQLite, and what its command-line client reads back.

Literals: https://www.sqlite.org/lang_expr.html. The client (`sqlite3`, shell.c) reads scripts line by line
up to a NUL and takes the CR off a line that ends in CR LF, also within a literal: text with either is
written as hex digits. A text that is cast from bytes takes the target's encoding, which is UTF-8 in a new
file. The VALUES of an INSERT count neither as terms of a compound SELECT nor as depth of an expression;
a statement may have 10^9 bytes.
"""

from __future__ import annotations

from connectors.dialect import SqlDialect
from core.model.vocabulary import Encoding

SQLITE = SqlDialect(
    name="sqlite",
    client="sqlite3",
    identifier_quote='"',
    escapes={b"'": b"''"},
    binary=(b"X'", b"'"),
    hex_text=(b"CAST(X'", b"' AS TEXT)"),
    hex_text_bytes=b"\x00\r",
    special_numbers={b"inf": b"9e999", b"-inf": b"-9e999"},
    client_charsets={Encoding.UTF_8: "UTF-8", Encoding.ASCII: "UTF-8"},
    # Outside a transaction, else it would have no effect.
    header=("PRAGMA foreign_keys=OFF;", "BEGIN TRANSACTION;"),
    footer=("COMMIT;",),
    commit="COMMIT;",
    begin="BEGIN TRANSACTION;",
    include='.read "{path}"',
    max_insert_bytes=1 << 20,
)

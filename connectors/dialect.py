"""How SQL text is written for a kind of database, so that its own client can load it.

A source says it as its `Session.dialect`; `core.formats` and the scripts of schema files write by it. Values
come in as the source prints them, as bytes; what goes out are the literals, statements and lines around them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.model.vocabulary import Encoding


@dataclass(frozen=True, slots=True)
class SqlLiteral:
    """How the values of a column stand in SQL files, where a dialect says it by column (`SqlDialect.rows`).

    `quote` is what a text begins with (`'`, `N'`; the end is always `'`), empty for what is written as it
    comes (numbers); `before` and `after` go around that. `special` are numbers that need another spelling,
    `empty` what stands for a value of no bytes. `large`: what a value past the client's limits is put
    together in, one of the dialect's variables, None where it can only be joined from pieces. `bare`: the
    text is SQL itself.
    """

    quote: bytes = b"'"
    before: bytes = b""
    after: bytes = b""
    special: Mapping[bytes, bytes] = field(default_factory=dict)
    empty: bytes | None = None
    large: str | None = None
    bare: bool = False


@dataclass(frozen=True, slots=True)
class SqlVariable:
    """A variable of a block in which a large value is put together (`SqlRows`). The texts hold `{name}`;
    `append` adds a piece, `{piece}`, a literal of text or of hex digits, which stand for `{bytes}` bytes.
    `whole`: it stands for the value itself, without what goes around a literal."""

    declare: str
    make: str
    append: str
    whole: bool = False


@dataclass(frozen=True, slots=True)
class SqlRows:
    """A client that takes one row with each INSERT, lines of limited length, and literals of limited size.

    A piece of a literal is at most `piece_bytes` long as it is written, `join` goes between pieces, and a
    value that is longer than `joined_bytes` so is put together in a variable, if it has one: the row is then
    a block, from `declare`, `begin` to `end`.
    """

    piece_bytes: int
    joined_bytes: int
    join: bytes
    declare: str
    begin: str
    end: str
    variables: Mapping[str, SqlVariable]


@dataclass(frozen=True, slots=True)
class SqlDialect:
    """How SQL text is written for the source's own kind of database, and what its client can read.

    `escapes`: bytes inside a '…' literal and what stands for each. Values that hold one of
    `hex_text_bytes`, or are no UTF-8, are written between `hex_text` (as hex digits) instead.
    `binary`: what stands before and after the hex digits of bytes. `special_numbers`: number texts that
    need another spelling (`inf`).
    `client_charsets`: encodings that the official client reads directly, and its name for each; the
    others must be converted first. `client_options`: what the client must be started with so that it sends
    statements as they are. `max_insert_bytes` bounds a statement.
    `grants`: privileges can be exported. `foreign_keys_apart`: the client can't be told to leave foreign
    keys alone while it loads, so that they stand in files of their own, which are loaded after the rows.
    `script_end`: the line that ends a statement with inner semicolons (`routine_delimiter` set around).
    `insert_clause`: what stands between the columns of an INSERT and VALUES. `copies`: its client loads rows
    behind COPY … FROM stdin, as PostgreSQL's does. `rows`: its client takes one row at a time, with literals
    by column. `block_end`: what ends every statement of a schema file, where a semicolon doesn't. `enter`:
    the statement that has names without a schema mean this one's, `{schema}` (quoted). `schema_header` and
    `schema_footer` go around the statements of schema files."""

    name: str
    client: str
    identifier_quote: str
    escapes: Mapping[bytes, bytes]
    client_options: str = ""
    binary: tuple[bytes, bytes] = (b"X'", b"'")
    hex_text: tuple[bytes, bytes] = (b"X'", b"'")
    hex_text_bytes: bytes = b""
    special_numbers: Mapping[bytes, bytes] = field(default_factory=dict)
    client_charsets: Mapping[Encoding, str] = field(default_factory=dict)
    header: tuple[str, ...] = ()
    data_header: tuple[str, ...] = ()
    data_footer: tuple[str, ...] = ()
    footer: tuple[str, ...] = ()
    charset_statement: str = ""
    commit: str = "COMMIT;"
    begin: str = ""
    routine_delimiter: str | None = None
    foreign_keys_apart: bool = False
    grants: bool = False
    include: str = ""
    insert_clause: str = ""
    copies: bool = False
    rows: SqlRows | None = None
    block_end: str | None = None
    schema_header: tuple[str, ...] = ()
    schema_footer: tuple[str, ...] = ()
    enter: str = ""
    max_insert_bytes: int = 1 << 20

    def identifier(self, name: str) -> str:
        """`name` quoted as an identifier."""
        q = self.identifier_quote
        return q + name.replace(q, q + q) + q

"""SQL text of schema files and of the load script, in the dialect of the source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from connectors.base import ObjectDdl, SqlDialect
from core.model.vocabulary import Encoding, ObjectRef, ObjectType

ROUTINES = (ObjectType.FUNCTION, ObjectType.PROCEDURE, ObjectType.TRIGGER, ObjectType.EVENT)
# What must not be there yet while rows are being loaded: a trigger would run for each of them.
LAST = (ObjectType.TRIGGER, ObjectType.EVENT)

_UNSAFE_IN_COMMENT = re.compile(
    r"[^\x20-\U0010ffff]|[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def schema_of_one(
    dialect: SqlDialect,
    encoding: Encoding,
    ref: ObjectRef,
    ddl: ObjectDdl,
    notes: Sequence[str],
    *,
    drop: bool,
) -> str:
    """The schema file of one object."""
    statements = []
    if drop:
        statements.append((ddl.drop, False))
    statements += [(text, ref.type in ROUTINES) for text in ddl.create]
    return _file(dialect, encoding, [f"Schema of {ref}", *notes, *ddl.notes], statements)


def merged_schema(
    dialect: SqlDialect,
    encoding: Encoding,
    title: str,
    objects: Sequence[tuple[ObjectRef, ObjectDdl]],
    notes: Sequence[str],
    *,
    drop: bool,
) -> str:
    """One file that makes all `objects`, which stand in an order in which each comes after what it needs:
    drops in reverse, tables without foreign keys and what builds on them, the foreign keys, and at last
    triggers and events."""
    statements: list[tuple[str, bool]] = []
    if drop:
        statements += [(ddl.drop, False) for _, ddl in reversed(objects)]
    first = [(ref, ddl) for ref, ddl in objects if ref.type not in LAST]
    last = [(ref, ddl) for ref, ddl in objects if ref.type in LAST]
    for ref, ddl in first:
        statements += [(text, ref.type in ROUTINES) for text in ddl.create_bare]
    for _, ddl in first:
        statements += [(text, False) for text in ddl.foreign_keys]
    for ref, ddl in last:
        statements += [(text, ref.type in ROUTINES) for text in ddl.create_bare]
    found = dict.fromkeys(f"{ref}: {note}" for ref, ddl in objects for note in ddl.notes)
    return _file(dialect, encoding, [title, *notes, *found], statements)


def load_script(dialect: SqlDialect, title: str, paths: Iterable[str], notes: Sequence[str]) -> str:
    """A script for the database's own client that loads the files in this order. `dialect.include` holds
    `{path}` where the path goes."""
    lines = [_comment(text) for text in (title, *notes)]
    lines += [dialect.include.replace("{path}", path) for path in paths]
    return "\n".join(lines) + "\n"


def _file(
    dialect: SqlDialect, encoding: Encoding, head: Iterable[str], statements: Iterable[tuple[str, bool]]
) -> str:
    lines = [_comment(text) for text in head]
    if dialect.charset_statement and encoding in dialect.client_charsets:
        lines.append(dialect.charset_statement.replace("{charset}", dialect.client_charsets[encoding]))
    lines += dialect.header
    delimited = False
    for text, routine in statements:
        wants = routine and dialect.routine_delimiter is not None
        if wants != delimited:
            lines.append(f"DELIMITER {dialect.routine_delimiter if wants else ';'}")
            delimited = wants
        lines.append(_terminated(text, dialect.routine_delimiter if wants else ";"))
    if delimited:
        lines.append("DELIMITER ;")
    lines += dialect.footer
    return "\n".join(lines) + "\n"


def _terminated(statement: str, end: str | None) -> str:
    # A terminator after a comment that runs to the end of the line would be part of it.
    last = statement.rpartition("\n")[2]
    return f"{statement}\n{end}" if "--" in last or "#" in last else f"{statement}{end}"


def _comment(text: str) -> str:
    """One line of comment that can't be left from within."""
    return "-- " + _UNSAFE_IN_COMMENT.sub(lambda found: f"\\u{{{ord(found[0]):X}}}", text)

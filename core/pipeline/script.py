"""SQL text of schema files and of the load script, in the dialect of the source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from connectors.base import ObjectDdl
from connectors.dialect import SqlDialect
from core.formats.sql_file import head_lines
from core.model.format_settings import Compression
from core.model.vocabulary import Encoding, ObjectRef, ObjectType

ROUTINES = (ObjectType.FUNCTION, ObjectType.PROCEDURE, ObjectType.TRIGGER, ObjectType.EVENT)
# What must not be there yet while rows are being loaded: a trigger would run for each of them.
_DECOMPRESS = {Compression.GZIP: "gunzip", Compression.ZSTD: "unzstd --rm"}
LAST = (ObjectType.TRIGGER, ObjectType.EVENT)

_UNSAFE_IN_COMMENT = re.compile(
    r"[^\x20-\U0010ffff]|[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def schema_of_one(
    dialect: SqlDialect,
    encoding: Encoding,
    ref: ObjectRef,
    ddl: ObjectDdl,
    *,
    drop: bool,
    grants: bool = False,
) -> str:
    """The schema file of one object, without foreign keys where the dialect has them apart."""
    statements = [(text, False) for text in ddl.preamble]
    if drop:
        statements += [(text, False) for text in (*ddl.unlink, ddl.drop)]
    made = ddl.create_bare if dialect.foreign_keys_apart else ddl.create
    statements += [(text, ref.type in ROUTINES) for text in made]
    if grants:
        statements += [(text, False) for text in ddl.grants]
    return _file(dialect, encoding, [f"Schema of {ref}", *ddl.notes], statements)


def foreign_keys_of_one(dialect: SqlDialect, encoding: Encoding, ref: ObjectRef, ddl: ObjectDdl) -> str:
    """The file of what is added once all tables have their rows."""
    title = f"Foreign keys, rules and policies of {ref}, for when the rows of all tables are there"
    return _file(dialect, encoding, [title], [(text, False) for text in ddl.foreign_keys])


def merged_schema(
    dialect: SqlDialect,
    encoding: Encoding,
    title: str,
    objects: Sequence[tuple[ObjectRef, ObjectDdl]],
    *,
    drop: bool,
    grants: bool = False,
) -> str:
    """One file that makes all `objects`, which stand in an order in which each comes after what it needs:
    drops in reverse, tables without foreign keys and what builds on them, the foreign keys, and at last
    triggers and events."""
    preamble = dict.fromkeys(text for _, ddl in objects for text in ddl.preamble)
    statements: list[tuple[str, bool]] = [(text, False) for text in preamble]
    if drop:
        statements += [(text, False) for _, ddl in objects for text in ddl.unlink]
        statements += [(ddl.drop, False) for _, ddl in reversed(objects)]
    first = [(ref, ddl) for ref, ddl in objects if ref.type not in LAST]
    last = [(ref, ddl) for ref, ddl in objects if ref.type in LAST]
    for ref, ddl in first:
        statements += [(text, ref.type in ROUTINES) for text in ddl.create_bare]
    for _, ddl in first:
        statements += [(text, False) for text in ddl.foreign_keys]
    for ref, ddl in last:
        statements += [(text, ref.type in ROUTINES) for text in ddl.create_bare]
    if grants:
        statements += [(text, False) for _, ddl in objects for text in ddl.grants]
    found = dict.fromkeys(f"{ref}: {note}" for ref, ddl in objects for note in ddl.notes)
    return _file(dialect, encoding, [title, *found], statements)


def load_script(
    dialect: SqlDialect, encoding: Encoding, compression: Compression, paths: Sequence[str]
) -> str:
    """A script for the database's own client that loads the files in this order, compressed ones by the
    names they have once they are decompressed. `dialect.include` holds `{path}` where the path goes."""
    client = f"{dialect.client} {dialect.client_options}".rstrip()
    lines = [f"Loads all files here, in order, with {client}, started in this directory."]
    if encoding not in dialect.client_charsets:
        lines.append("Each of them must be converted first, and keep its name: their heads say how.")
    if compression is not Compression.NONE:
        packed = next((path for path in paths if path.endswith(compression.suffix)), "")
        where = "*/" * packed.count("/")
        command = f"{_DECOMPRESS[compression]} {where}*{compression.suffix}"
        lines.append(f"Decompress the data files first: {command}")
    plain = (path.removesuffix(compression.suffix) for path in paths)
    return "\n".join([*map(_comment, lines), *(dialect.include.replace("{path}", p) for p in plain)]) + "\n"


def _file(
    dialect: SqlDialect, encoding: Encoding, head: Iterable[str], statements: Iterable[tuple[str, bool]]
) -> str:
    lines = [*map(_comment, head), *head_lines(dialect, encoding), *dialect.header, *dialect.schema_header]
    delimited = False
    for text, routine in statements:
        wants = routine and dialect.routine_delimiter is not None
        if wants != delimited:
            lines.append(f"DELIMITER {dialect.routine_delimiter if wants else ';'}")
            delimited = wants
        if dialect.block_end is not None:
            lines += [text, dialect.block_end]
        else:
            lines.append(_terminated(text, dialect.routine_delimiter if wants else ";"))
    if delimited:
        lines.append("DELIMITER ;")
    lines += [*dialect.schema_footer, *dialect.footer]
    return "\n".join(lines) + "\n"


def _terminated(statement: str, end: str | None) -> str:
    # A terminator after a comment that runs to the end of the line would be part of it.
    last = statement.rpartition("\n")[2]
    return f"{statement}\n{end}" if "--" in last or "#" in last else f"{statement}{end}"


def _comment(text: str) -> str:
    """One line of comment that can't be left from within."""
    return "-- " + _UNSAFE_IN_COMMENT.sub(lambda found: f"\\u{{{ord(found[0]):X}}}", text)

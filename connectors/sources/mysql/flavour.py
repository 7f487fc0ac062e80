"""The MySQL flavour: schemas without what only MariaDB or OceanBase understands.

What MySQL accepts as it is stays, `/*M! */` comments among it. What has no counterpart stays too, and is
said. Reference: "CREATE TABLE" of the MySQL 8.0 manual, of MariaDB's knowledge base, and of the OceanBase
manual.
"""

from __future__ import annotations

from connectors.sources.mysql.product import Family
from connectors.sources.mysql.sql import split_definitions, substitute
from connectors.sources.mysql.types import base

_MODES = {
    "ALLOW_INVALID_DATES", "ANSI_QUOTES", "ERROR_FOR_DIVISION_BY_ZERO", "HIGH_NOT_PRECEDENCE", "IGNORE_SPACE",
    "NO_AUTO_VALUE_ON_ZERO", "NO_BACKSLASH_ESCAPES", "NO_DIR_IN_CREATE", "NO_ENGINE_SUBSTITUTION",
    "NO_UNSIGNED_SUBTRACTION", "NO_ZERO_DATE", "NO_ZERO_IN_DATE", "ONLY_FULL_GROUP_BY",
    "PAD_CHAR_TO_FULL_LENGTH", "PIPES_AS_CONCAT", "REAL_AS_FLOAT", "STRICT_ALL_TABLES", "STRICT_TRANS_TABLES",
    "TIME_TRUNCATE_FRACTIONAL",
}  # fmt: skip

# What is replaced in a MariaDB column's definition: pattern, replacement, what is said.
_COLUMN_RULES = (
    (r"^(\s*)uuid\b", r"\1char(36)", "type uuid written as char(36)"),
    (r"^(\s*)inet6\b", r"\1varchar(45)", "type inet6 written as varchar(45)"),
    (r"^(\s*)inet4\b", r"\1varchar(15)", "type inet4 written as varchar(15)"),
)
# The same for collations, in definitions and at the table's end.
_COLLATE_RULES = (
    (r"\s+COLLATE\s*=?\s*\w*uca1400\w*", "", "a collation of MariaDB's own left out"),
    (r"\s+COLLATE\s*=?\s*\w*_nopad_\w*", "", "a collation of MariaDB's own left out"),
)
_TAIL_RULES = (
    (r"\s+WITH SYSTEM VERSIONING\b", "", "WITH SYSTEM VERSIONING left out"),
    (r"\s+(PAGE_CHECKSUM|TRANSACTIONAL)\s*=\s*\d", "", "options of engine Aria left out"),
    (r"\bENGINE\s*=\s*Aria\b", "ENGINE=InnoDB", "engine Aria written as InnoDB"),
)
_OCEANBASE_TYPES = {"array", "map", "sparsevector", "roaringbitmap", "string"}


def plain_modes(modes: str) -> str:
    """A sql_mode with only what a current MySQL knows."""
    return ",".join(m for m in modes.split(",") if m in _MODES)


def plain_routine(text: str) -> str:
    """A routine's statement; MariaDB's AGGREGATE and the like have no counterpart and stay."""
    return substitute(text, r"^CREATE\s+OR\s+REPLACE\s+", "CREATE ")


def plain_table(create: str, family: Family) -> tuple[str, list[str]]:
    """A CREATE TABLE for MySQL, and words about what was changed or can't be."""
    head, definitions, tail = split_definitions(create)
    notes: dict[str, None] = {}

    def apply(text: str, rules: tuple[tuple[str, str, str], ...]) -> str:
        for pattern, replacement, words in rules:
            changed = substitute(text, pattern, replacement)
            if changed != text:
                notes[words[0].upper() + words[1:] + "."] = None
            text = changed
        return text

    plain = []
    for definition in definitions:
        name, kind = _column(definition)
        if not kind:
            plain.append(substitute(definition, r"\s+IGNORED$", " /*!80000 INVISIBLE */"))
            continue
        if family is Family.OCEANBASE and base(kind.strip()) in _OCEANBASE_TYPES:
            notes[f"MySQL has no type {base(kind.strip())}."] = None
        plain.append(name + apply(kind, (*_COLUMN_RULES, *_COLLATE_RULES)))
    if family is Family.MARIADB:
        tail = apply(tail, (*_COLLATE_RULES, *_TAIL_RULES))
    return head + ",".join(plain) + tail, list(notes)


def _column(definition: str) -> tuple[str, str]:
    """A column's quoted name, and what follows it; ("", "") for keys and constraints."""
    text = definition.lstrip()
    if not text.startswith("`"):
        return "", ""
    end = 1
    while True:
        end = text.index("`", end) + 1
        if text[end : end + 1] != "`":
            break
        end += 1
    lead = definition[: len(definition) - len(text)]
    return lead + text[:end], text[end:]

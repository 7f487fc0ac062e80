"""What OceanBase prints wrong in SHOW CREATE, put right: such a statement could not be loaded.

Seen on OceanBase 4.3.5 (seekdb 1.4): members of ENUM and SET without escapes; names of views and routines
with a backtick that isn't doubled; a routine's comment without escapes; a trigger's definer without quotes.
"""

from __future__ import annotations

import re

from pymysql.err import MySQLError

from connectors.sources.mysql.link import Link
from connectors.sources.mysql.product import Family
from connectors.sources.mysql.sql import identifier, literal
from core.model.vocabulary import ObjectRef, ObjectType


class Repair:
    def __init__(self, link: Link) -> None:
        self._link = link

    @property
    def _needed(self) -> bool:
        return self._link.product.family is Family.OCEANBASE

    def table(self, database: str, ref: ObjectRef, create: str) -> str:
        """A CREATE TABLE whose ENUM and SET members are literals."""
        if not self._needed or not re.search(r"\b(enum|set)\(", create):
            return create
        rows = self._link.rows(
            "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE FROM information_schema.COLUMNS"
            f" WHERE TABLE_SCHEMA = {literal(database)} AND TABLE_NAME = {literal(ref.name)}"
            " AND DATA_TYPE IN ('enum', 'set')"
        )
        exact: dict[str, list[str]] | None = None
        for table, column, column_type in rows:
            if table != ref.name or not _doubtful(column_type):
                continue
            if exact is None:
                exact = self._members(database, ref)
            kind = column_type.partition("(")[0]
            members = exact.get(column) or raw_members(column_type)
            right = f"{kind}({','.join(map(literal, members))})"
            create = create.replace(
                f"  {identifier(column)} {column_type}", f"  {identifier(column)} {right}", 1
            )
        return create

    def _members(self, database: str, ref: ObjectRef) -> dict[str, list[str]]:
        """Members by column, from the server's own dictionary, empty where the account may not read it."""
        try:
            rows = self._link.rows(
                "SELECT c.column_name, c.extended_type_info FROM oceanbase.__all_column c"
                " JOIN oceanbase.__all_table t ON t.table_id = c.table_id"
                " JOIN oceanbase.__all_database d ON d.database_id = t.database_id"
                f" WHERE d.database_name = {literal(database)} AND t.table_name = {literal(ref.name)}"
                " AND LENGTH(c.extended_type_info) > 0"
            )
        except MySQLError:
            return {}
        return {
            str(name): packed_members(info if isinstance(info, bytes) else str(info).encode())
            for name, info in rows
        }

    def name(self, create: str, ref: ObjectRef) -> str:
        """A statement whose object's own name, at its first place, is quoted rightly."""
        if not self._needed or "`" not in ref.name:
            return create
        return create.replace(f"`{ref.name}`", identifier(ref.name), 1)

    def code(self, database: str, ref: ObjectRef, create: str) -> str:
        """A routine or trigger that can be run again."""
        if not self._needed:
            return create
        if ref.type is ObjectType.TRIGGER:
            rows = self._link.rows(
                "SELECT TRIGGER_NAME, DEFINER FROM information_schema.TRIGGERS"
                f" WHERE TRIGGER_SCHEMA = {literal(database)} AND TRIGGER_NAME = {literal(ref.name)}"
            )
            return next((quoted_definer(create, str(d)) for n, d in rows if n == ref.name), create)
        create = self.name(create, ref)
        rows = self._link.rows(
            "SELECT ROUTINE_NAME, ROUTINE_COMMENT FROM information_schema.ROUTINES"
            f" WHERE ROUTINE_SCHEMA = {literal(database)} AND ROUTINE_NAME = {literal(ref.name)}"
            f" AND ROUTINE_TYPE = {literal(ref.type)}"
        )
        for name, comment in rows:
            if name == ref.name and comment:
                create = create.replace(
                    f"\n    COMMENT '{comment}'\n", f"\n    COMMENT {literal(comment)}\n", 1
                )
        return create


def _doubtful(column_type: str) -> bool:
    """Whether any member may hold what needs an escape: else the type is right as it is printed."""
    inner = column_type[column_type.index("(") + 2 : -2].replace("','", "")
    return "'" in inner or "\\" in inner or "\0" in inner


def raw_members(column_type: str) -> list[str]:
    """Members of a type that was printed without escapes: enum('a','it's'). One that holds ',' between
    quotes can't be told from two."""
    inner = column_type[column_type.index("(") + 1 : column_type.rindex(")")]
    return inner[1:-1].split("','")


def packed_members(info: bytes) -> list[str]:
    """Members as OceanBase's dictionary packs them: their number, then for each its length, bytes and a NUL;
    numbers in 7 bits a byte, the lowest first (ObSArray<ObString>::serialize)."""
    position = 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = info[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    members = []
    for _ in range(varint()):
        length = varint()
        members.append(info[position : position + length].decode("utf-8", "surrogateescape"))
        position += length + 1
    return members


def quoted_definer(create: str, definer: str) -> str:
    """`CREATE DEFINER = root@% trigger` → with quotes around user and host. `definer` is `user@host`."""
    user, _, host = definer.rpartition("@")
    quoted = f"{identifier(user)}@{identifier(host)}"
    return re.sub(
        r"(DEFINER\s*=\s*)" + re.escape(definer) + r"(?=\s)",
        lambda m: m[1] + quoted,
        create,
        count=1,
        flags=re.I,
    )

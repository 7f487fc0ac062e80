"""Schemas: SHOW CREATE of each kind of object, made such that it loads into another database.

Names are printed without the database where the server can (it is made the current one first), and taken off
where it can't. DEFINER is kept in the native flavour, and left out in the MySQL flavour, which is for
servers that don't know the user.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from connectors.base import ObjectDdl
from connectors.sources.mysql.dependencies import Dependencies
from connectors.sources.mysql.flavour import plain_modes, plain_routine, plain_table
from connectors.sources.mysql.information import Information
from connectors.sources.mysql.link import Link, Row
from connectors.sources.mysql.product import Family
from connectors.sources.mysql.repair import Repair
from connectors.sources.mysql.sql import (
    has_comments,
    identifier,
    literal,
    split_definitions,
    substitute,
    tokens,
    unqualify,
)
from connectors.words import shown
from core.errors import NoPrivilege
from core.model.vocabulary import ObjectRef, ObjectType, SchemaFlavour

_AUTO_INCREMENT = r"\s*\bAUTO_INCREMENT\s*=\s*\d+"

COMMENTS = "The client leaves the comments in it out unless it is started with --comments."
DEFINER_LEFT_OUT = "DEFINER left out: it becomes whoever loads the file."
DEFINER_KEPT = (
    "DEFINER kept: whoever loads the file needs the right to set it, and that user must exist to run it."
)


class Ddl:
    """Schemas of one session."""

    def __init__(self, link: Link, information: Information) -> None:
        self._link = link
        self._repair = Repair(link)
        self._dependencies = Dependencies(link, information)

    def of(self, database: str, ref: ObjectRef, flavour: SchemaFlavour) -> ObjectDdl:
        """The schema of an object. Raises NotFound, NoPrivilege, BrokenObject."""
        self._link.use(database)
        build: dict[ObjectType, Callable[[str, ObjectRef, SchemaFlavour], ObjectDdl]] = {
            ObjectType.TABLE: self._table,
            ObjectType.VIEW: self._view,
            ObjectType.SEQUENCE: self._sequence,
        }
        with self._link.saying(f"reading the schema of {shown(str(ref))} of database {shown(database)}"):
            return build.get(ref.type, self._code)(database, ref, flavour)

    def _show(self, ref: ObjectRef, *, compatible: bool = False) -> Row:
        oceanbase = self._link.product.family is Family.OCEANBASE
        if oceanbase:
            self._link.execute(f"SET SESSION _show_ddl_in_compat_mode = {int(compatible)}")
        return self._link.row(f"SHOW CREATE {ref.type} {identifier(ref.name)}")

    def _table(self, database: str, ref: ObjectRef, flavour: SchemaFlavour) -> ObjectDdl:
        family = self._link.product.family
        notes: list[str] = []
        native = self._local_table(database, ref, str(self._show(ref)[1]))
        create = native
        if flavour is SchemaFlavour.MYSQL:
            if family is Family.OCEANBASE:
                create = self._local_table(database, ref, str(self._show(ref, compatible=True)[1]))
            create, notes = plain_table(create, family)
        head, definitions, tail = split_definitions(create)
        foreign = [d.strip() for d in definitions if _is_foreign_key(d)]
        bare = head + ",".join(d for d in definitions if not _is_foreign_key(d)) + tail
        table = identifier(ref.name)
        return ObjectDdl(
            drop=f"DROP TABLE IF EXISTS {table}",
            create=(create,),
            create_bare=(bare,),
            foreign_keys=tuple(f"ALTER TABLE {table} ADD {definition}" for definition in foreign),
            needs=self._dependencies.of_table(database, ref, native),
            fingerprint=_digest(without_auto_increment(native)),
            notes=tuple(notes),
        )

    def _local_table(self, database: str, ref: ObjectRef, create: str) -> str:
        """The table's statement, repaired, with references into its own database unqualified."""
        create = self._repair.table(database, ref, create)
        # REFERENCES `db`.`t`, and DEFAULT nextval(`db`.`sequence`): there are no other qualified names in it.
        return unqualify(create, database, lambda _: True)

    def _view(self, database: str, ref: ObjectRef, flavour: SchemaFlavour) -> ObjectDdl:
        text = str(self._show(ref)[1])
        needs = self._dependencies.of_view(database, ref, text)
        text = self._repair.name(text, ref)
        local = {need.name for need in needs}
        text = unqualify(text, database, local.__contains__)
        create, notes = self._definer(text, flavour)
        return ObjectDdl(
            drop=f"DROP VIEW IF EXISTS {identifier(ref.name)}",
            create=(create,),
            create_bare=(create,),
            needs=needs,
            fingerprint=_digest(text),
            notes=notes,
        )

    def _sequence(self, database: str, ref: ObjectRef, flavour: SchemaFlavour) -> ObjectDdl:
        name = identifier(ref.name)
        text = str(self._show(ref)[1])
        (following,) = self._link.row(f"SELECT next_not_cached_value FROM {name}")
        statements = (text, f"DO SETVAL({name}, {following}, 0)")
        notes = ("MySQL has no sequences.",) if flavour is SchemaFlavour.MYSQL else ()
        return ObjectDdl(
            drop=f"DROP SEQUENCE IF EXISTS {name}",
            create=statements,
            create_bare=statements,
            fingerprint=_digest(text),
            notes=notes,
        )

    def _code(self, database: str, ref: ObjectRef, flavour: SchemaFlavour) -> ObjectDdl:
        """A function, procedure, trigger or event: what runs, and the sql_mode it was made in."""
        row = self._show(ref)
        zone = row[2] if ref.type is ObjectType.EVENT else None
        text, collation = (row[3], row[5]) if ref.type is ObjectType.EVENT else (row[2], row[4])
        if text is None:
            raise NoPrivilege(
                f"The body of {shown(str(ref))} of database {shown(database)} may not be seen by this user.",
                "Its definer may, and whoever has SELECT on the table of routines or SHOW CREATE ROUTINE.",
            )
        text = self._repair.code(database, ref, str(text))
        if ref.type is ObjectType.TRIGGER:
            text = _local_trigger(text, database)
        fingerprint = _digest(text, str(row[1]))
        create, notes = self._definer(text, flavour)
        mode = str(row[1])
        if flavour is SchemaFlavour.MYSQL:
            create, mode = plain_routine(create), plain_modes(mode)
        settings = {"sql_mode": literal(mode)}
        if "_" in str(collation):
            # OceanBase names a character set here for triggers.
            settings["collation_connection"] = literal(str(collation))
        if zone is not None:
            settings["time_zone"] = literal(str(zone))
        saved = ", ".join(f"@offramp_{n}_was = @@{n}, {n} = {v}" for n, v in settings.items())
        back = ", ".join(f"{n} = @offramp_{n}_was" for n in settings)
        statements = (f"SET {saved}", create, f"SET {back}")
        comments = (COMMENTS,) if has_comments(create) else ()
        return ObjectDdl(
            drop=f"DROP {ref.type} IF EXISTS {identifier(ref.name)}",
            create=statements,
            create_bare=statements,
            needs=self._dependencies.of_trigger(database, ref) if ref.type is ObjectType.TRIGGER else (),
            fingerprint=fingerprint,
            notes=(*notes, f"Made under sql_mode {mode!r}, which the file sets for it.", *comments),
        )

    def _definer(self, text: str, flavour: SchemaFlavour) -> tuple[str, tuple[str, ...]]:
        bare = without_definer(text)
        if bare == text:
            return text, ()
        return (bare, (DEFINER_LEFT_OUT,)) if flavour is SchemaFlavour.MYSQL else (text, (DEFINER_KEPT,))


def without_auto_increment(create: str) -> str:
    """A CREATE TABLE without the counter, which moves with every row."""
    head, definitions, tail = split_definitions(create)
    return head + ",".join(definitions) + substitute(tail, _AUTO_INCREMENT, "")


def without_definer(text: str) -> str:
    """A statement without DEFINER=user@host in its head."""
    items = tokens(text)
    for position, token in enumerate(items[:40]):
        if token.upper() != "DEFINER":
            continue
        rest = [i for i in range(position + 1, len(items)) if not items[i].isspace()]
        # What follows: an equals sign, the user, an at sign, the host.
        if len(rest) > 4 and items[rest[0]] == "=" and items[rest[2]] == "@":
            return "".join(items[:position]) + "".join(items[rest[3] + 1 :]).lstrip()
    return text


def _is_foreign_key(definition: str) -> bool:
    return (
        re.match(r"\s*(CONSTRAINT\s+`(?:[^`]|``)*`\s+)?FOREIGN\s+KEY\b", definition, re.IGNORECASE)
        is not None
    )


def _local_trigger(text: str, database: str) -> str:
    """A trigger as it was typed, without its database before its own and its table's name; the body stays."""
    items = tokens(text)
    for position, token in enumerate(items):
        # CREATE … TRIGGER name BEFORE INSERT ON table FOR EACH ROW …
        if token.upper() == "EACH":
            head = unqualify("".join(items[:position]), database, lambda _: True)
            return head + "".join(items[position:])
    return text


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()

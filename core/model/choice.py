"""What of an object's columns and rows is taken, and queries that are read as data sets."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from core.errors import InvalidValue
from core.model.vocabulary import ObjectPattern, ObjectRef, ObjectType

MOST_NAME_BYTES = 120


class Choice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`columns`: only these, in the object's own order; `exclude`: all but these. `where`: only rows that
    meet this condition, in the source's dialect."""

    columns: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    where: str | None = None

    def __post_init__(self) -> None:
        if not self.columns and not self.exclude and self.where is None:
            raise InvalidValue(
                "A choice says nothing.", "Name columns, columns to leave out, or a condition."
            )
        if self.columns and self.exclude:
            raise InvalidValue(
                "Columns are chosen and left out at once.", "Say which to take, or which to leave out."
            )
        for name in (*self.columns, *self.exclude):
            if not name:
                raise InvalidValue("A column without a name was chosen.")
        if self.where is not None and not self.where.strip():
            raise InvalidValue("A condition is empty.", "Write it in SQL as behind WHERE, or leave it out.")


def check_choices(choices: Mapping[str, Choice]) -> None:
    """Choices are by objects as people type them (`TABLE:orders`, `orders`, `ord*`). Raises InvalidValue."""
    for text in choices:
        pattern = ObjectPattern.parse(text)
        if pattern.type is not None and not (pattern.type.has_data and pattern.type.stored):
            raise InvalidValue(
                f"{text!r} has no columns and rows to choose from.", "Choose of tables and views."
            )


def choice_of(choices: Mapping[str, Choice], ref: ObjectRef) -> Choice | None:
    """What holds for an object, columns and condition each by itself: what is said under its own name, with
    its type before without; else under the first pattern that means it."""
    if not (ref.type.has_data and ref.type.stored):
        return None
    columns: tuple[int, Choice] | None = None
    where: tuple[int, Choice] | None = None
    for text, choice in choices.items():
        pattern = ObjectPattern.parse(text)
        if not pattern.matches(ref):
            continue
        rank = 0 if pattern.literal is None else 1 if pattern.type is None else 2
        if (choice.columns or choice.exclude) and (columns is None or rank > columns[0]):
            columns = rank, choice
        if choice.where is not None and (where is None or rank > where[0]):
            where = rank, choice
    if columns is None or where is None:
        found = columns or where
        return found[1] if found is not None else None
    return msgspec.structs.replace(columns[1], where=where[1].where)


def check_queries(queries: Mapping[str, str]) -> None:
    """Queries by the name of their data set. Raises InvalidValue."""
    for name, text in queries.items():
        bad = not name or name != name.strip() or not name.isprintable()
        if bad or len(name.encode()) > MOST_NAME_BYTES:
            raise InvalidValue(
                f"{name!r} can't name a query.",
                f"Use up to {MOST_NAME_BYTES} bytes of printable characters, without spaces at the ends.",
            )
        if not statement_of(text) or "\0" in text:
            raise InvalidValue(f"Query {name!r} has no statement.", "Write a SELECT.")


def statement_of(query: str) -> str:
    """A query as it is sent: without the semicolon that people end it with."""
    return query.strip().removesuffix(";").rstrip()


def refs_of(queries: Mapping[str, str]) -> tuple[ObjectRef, ...]:
    """The data sets of these queries, by name."""
    return tuple(ObjectRef(ObjectType.QUERY, name) for name in sorted(queries))

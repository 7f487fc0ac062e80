"""What is put together while an object's schema is read, and the pieces that all kinds of objects share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from connectors.base import ObjectDdl
from connectors.sources.postgresql.sql import identifier, literal
from core.model.vocabulary import ObjectRef

NO_NAMESPACE = ("public",)


@dataclass
class Script:
    """`made` makes the object; `moving` sets what every row may move (values of sequences), so it is left
    out of the fingerprint; `later` is what must not be there while rows are loaded, or may need any other
    object: foreign keys, rules, policies. `unlink` takes `later` off again. `schemas` are those that names
    lie in, in order."""

    made: list[str] = field(default_factory=list)
    moving: list[str] = field(default_factory=list)
    later: list[str] = field(default_factory=list)
    unlink: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    schemas: dict[str, None] = field(default_factory=dict)

    def comment(self, what: str, text: str | None, *, later: bool = False) -> None:
        """Say the comment `text` of `what` (`TABLE public.t`), where there is one."""
        if text is not None:
            (self.later if later else self.made).append(f"COMMENT ON {what} IS {literal(text)}")

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def ddl(self, drop: str, needs: Iterable[ObjectRef], grants: Iterable[str] = ()) -> ObjectDdl:
        bare = (*self.made, *self.moving)
        return ObjectDdl(
            drop=drop,
            create=(*bare, *self.later),
            create_bare=bare,
            foreign_keys=tuple(self.later),
            needs=tuple(needs),
            fingerprint=_digest([*self.made, *self.later]),
            notes=tuple(self.notes),
            preamble=tuple(
                f"CREATE SCHEMA IF NOT EXISTS {identifier(name)}"
                for name in self.schemas
                if name not in NO_NAMESPACE
            ),
            unlink=tuple(self.unlink),
            grants=tuple(grants),
        )


def options(stored: Iterable[str] | None, prefix: str = "") -> list[str]:
    """Storage parameters as the catalogs keep them (`fillfactor=70`), as WITH (…) takes them."""
    found = []
    for text in stored or ():
        key, _, value = text.partition("=")
        found.append(f"{prefix}{key}={literal(value)}")
    return found


def with_options(items: Iterable[str]) -> str:
    listed = ", ".join(items)
    return f" WITH ({listed})" if listed else ""


def plain(statement: str) -> str:
    """A statement as the server prints it, without the semicolon and the line's end after it."""
    return statement.rstrip().removesuffix(";").rstrip()


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()

"""What is typed into the form, and what it is made from: patterns, numbers, names."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from core.errors import InvalidValue
from core.model.notice import NOBODY, check_notices
from core.model.vocabulary import ObjectPattern, ObjectRef


def pattern_of(ref: ObjectRef) -> str:
    """The pattern that means exactly this object."""
    name = ref.name.replace("\\", "\\\\").replace("*", "\\*")
    return f"{ref.type}:{name}"


def slug(text: str) -> str:
    """A name that is good as a file's, too."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-.")[:80]


def split(text: str) -> tuple[str, ...]:
    """Patterns as they are typed: between spaces, quoted where a name has one. Raises InvalidValue."""
    try:
        return tuple(shlex.split(text))
    except ValueError:
        raise InvalidValue(f"{text!r} has a quote that isn't closed.", "Quote names with spaces.") from None


def notify_text(notify: tuple[str, ...] | None) -> str:
    """Who is told of the end, as it is typed; empty where the settings file says it."""
    return "" if notify is None else shlex.join(notify) or NOBODY


def notify_from(text: str) -> tuple[str, ...] | None:
    """Raises InvalidValue."""
    found = split(text)
    if not found:
        return None
    if found == (NOBODY,):
        return ()
    check_notices(found)
    return found


def parted(patterns: Iterable[ObjectPattern]) -> tuple[frozenset[ObjectRef], list[str]]:
    """Patterns that mean one object of a type, and the others."""
    chosen: set[ObjectRef] = set()
    others: list[str] = []
    for pattern in patterns:
        name = pattern.literal
        if pattern.type is not None and name is not None:
            chosen.add(ObjectRef(pattern.type, name))
        else:
            others.append(str(pattern))
    return frozenset(chosen), others


def number(text: str) -> int:
    if not text.strip().isdecimal() or len(text.strip()) > 18:
        raise InvalidValue(f"{text!r} is no number." if text.strip() else "A number is needed.")
    return int(text)

"""What a field of the form is: where it stands, what it is called, what it offers, when it applies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, StrEnum

from tui.screens.wizard.draft import Draft
from tui.screens.wizard.rules import Known

YES, NO = "yes", "no"


class Step(StrEnum):
    CONTENT = "Content"
    DATABASE = "Database"
    OBJECTS = "Objects"
    DATA = "Data files"
    SCHEMA = "Schema files"
    FILES = "Files"
    DESTINATION = "Destination"
    EXECUTION = "Execution"
    SYS = "sys account"
    SUMMARY = "Summary"


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str


Options = Callable[[Draft, Known], Sequence[Option]]


def getter(name: str) -> Callable[[Draft, Known], str]:
    def get(draft: Draft, known: Known) -> str:
        del known
        value = getattr(draft, name)
        if isinstance(value, bool):
            return YES if value else NO
        return str(value.value if isinstance(value, Enum) else value)

    return get


def putter(name: str) -> Callable[[Draft, str], Draft]:
    def put(draft: Draft, text: str) -> Draft:
        old = getattr(draft, name)
        if isinstance(old, bool):
            return replace(draft, **{name: text == YES})  # type: ignore[arg-type]
        made = type(old)(text) if isinstance(old, Enum) else text
        return replace(draft, **{name: made})  # type: ignore[arg-type]

    return put


def always(draft: Draft, known: Known) -> bool:
    del draft, known
    return True


@dataclass(frozen=True, slots=True)
class Field:
    """`options` None: it is typed. `hint` says what it wants. `get` and `put` are its value as a text."""

    id: str
    step: Step
    label: str
    hint: str
    options: Options | None
    shown: Callable[[Draft, Known], bool]
    get: Callable[[Draft, Known], str]
    put: Callable[[Draft, str], Draft]
    secret: bool = False


def field(
    id: str,
    step: Step,
    label: str,
    hint: str,
    options: Options | Sequence[tuple[str, str]] | None = None,
    *,
    shown: Callable[[Draft, Known], bool] = always,
    get: Callable[[Draft, Known], str] | None = None,
    put: Callable[[Draft, str], Draft] | None = None,
    secret: bool = False,
) -> Field:
    if options is not None and not callable(options):
        # A member of an enumeration would be taken for the kind of what is typed.
        fixed = tuple(Option(str(value), text) for value, text in options)
        options = lambda draft, known: fixed  # noqa: E731
    return Field(id, step, label, hint, options, shown, get or getter(id), put or putter(id), secret)

"""Plain data as values of the vocabulary, with errors that name the place and the nearest right spelling."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from core.errors import InvalidDefinition, InvalidValue
from core.model.spelling import suggestion
from core.model.trees import Tree

T = TypeVar("T")

_PLACE = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<number>\d+)\]|\[\.\.\.\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`$")
_MISSING = re.compile(r"Object missing required field `(?P<name>.*)`$")


def parse_toml(text: str, where: str) -> Tree:
    """Raises InvalidDefinition with line and column where `text` is no TOML."""
    import tomllib  # noqa: PLC0415 - most commands read none

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidDefinition(f"{where} is no TOML: {error}.") from None
    except RecursionError:
        raise InvalidDefinition(
            f"{where} is nested too deeply.", "Definitions are four levels deep."
        ) from None


def from_tree(kind: type[T], tree: object, where: str, place: str = "", *, strict: bool = True) -> T:
    """A value of `kind` from plain data; unless `strict`, texts may stand for numbers and booleans. Raises
    InvalidDefinition: `where` is the file, `place` the dotted path of `tree` in it."""
    try:
        return msgspec.convert(tree, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise _explain(error, kind, tree, where, place) from None


def _explain(
    error: msgspec.ValidationError, kind: Any, tree: object, where: str, place: str
) -> InvalidDefinition:
    text = str(error)
    found = _PLACE.search(text)
    path = found["path"] if found else ""
    text = text[: found.start()] if found else text
    here = f"{place}{path}".lstrip(".")
    head = f"{where}: {here}" if here else where
    if isinstance(error.__cause__, InvalidValue):
        return InvalidDefinition(f"{head}: {error.__cause__.message}", error.__cause__.hint)
    kind, value = _follow(kind, tree, path)
    if unknown := _UNKNOWN.match(text):
        name = unknown["name"]
        return InvalidDefinition(f"{head}.{name} is no setting.", suggestion(name, names_of(kind, value)))
    if missing := _MISSING.match(text):
        return InvalidDefinition(f"{head} lacks {missing['name']}.")
    choices = _choices(kind)
    if choices and isinstance(value, str):
        return InvalidDefinition(
            f"{head} = {value!r} is none of {', '.join(choices)}.", suggestion(value, choices)
        )
    return InvalidDefinition(f"{head}: {text[0].lower()}{text[1:]}.")


def _follow(kind: Any, value: Any, path: str) -> tuple[Any, Any]:
    """The type and the value at a path of msgspec's."""
    for step in _STEP.finditer(path):
        if step["name"] and step["name"] in (tags := _tags(kind)):
            return tags[step["name"]], value.get(step["name"]) if isinstance(value, Mapping) else None
        kind = _member(kind, value)
        if step["name"]:
            if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
                kind = get_type_hints(kind).get(step["name"])
            value = value.get(step["name"]) if isinstance(value, Mapping) else None
        elif step["number"] is None:
            # Some value of a mapping: msgspec doesn't say which.
            inner = get_args(kind)
            kind = inner[-1] if inner else None
            value = None
        else:
            inner = get_args(kind)
            kind = inner[0] if inner else None
            number = int(step["number"])
            value = value[number] if isinstance(value, Sequence) and number < len(value) else None
    return _member(kind, value), value


def _member(kind: Any, value: Any) -> Any:
    """Of a union, the member that `value` was meant to be: a struct by its tag, else the only one."""
    if get_origin(kind) not in (Union, types.UnionType):
        return kind
    members = [member for member in get_args(kind) if member is not type(None)]
    for member in members:
        if isinstance(value, Mapping) and issubclass(member, msgspec.Struct):
            config = member.__struct_config__
            if config.tag_field and value.get(config.tag_field) == config.tag:
                return member
    return members[0] if len(members) == 1 else kind


def _tags(kind: Any) -> dict[str, tuple[str, ...]]:
    """The key that tells a union's structs apart, with its values."""
    found: dict[str, tuple[str, ...]] = {}
    for member in get_args(kind) or (kind,):
        if isinstance(member, type) and issubclass(member, msgspec.Struct):
            config = member.__struct_config__
            if config.tag_field:
                found[config.tag_field] = (*found.get(config.tag_field, ()), str(config.tag))
    return found


def names_of(kind: Any, value: object = None) -> tuple[str, ...]:
    """The keys that a struct has, its tag included."""
    kind = _member(kind, value)
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return ()
    tag = kind.__struct_config__.tag_field
    return (*((tag,) if tag else ()), *kind.__struct_fields__)


def _choices(kind: Any) -> tuple[str, ...]:
    if isinstance(kind, tuple):
        return kind
    if isinstance(kind, type) and issubclass(kind, Enum):
        return tuple(str(member.value) for member in kind)
    return ()

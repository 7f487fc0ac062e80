"""Values of the vocabulary as plain data, for TOML and JSON, and what differs between two of these."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import msgspec

Tree = dict[str, Any]


def to_tree(value: msgspec.Struct, *, leave: Container[str] = ()) -> Tree:
    """Plain data of every field but those to `leave` out, for JSON: enums as their words, points in time in
    UTC with a Z, clock times without."""
    config = value.__struct_config__
    tree: Tree = {config.tag_field: config.tag} if config.tag_field else {}
    for name in value.__struct_fields__:
        if name not in leave:
            tree[name] = _plain(getattr(value, name))
    return tree


def short_tree(value: msgspec.Struct, *, leave: Container[str] = ()) -> Tree:
    """Plain data of what differs from the defaults, but for those to `leave` out."""
    config = value.__struct_config__
    tree: Tree = {config.tag_field: config.tag} if config.tag_field else {}
    for field in msgspec.structs.fields(type(value)):
        held = getattr(value, field.name)
        if field.name in leave or held is None or (not field.required and held == _default(field)):
            continue
        if isinstance(held, Mapping):
            tree[field.name] = {
                str(key): short_tree(item) if isinstance(item, msgspec.Struct) else _plain(item)
                for key, item in held.items()
            }
        else:
            tree[field.name] = short_tree(held) if isinstance(held, msgspec.Struct) else _plain(held)
    return tree


def _default(field: msgspec.structs.FieldInfo) -> Any:
    factory = field.default_factory
    return field.default if factory is msgspec.NODEFAULT else factory()


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return to_tree(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        # One without a zone is a clock time, which its own place says the zone of.
        return utc_text(value) if value.tzinfo is not None else value.isoformat()
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return value


def utc_text(moment: datetime) -> str:
    """`2026-11-22T04:00:00.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Change:
    """A setting that differs between two forms of a definition; None where one lacks it."""

    key: str
    before: Any
    after: Any


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> tuple[Change, ...]:
    """What differs between two trees, by dotted key, in the second one's order."""
    old = dict(_leaves(before or {}))
    new = dict(_leaves(after))
    keys = [*new, *(key for key in old if key not in new)]
    return tuple(Change(k, old.get(k), new.get(k)) for k in keys if old.get(k) != new.get(k))


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value

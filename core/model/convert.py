"""Definitions to and from TOML and JSON, with errors that name the place and the nearest right spelling.

The TOML form is for people: a table for each definition, keys as the settings are called, defaults left out.

    [connection.shop]
    mode = "sqlite"
    path = "/data/shop.sqlite"

    [destination.lake]
    url = "s3://bucket/prefix"

    [export.nightly]
    connection = "shop"
    directory = "/data/out"
    objects = ["TABLE:orders", "cust*"]

    [export.nightly.csv]
    separator = ";"

    [export.nightly.schedule]
    cron = "0 4 * * 1-5"
    zone = "Europe/Berlin"

The JSON form has the same keys, and every one of them.
"""

from __future__ import annotations

import re
import types
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from core.errors import InvalidDefinition, InvalidValue
from core.model import environment
from core.model.connection import Connection
from core.model.destination import Destination
from core.model.settings import Export, ExportSettings
from core.model.vocabulary import Mode

T = TypeVar("T")
Tree = dict[str, Any]

# Keys of an export that aren't its settings'.
OF_EXPORT = tuple(name for name in Export.__struct_fields__ if name not in ("name", "settings"))
KINDS = ("connection", "destination", "export")
_PLACE = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<number>\d+)\]|\[\.\.\.\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`$")
_MISSING = re.compile(r"Object missing required field `(?P<name>.*)`$")


@dataclass(frozen=True, slots=True)
class Definitions:
    """What a definition file holds, in its order."""

    connections: tuple[Connection, ...] = ()
    exports: tuple[Export, ...] = ()
    destinations: tuple[Destination, ...] = ()


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that `word` was probably meant to be, None where none is close."""
    from difflib import get_close_matches  # noqa: PLC0415 - only where something is wrong

    by_form = {_form(choice): choice for choice in choices}
    close = get_close_matches(_form(word), by_form, n=1, cutoff=0.6)
    if not close and word:
        # One that was only begun: `lease` for `lease_seconds`.
        begun = [form for form in by_form if form.startswith(_form(word))]
        close = begun if len(begun) == 1 else []
    return by_form[close[0]] if close else None


def suggestion(word: str, choices: Iterable[str], *, what: str = "There are") -> str:
    """Words for an error's hint: the nearest choice, or all of them."""
    known = list(choices)
    close = nearest(word, known)
    return f"Did you mean {close}?" if close else f"{what}: {', '.join(known) or 'none'}."


def _form(word: str) -> str:
    return word.lower().replace("-", "_")


# From TOML


def definitions_from_toml(
    text: str, where: str, environ: Mapping[str, str] = types.MappingProxyType({})
) -> Definitions:
    """The definitions of a TOML document, with the variables in it that `environ` has (see
    `core.model.environment`); `where` names it in errors. Raises InvalidDefinition."""
    document = parse_toml(text, where)
    # A variable's text may stand for a number.
    strict = not environment.uses_variables(document)
    document = environment.resolved(document, environ, where)
    for kind, tables in document.items():
        if kind not in KINDS:
            raise InvalidDefinition(f"{where}: {kind!r} is no kind of definition.", suggestion(kind, KINDS))
        if not isinstance(tables, dict) or not all(isinstance(t, dict) for t in tables.values()):
            raise InvalidDefinition(
                f"{where}: {kind} must hold a table for each name.", f"Write [{kind}.NAME] above its keys."
            )
    return Definitions(
        connections=tuple(
            connection_from_tree(name, tree, where, strict=strict)
            for name, tree in document.get("connection", {}).items()
        ),
        exports=tuple(
            export_from_tree(name, tree, where, strict=strict)
            for name, tree in document.get("export", {}).items()
        ),
        destinations=tuple(
            destination_from_tree(name, tree, where, strict=strict)
            for name, tree in document.get("destination", {}).items()
        ),
    )


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


def connection_from_tree(
    name: str, tree: Mapping[str, Any], where: str, *, strict: bool = True
) -> Connection:
    """A connection from its keys without the name. Raises InvalidDefinition."""
    place = f"connection.{name}"
    _refuse_name(tree, where, place)
    mode = tree.get("mode")
    if isinstance(mode, str) and not Mode.known(mode):
        names = Mode.names()
        raise InvalidDefinition(
            f"{where}: {place}.mode = {mode!r} is none of {', '.join(names)}.", suggestion(mode, names)
        )
    made = from_tree(Connection, {**tree, "name": name}, where, place, strict=strict)
    oracle = (getattr(made.oracle, field) for field in made.oracle.PATHS)
    for path in (made.path, made.unix_socket, made.tls.ca, made.tls.cert, made.tls.key, *oracle):
        if path is not None and not path.startswith("/"):
            raise InvalidDefinition(
                f"{where}: {place}: path {path!r} must be absolute.", "Workers stand elsewhere than the file."
            )
    return made


def destination_from_tree(
    name: str, tree: Mapping[str, Any], where: str, *, strict: bool = True
) -> Destination:
    """A destination from its keys without the name. Raises InvalidDefinition."""
    place = f"destination.{name}"
    _refuse_name(tree, where, place)
    return from_tree(Destination, {**tree, "name": name}, where, place, strict=strict)


def export_from_tree(name: str, tree: Mapping[str, Any], where: str, *, strict: bool = True) -> Export:
    """An export from its keys: its own (`directory`, `schedule`, ...) and those of the settings. Raises
    InvalidDefinition."""
    place = f"export.{name}"
    _refuse_name(tree, where, place)
    if "directory" not in tree and "into" not in tree:
        raise InvalidDefinition(f"{where}: {place} lacks directory.", "Where its runs go: an absolute path.")
    own = {key: tree[key] for key in OF_EXPORT if key in tree}
    settings = {key: value for key, value in tree.items() if key not in own}
    known = (*names_of(ExportSettings), *OF_EXPORT)
    for key in settings:
        if key not in known:
            raise InvalidDefinition(f"{where}: {place}.{key} is no setting.", suggestion(key, known))
    made = from_tree(ExportSettings, settings, where, place, strict=strict)
    if made.into is not None:
        own.setdefault("directory", made.into.place)
    return from_tree(Export, {"name": name, **own, "settings": made}, where, place, strict=strict)


def _refuse_name(tree: Mapping[str, Any], where: str, place: str) -> None:
    if "name" in tree:
        raise InvalidDefinition(
            f"{where}: {place}.name is no setting.", "The name stands in the table's head."
        )


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


# To TOML and JSON


def definitions_to_toml(
    connections: Sequence[Connection] = (),
    exports: Sequence[Export] = (),
    destinations: Sequence[Destination] = (),
) -> str:
    """The TOML form, defaults left out; `definitions_from_toml` gives back the same."""
    import tomli_w  # noqa: PLC0415 - most commands write none

    document: Tree = {}
    if connections:
        document["connection"] = {c.name: _short(c, leave=("name",)) for c in connections}
    if destinations:
        document["destination"] = {d.name: _short(d, leave=("name",)) for d in destinations}
    if exports:
        document["export"] = {
            e.name: {
                **({"directory": e.directory} if e.settings.into is None else {}),
                **_short(e.settings, leave=()),
                **_short(e, leave=("name", "directory", "settings")),
            }
            for e in exports
        }
    return tomli_w.dumps(environment.escaped(document))


def _short(value: msgspec.Struct, leave: Sequence[str]) -> Tree:
    """Plain data of what differs from the defaults."""
    config = value.__struct_config__
    tree: Tree = {config.tag_field: config.tag} if config.tag_field else {}
    for field in msgspec.structs.fields(type(value)):
        held = getattr(value, field.name)
        if field.name in leave or held is None or (not field.required and held == _default(field)):
            continue
        if isinstance(held, Mapping):
            tree[field.name] = {
                str(key): _short(item, ()) if isinstance(item, msgspec.Struct) else _plain(item)
                for key, item in held.items()
            }
        else:
            tree[field.name] = _short(held, ()) if isinstance(held, msgspec.Struct) else _plain(held)
    return tree


def _default(field: msgspec.structs.FieldInfo) -> Any:
    factory = field.default_factory
    return field.default if factory is msgspec.NODEFAULT else factory()


def to_tree(value: msgspec.Struct, *, leave: Container[str] = ()) -> Tree:
    """Plain data of every field but those to `leave` out, for JSON: enums as their words, points in time in
    UTC with a Z, clock times without."""
    config = value.__struct_config__
    tree: Tree = {config.tag_field: config.tag} if config.tag_field else {}
    for name in value.__struct_fields__:
        if name not in leave:
            tree[name] = _plain(getattr(value, name))
    return tree


def export_to_tree(export: Export) -> Tree:
    """The JSON form of an export: one level, as in TOML, with its name and every setting."""
    return {**to_tree(export, leave=("settings",)), **to_tree(export.settings)}


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

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

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import InvalidDefinition
from core.model import environment
from core.model.connection import Connection
from core.model.destination import Destination
from core.model.settings import Export, ExportSettings
from core.model.spelling import suggestion
from core.model.trees import Tree, short_tree, to_tree
from core.model.understood import from_tree, names_of, parse_toml
from core.model.vocabulary import Mode

# Keys of an export that aren't its settings'.
OF_EXPORT = tuple(name for name in Export.__struct_fields__ if name not in ("name", "settings"))
KINDS = ("connection", "destination", "export")


@dataclass(frozen=True, slots=True)
class Definitions:
    """What a definition file holds, in its order."""

    connections: tuple[Connection, ...] = ()
    exports: tuple[Export, ...] = ()
    destinations: tuple[Destination, ...] = ()


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
        document["connection"] = {c.name: short_tree(c, leave=("name",)) for c in connections}
    if destinations:
        document["destination"] = {d.name: short_tree(d, leave=("name",)) for d in destinations}
    if exports:
        document["export"] = {
            e.name: {
                **({"directory": e.directory} if e.settings.into is None else {}),
                **short_tree(e.settings),
                **short_tree(e, leave=("name", "directory", "settings")),
            }
            for e in exports
        }
    return tomli_w.dumps(environment.escaped(document))


def export_to_tree(export: Export) -> Tree:
    """The JSON form of an export: one level, as in TOML, with its name and every setting."""
    return {**to_tree(export, leave=("settings",)), **to_tree(export.settings)}

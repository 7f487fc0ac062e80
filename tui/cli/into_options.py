"""Rows into another database as options: `--to` that names one, and `--tables`."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from core.errors import NotFound, UsageError
from core.model.connection import Connection
from core.model.file_settings import FileSettings
from core.model.into import Existing, Into
from core.model.settings import ExportSettings
from core.model.urls import connection_from_url
from core.model.vocabulary import Mode
from core.service import Service
from tui.cli.values import word

TO_HELP = "connection:NAME, connection:NAME/DATABASE or the URL of a database of a saved connection"
_OF_FILES = ("format", "encoding", "compression")


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("rows into another database (--to connection:NAME)")
    group.add_argument(
        "--tables",
        type=word(Existing),
        metavar="HOW",
        help="create (default): none of them may be there; append: add rows to tables that are there; "
        "replace: new tables, or with --content data new rows, in the place of the old",
    )


def into_from(
    service: Service, args: argparse.Namespace, to: str | None, base: Into | None = None
) -> Into | None:
    """The database that rows go into: None where `to` is a place for files. Without `to` it is that of
    `base`. Raises InvalidValue, NotFound, UsageError."""
    into = base if to is None else _named(service, to)
    if into is None:
        if args.tables is not None:
            raise UsageError(
                "--tables is for rows that go into another database.", "Add --to connection:NAME."
            )
        return None
    if args.tables is not None:
        into = msgspec.structs.replace(into, existing=args.tables)
    elif base is not None:
        into = msgspec.structs.replace(into, existing=base.existing)
    return into


def _named(service: Service, to: str) -> Into | None:
    scheme, colon, _ = to.partition("://")
    if colon and Mode.known(scheme.lower()):
        return _of_url(service, to)
    into = Into.parse(to)
    if into is not None:
        service.connections.get(into.connection)
    return into


def _of_url(service: Service, url: str) -> Into:
    """The saved connection that leads where a URL does: its password is known there."""
    wanted = connection_from_url("target", url, Path.cwd())
    for known in service.connections.list():
        if _place(known) == _place(wanted):
            inner = wanted.schema if wanted.mode is Mode.POSTGRESQL else wanted.database
            return Into(connection=known.name, database=inner if inner != known.begins_in else None)
    raise NotFound(
        f"No saved connection leads to {wanted.place}" + (f" as {wanted.user}." if wanted.user else "."),
        "Add one first, with its password: offramp connection add NAME URL. Then use --to connection:NAME.",
    )


def _place(connection: Connection) -> tuple[object, ...]:
    """Which server and account it is; of PostgreSQL, which database."""
    own = connection.database if connection.mode is Mode.POSTGRESQL else None
    where = (connection.path, connection.host, connection.port, connection.unix_socket)
    return (connection.mode, where, connection.user, own)


def fields(into: Into | None, base: ExportSettings | None) -> dict[str, object]:
    """The fields of settings that `into` sets. What an earlier definition says of files goes where rows go
    into a database from now on."""
    if into is not None and base is not None and base.into is None:
        return {"into": into, "files": FileSettings()}
    return {"into": into}


def ineffective(args: argparse.Namespace, settings: ExportSettings) -> list[str]:
    """Words about options that change nothing where rows go into a database."""
    if settings.into is None:
        return []
    given = [name for name in _OF_FILES if getattr(args, name, None) is not None]
    given += [n for n in vars(args) if n.startswith(("csv_", "json_")) and getattr(args, n) is not None]
    return [f"--{name.replace('_', '-')} changes nothing: no files are written." for name in given[:1]]


def options(settings: ExportSettings, old: ExportSettings) -> list[str]:
    """The options that make `old` into `settings`, but for --to."""
    into, before = settings.into, old.into
    if into is None:
        return []
    usual = before.existing if before is not None else Existing.CREATE
    return ["--tables", str(into.existing)] if into.existing is not usual else []


def words_of(settings: ExportSettings) -> str:
    """What becomes of tables, for people; "" where files are made."""
    into = settings.into
    if into is None:
        return ""
    how = {
        Existing.CREATE: "tables are made",
        Existing.APPEND: "rows are added to tables that are there",
        Existing.REPLACE: "tables that are there give way",
    }[into.existing]
    if into.existing is Existing.REPLACE and not settings.content.schema:
        how = "rows that are there give way"
    return f"{into.place}, {how}"

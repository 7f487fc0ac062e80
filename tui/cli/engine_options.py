"""Options about where parts of objects are read, to settings and back; also as defaults of connections and
destinations."""

from __future__ import annotations

import argparse
from typing import Any

from core.model.cluster import words_of as cluster_words
from core.model.settings import ExportSettings
from core.model.spelling import suggestion
from core.model.vocabulary import Engine

DEFAULT = "default"
NONE = "none"


def engine(text: str) -> Engine | str:
    """For argparse: an engine, or `default`."""
    word = text.strip().lower()
    if word == DEFAULT:
        return DEFAULT
    if word not in list(Engine):
        raise argparse.ArgumentTypeError(f"{text!r} is wrong. {suggestion(word, (*Engine, DEFAULT))}")
    return Engine(word)


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where parts are read")
    group.add_argument(
        "--engine",
        type=engine,
        metavar="WHERE",
        help="with --many-files: by processes of this machine (local), or by a Dask cluster (dask), whose "
        "machines must all see the directory, unless it is a destination elsewhere; default: as the "
        "destination has it, else the connection, else local",
    )
    group.add_argument(
        "--dask-scheduler",
        metavar="ADDRESS",
        help="with --engine dask: tcp://HOST:8786 or tls://HOST:8786; default (none): as the destination has "
        "it, else the connection",
    )


def add_defaults(parser: argparse.ArgumentParser, whose: str) -> None:
    """The same as defaults of exports with many files: of a connection, or to a destination."""
    group = parser.add_argument_group(f"exports with many files {whose}, where they say nothing themselves")
    group.add_argument(
        "--engine",
        type=engine,
        metavar="WHERE",
        help="read their parts by processes of this machine (local), or by a Dask cluster (dask); default: "
        "nothing is said",
    )
    group.add_argument("--dask-scheduler", metavar="ADDRESS", help="tcp://HOST:8786 or tls://HOST:8786; none")


def given(args: argparse.Namespace) -> dict[str, Any]:
    """What was given, as fields of export settings, connections and destinations."""
    fields: dict[str, Any] = {}
    if args.engine is not None:
        fields["engine"] = None if args.engine == DEFAULT else args.engine
    if args.dask_scheduler is not None:
        address = args.dask_scheduler.strip()
        fields["dask_scheduler"] = None if address.lower() in ("", NONE) else address
    return fields


def ineffective(args: argparse.Namespace, settings: ExportSettings) -> list[str]:
    """Words about options that were given and change nothing."""
    if settings.dask_scheduler is None or args.dask_scheduler is None or settings.engine is Engine.DASK:
        return []
    if settings.engine is Engine.LOCAL:
        return ["--dask-scheduler changes nothing: parts are read by this machine."]
    return ["--dask-scheduler alone asks for no cluster: add --engine dask."]


def options(settings: ExportSettings, old: ExportSettings) -> list[str]:
    """The options that make `old` into `settings`."""
    made: list[str] = []
    if settings.engine != old.engine:
        made += ["--engine", settings.engine or DEFAULT]
    if settings.dask_scheduler != old.dask_scheduler:
        made += ["--dask-scheduler", settings.dask_scheduler or NONE]
    return made


def words_of(settings: ExportSettings) -> str:
    """Where parts are read, in words; "" where the settings say nothing."""
    return cluster_words(settings.engine, settings.dask_scheduler)

"""The settings of an export as options, and back from them."""

from __future__ import annotations

import argparse
from typing import Any

import msgspec

from core.errors import UsageError
from core.model.format_settings import SqlRows
from core.model.into import Into
from core.model.settings import (
    ExportSettings,
    SchemaSettings,
    SqlSettings,
    SysAccount,
)
from core.model.spelling import suggestion
from core.model.vocabulary import (
    Consistency,
    Content,
    Encoding,
    Format,
    Lock,
    OnError,
    SchemaFlavour,
    Unencodable,
)
from tui.cli import (
    choice_settings,
    csv_options,
    engine_options,
    file_options,
    into_options,
    load_options,
    mark_options,
    notify,
    object_options,
    typed_settings,
)
from tui.cli.passwords import add_password_options
from tui.cli.values import number, switch, word


def encoding(text: str) -> Encoding:
    """UTF-8, utf8, gb18030, latin1: by name without regard to case, hyphens and underscores."""
    wanted = text.lower().replace("-", "").replace("_", "")
    wanted = {"latin1": "iso88591", "usascii": "ascii"}.get(wanted, wanted)
    for member in Encoding:
        if member.value.lower().replace("-", "") == wanted:
            return member
    raise argparse.ArgumentTypeError(f"{text!r} is wrong. {suggestion(text, [m.value for m in Encoding])}")


def add_settings(parser: argparse.ArgumentParser) -> None:
    """All settings, none with a default of its own: what isn't given stays as it is."""
    what = parser.add_argument_group("what leaves the database")
    what.add_argument(
        "--content",
        type=word(Content),
        metavar="WHAT",
        help="schema+data (default), data, or schema",
    )
    what.add_argument(
        "--database", metavar="D", help="the database; default: the connection's, or the only one"
    )
    object_options.add_options(what)
    choice_settings.add_options(parser)
    files = parser.add_argument_group("data files")
    files.add_argument(
        "--format", type=word(Format), metavar="F", help="csv (default), sql, jsonl, parquet or arrow"
    )
    files.add_argument(
        "--encoding",
        type=encoding,
        metavar="E",
        help=f"{', '.join(Encoding)}; default UTF-8",
    )
    files.add_argument(
        "--on-unencodable",
        type=word(Unencodable),
        metavar="POLICY",
        help="a character that the encoding lacks: fail (default) and say where, replace by ?, or escape",
    )
    files.add_argument(
        "--batch-commit",
        type=number,
        metavar="N",
        help="SQL: a COMMIT after every N rows; 0 for none (default)",
    )
    files.add_argument(
        "--sql-rows",
        type=word(SqlRows),
        metavar="HOW",
        help="SQL: rows as INSERT statements (insert, default), or behind PostgreSQL's COPY (copy)",
    )
    csv_options.add_options(parser)
    typed_settings.add_options(parser)
    file_options.add_options(parser)
    engine_options.add_options(parser)
    load_options.add_options(parser)
    into_options.add_options(parser)
    schema = parser.add_argument_group("schema files")
    switch(schema, "--drop", "a DROP before each CREATE")
    switch(schema, "--merge-schema", "all of the schema in one file; with --content schema only")
    schema.add_argument(
        "--schema-flavour",
        type=word(SchemaFlavour),
        metavar="FLAVOUR",
        help="native (default): as the server prints it; mysql: without what only OceanBase or MariaDB knows",
    )
    switch(schema, "--schema-privileges", "PostgreSQL, Oracle: GRANT statements too; the roles must be there")
    _add_running(parser.add_argument_group("reading"))
    notify.add_options(parser)
    add_sys_account(parser)


def _add_running(group: argparse._ArgumentGroup) -> None:
    switch(
        group,
        "--global-snapshot",
        "everything as of one point in time: the same as --consistency task",
    )
    group.add_argument(
        "--consistency",
        type=word(Consistency),
        metavar="WHAT",
        help="what is of one point in time: the task, each object (default), or each part of an object",
    )
    group.add_argument(
        "--lock",
        type=word(Lock),
        metavar="WHEN",
        help="never (default), or brief: a short FLUSH TABLES WITH READ LOCK may be taken",
    )
    group.add_argument(
        "--on-error",
        type=word(OnError),
        metavar="WHAT",
        help="when an object fails: abort (default), or continue with the others",
    )
    group.add_argument(
        "--retry-limit", type=number, metavar="N", help="automatic retries after passing errors; default 3"
    )


def add_sys_account(parser: argparse.ArgumentParser) -> None:
    parser.add_argument_group("OceanBase").add_argument(
        "--sys-account",
        metavar="A",
        help="a sys tenant account, bare (without @sys), for what an ordinary one can't see; empty for none",
    )
    add_password_options(parser, prefix="sys-", whose="the sys account")


def settings_from(
    args: argparse.Namespace,
    connection: str | None,
    base: ExportSettings | None = None,
    into: Into | None = None,
) -> ExportSettings:
    """What the options say, over `base` or the defaults; `into` is the database that rows go into. Raises
    UsageError and InvalidValue."""
    fields: dict[str, Any] = msgspec.structs.asdict(base) if base is not None else {}
    fields.update(into_options.fields(into, base))
    if connection is not None:
        fields["connection"] = connection
    for name in (
        "content",
        "database",
        "format",
        "encoding",
        "on_unencodable",
        "lock",
        "on_error",
        "retry_limit",
    ):
        value = getattr(args, name)
        if value is not None:
            fields[name] = value
    object_options.apply(args, fields)
    csv_options.apply(args, fields)
    fields["sql"] = _sql(args, fields.get("sql", SqlSettings()))
    choice_settings.apply(args, fields)
    notify.apply(args, fields)
    typed_settings.apply(args, fields)
    mark_options.apply(args, fields)
    file_options.apply(args, fields)
    fields.update(engine_options.given(args))
    load_options.apply(args, fields)
    _schema(args, fields)
    consistency = _consistency(args)
    if consistency is not None:
        fields["consistency"] = consistency
    if args.sys_account is not None:
        old = fields.get("sys_account")
        kept = old.secret if old is not None and old.account == args.sys_account else None
        fields["sys_account"] = (
            SysAccount(account=args.sys_account, secret=kept) if args.sys_account else None
        )
    return ExportSettings(**fields)


def ineffective(args: argparse.Namespace, settings: ExportSettings) -> list[str]:
    """Words about options that were given and change nothing."""
    words = csv_options.ineffective(args, settings)
    if args.batch_commit and not (settings.content.data and settings.format is Format.SQL):
        words.append("--batch-commit changes nothing: no rows are written as SQL.")
    if args.sql_rows is not None and not (settings.content.data and settings.format is Format.SQL):
        words.append("--sql-rows changes nothing: no rows are written as SQL.")
    words += typed_settings.ineffective(args, settings)
    words += file_options.ineffective(args, settings)
    words += engine_options.ineffective(args, settings)
    words += load_options.ineffective(args, settings)
    words += into_options.ineffective(args, settings)
    words += mark_options.ineffective(args, settings)
    if args.format is not None and not settings.content.data:
        words.append("--format changes nothing: schema files are always SQL.")
    return words


def _sql(args: argparse.Namespace, base: SqlSettings) -> SqlSettings:
    fields: dict[str, Any] = {}
    if args.sql_rows is not None:
        fields["rows"] = args.sql_rows
    if args.batch_commit is not None:
        fields["batch_commit"] = args.batch_commit or None
    return msgspec.structs.replace(base, **fields) if fields else base


def _schema(args: argparse.Namespace, fields: dict[str, Any]) -> None:
    given = {
        "drop": args.drop,
        "merge": args.merge_schema,
        "flavour": args.schema_flavour,
        "privileges": args.schema_privileges,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    if chosen:
        fields["schema"] = msgspec.structs.replace(fields.get("schema", SchemaSettings()), **chosen)


def _consistency(args: argparse.Namespace) -> Consistency | None:
    wanted: Consistency | None = args.consistency
    if args.global_snapshot is None:
        return wanted
    if args.global_snapshot and wanted not in (None, Consistency.TASK):
        raise UsageError(
            f"--global-snapshot asks for one point in time, --consistency {wanted} for less.",
            "Use one of them.",
        )
    if args.global_snapshot:
        return Consistency.TASK
    return wanted or Consistency.OBJECT

"""Settings back as the command line that makes them: the reverse of `tui.cli.settings`.

What the screens show beside a new export, so that it can be repeated, put into a script or learned from.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

import msgspec

from core.model.schedule import Schedule
from core.model.secret import CommandSecret, EnvironmentSecret
from core.model.settings import CSV_PRESETS, CsvSettings, ExportSettings
from tui.cli import (
    choice_settings,
    engine_options,
    file_options,
    into_options,
    load_options,
    mark_options,
    notify,
    schedules,
    typed_settings,
)

_SEPARATORS = {"\t": "tab"}


def dump_line(
    settings: ExportSettings, to: str, *, name: str = "", at: str = "", password: bool = False
) -> str:
    """`offramp dump …` for a task; `password`: one is asked for (the sys account's)."""
    words = ["offramp", "dump", settings.connection, "--to", to]
    if name:
        words += _option("--name", name)
    if at:
        words += [*_option("--at", at), "--detach"]
    return shlex.join([*words, *options(settings, password=password), *_words(settings.objects)])


def create_line(
    settings: ExportSettings,
    name: str,
    to: str,
    *,
    password: bool = False,
    schedule: Schedule | None = None,
    more: Sequence[str] = (),
) -> str:
    """`offramp export create …` for a saved export, which `schedule` has run by itself; `more` are options
    that an export alone has."""
    words = ["offramp", "export", "create", *_option("--connection", settings.connection), "--to", to]
    words += [*options(settings, password=password), *more, *schedules.options(schedule)]
    return shlex.join([*words, name, *_words(settings.objects)])


def edit_line(
    settings: ExportSettings,
    name: str,
    to: str,
    base: ExportSettings,
    *,
    password: bool = False,
    schedule: Schedule | None = None,
    before: Schedule | None = None,
    more: Sequence[str] = (),
) -> str:
    """`offramp export edit …` that makes a saved export with the settings `base`, and the schedule `before`,
    into one with these."""
    words = ["offramp", "export", "edit", "--to", to]
    if settings.connection != base.connection:
        words += _option("--connection", settings.connection)
    objects = settings.objects if settings.objects != base.objects else ()
    words += [*options(settings, base, password=password), *more, *schedules.options(schedule, before)]
    return shlex.join([*words, name, *_words(objects)])


def options(
    settings: ExportSettings, base: ExportSettings | None = None, *, password: bool = False
) -> list[str]:
    """What differs from `base` (the defaults), without connection and objects."""
    old = base or ExportSettings(connection=settings.connection, all_objects=True)
    words: list[str] = []
    if settings.database and settings.database != old.database:
        words += _option("--database", settings.database)
    if settings.content != old.content:
        words += _option("--content", settings.content)
    if settings.all_objects and (base is None or not old.all_objects):
        words.append("--all")
    if settings.exclude != old.exclude:
        for text in settings.exclude or ("",):
            words += _option("--exclude", text)
    words += choice_settings.options(settings, old)
    words += notify.options(settings, old)
    for name in ("format", "encoding", "on_unencodable"):
        words += _changed(name, settings, old)
    words += _csv(settings.csv, old.csv, presets=base is None)
    if settings.sql.rows != old.sql.rows:
        words += _option("--sql-rows", settings.sql.rows)
    if settings.sql.batch_commit != old.sql.batch_commit:
        words += _option("--batch-commit", str(settings.sql.batch_commit or 0))
    words += typed_settings.options(settings, old)
    words += file_options.options(settings, old)
    words += engine_options.options(settings, old)
    words += load_options.options(settings, old)
    words += into_options.options(settings, old)
    words += mark_options.options(settings, old)
    words += _switch("--drop", settings.schema.drop, old.schema.drop)
    words += _switch("--merge-schema", settings.schema.merge, old.schema.merge)
    words += _switch("--schema-privileges", settings.schema.privileges, old.schema.privileges)
    if settings.schema.flavour != old.schema.flavour:
        words += _option("--schema-flavour", settings.schema.flavour)
    for name in ("consistency", "lock", "on_error", "retry_limit"):
        words += _changed(name, settings, old)
    return words + _account(settings, old, password=password)


def _words(objects: Iterable[str]) -> list[str]:
    """Patterns as arguments: one that begins with - would be taken for an option (and argparse loses `--`
    before the arguments of a subcommand), so that its first character is escaped, which means the same."""
    return ["\\" + text if text.startswith("-") else text for text in objects]


def _option(name: str, value: str) -> list[str]:
    """In one word where the value could be taken for an option or for nothing."""
    return [f"{name}={value}"] if not value or value.startswith("-") else [name, value]


def _changed(name: str, settings: msgspec.Struct, old: msgspec.Struct) -> list[str]:
    value = getattr(settings, name)
    return _option(f"--{name.replace('_', '-')}", str(value)) if value != getattr(old, name) else []


def _switch(name: str, value: bool, old: bool) -> list[str]:
    if value == old:
        return []
    return [name] if value else [f"--no-{name.removeprefix('--')}"]


def _csv(csv: CsvSettings, old: CsvSettings, *, presets: bool) -> list[str]:
    if csv == old:
        return []
    if presets:
        for name, preset in CSV_PRESETS.items():
            if preset == csv:
                return ["--csv-for", name]
    words: list[str] = []
    words += _switch("--csv-header", csv.header, old.header)
    if csv.separator != old.separator:
        words += _option("--csv-separator", _SEPARATORS.get(csv.separator, csv.separator))
    for name in ("quote", "newline", "null", "binary"):
        if getattr(csv, name) != getattr(old, name):
            words += _option(f"--csv-{name}", str(getattr(csv, name)))
    words += _switch("--csv-escape-backslash", csv.escape_backslash, old.escape_backslash)
    words += _switch("--csv-bom", csv.bom, old.bom)
    return words + _switch("--csv-safe", csv.safe, old.safe)


def _account(settings: ExportSettings, old: ExportSettings, *, password: bool) -> list[str]:
    account = settings.sys_account
    if account == old.sys_account and not password:
        return []
    if account is None:
        return _option("--sys-account", "")
    words = _option("--sys-account", account.account)
    if isinstance(account.secret, EnvironmentSecret):
        return [*words, *_option("--sys-password-env", account.secret.variable)]
    if isinstance(account.secret, CommandSecret):
        return [*words, *_option("--sys-password-command", account.secret.command)]
    kept = old.sys_account is not None and old.sys_account.account == account.account
    return words if kept and not password else [*words, "--sys-password-ask"]


def run_line(name: str, at: str = "") -> str:
    """`offramp run NAME`."""
    return shlex.join(["offramp", "run", *(_option("--at", at) if at else []), name])

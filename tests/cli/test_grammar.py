from __future__ import annotations

import argparse
import re

import pytest

from core.model.file_settings import FileSettings
from core.model.format_settings import ArrowSettings, JsonSettings, ParquetSettings
from core.model.settings import CsvSettings, ExportSettings
from tui.cli.parser import build


def leaves(parser):
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not inner:
        return [parser]
    return [leaf for action in inner for choice in action.choices.values() for leaf in leaves(choice)]


LEAVES = {leaf.prog.removeprefix("offramp "): leaf for leaf in leaves(build())}
CALLS = {
    "connection add", "connection list", "connection show", "connection test", "connection remove", "objects",
    "export create", "export edit", "export list", "export show", "export apply", "export remove", "export pause",
    "export resume", "export mark", "export history", "notify test", "notify list", "run", "dump",
    "ls", "show", "logs", "abort", "limit", "retry", "rm", "download", "wait", "verify", "doctor", "service", "completion",
    "destination add", "destination list", "destination show", "destination test", "destination remove",
    "destination edit",
    "store show", "store check", "store backup", "store restore", "store move",
}  # fmt: skip


def test_the_calls():
    assert set(LEAVES) == CALLS


@pytest.mark.parametrize("name", sorted(CALLS))
def test_every_argument_is_explained_and_every_handler_is_there(name):
    from importlib import import_module

    leaf = LEAVES[name]
    for action in leaf._actions:
        assert action.help, f"{name}: {action.dest}"
    assert len(leaf.format_help()) > 100
    module, function = leaf.get_default("handler").split(":")
    assert callable(getattr(import_module(f"tui.cli.{module}"), function))


def test_every_setting_has_an_option():
    dests = {action.dest for action in LEAVES["dump"]._actions}
    # These are groups of their own, or stand in another option (--compression gzip:3).
    named = {
        "files",
        "load",
        "csv",
        "sql",
        "schema",
        "json",
        "parquet",
        "arrow",
        "compression_level",
        "choices",
        "queries",
        # Only of saved exports.
        "window",
        "mark",
        "into",
    }
    for field in set(ExportSettings.__struct_fields__) - named:
        assert field in dests, field
    for field in CsvSettings.__struct_fields__:
        assert f"csv_{field}" in dests, field
    spelled = {"single": "single_file", "name": "file_name", "empty": "empty_tables"}
    for field in FileSettings.__struct_fields__:
        assert spelled.get(field, field) in dests, field
    for prefix, group in (("json", JsonSettings), ("parquet", ParquetSettings), ("arrow", ArrowSettings)):
        for field in set(group.__struct_fields__) - {"level"}:
            assert f"{prefix}_{field}" in dests, field
    assert {"columns", "exclude_columns", "where", "query"} <= dests
    assert {"single_file", "parts", "max_records", "max_size", "prefix", "file_name"} <= dests
    assert {"directories", "empty_tables", "if_exists"} <= dests
    assert {
        "batch_commit",
        "sql_rows",
        "drop",
        "merge_schema",
        "schema_flavour",
        "schema_privileges",
        "global_snapshot",
        "at",
        "name",
    } <= dests


@pytest.mark.parametrize(
    "line",
    [
        "dump shop --to d a b", "dump --to d shop a b", "dump shop a --to d b", "dump shop --to d --format csv a b",
        "dump --exclude x shop a b --to=d",
    ],
)  # fmt: skip
def test_options_stand_anywhere(line):
    args = build().parse_args(line.split())
    assert (args.connection, args.objects, args.to) == ("shop", ["a", "b"], "d")


def test_general_options_stand_before_or_after_the_command(offramp):
    for args in (("-q", "ls"), ("ls", "-q")):
        assert offramp.quick(*args).err == ""
    assert offramp.quick("ls").err == "No task in the last 48 hours.\n"


@pytest.mark.parametrize(
    ("args", "words", "hint"),
    [
        (("lst",), "'lst' is none of", "Did you mean ls?"),
        (("dump", "shop", "--too", "x"), "--to", ""),
        (("dump", "shop", "--to", "x", "--encodng", "y"), "'--encodng' is not understood", "--encoding?"),
        (("show",), "ID", "offramp show --help"),
        (("show", "x"), "'x' is no number", ""),
        (("--drain",), "--drain goes with --headless", ""),
        (("--headless", "ls"), "--headless goes without a command", ""),
        (("connection",), "COMMAND", ""),
    ],
)
def test_wrong_usage_is_one_line_and_a_hint(offramp, args, words, hint):
    result = offramp.quick(*args, code=2)
    assert words in result.err
    assert hint in result.err
    assert len(result.err.splitlines()) <= 2
    assert result.out == ""
    assert not offramp.home.exists()


def test_help_says_the_exit_codes(offramp):
    text = offramp("--help").out
    for code in ("0", "1", "2", "3", "4", "5", "75", "130"):
        assert re.search(rf"\b{code}  ", text)
    assert "--background" not in text


def test_an_argument_that_is_no_text_is_refused(offramp):
    import os
    import subprocess

    from tests.cli.conftest import COMMAND

    done = subprocess.run(
        (*COMMAND, "show", os.fsdecode(b"\xff")), capture_output=True, cwd=offramp.directory, env=offramp.env, check=False
    )  # fmt: skip
    assert done.returncode == 2
    assert b"is no UTF-8 text" in done.stderr


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_how_a_command_is_called_can_be_taken_in_at_a_glance(name):
    leaf = LEAVES[name]
    usage = leaf.format_usage()
    assert len(usage.splitlines()) <= 7
    assert usage.startswith(f"usage: {leaf.prog} ")
    for action in leaf._actions:
        if action.required and action.nargs != "*" and not action.choices:
            assert (action.metavar or action.option_strings[0]) in usage


def test_help_begins_with_what_there_is_without_a_command():
    assert "Without a command it opens the screens." in " ".join(build().format_help().split())

from __future__ import annotations

import pytest

ALL_SETTINGS = (
    "--content", "data", "--database", "main", "--exclude", "VIEW:*", "--format", "sql", "--encoding", "gb18030",
    "--on-unencodable", "escape", "--batch-commit", "100", "--sql-rows", "copy", "--csv-for", "excel", "--csv-separator", "tab",
    "--no-csv-header", "--csv-quote", "single", "--csv-null", "\\N", "--csv-binary", "base64",
    "--csv-escape-backslash", "--csv-safe", "--schema-flavour", "mysql", "--no-schema-privileges", "--consistency", "part", "--lock", "brief",
    "--on-error", "continue", "--retry-limit", "0", "--sys-account", "root", "--compression", "gzip:3",
    "--json-binary", "hex", "--json-big-numbers", "text", "--parquet-codec", "brotli:4",
    "--parquet-row-group-rows", "1000", "--arrow-codec", "lz4", "--on-unfit", "null",
    "--many-files", "--parts", "3", "--max-records", "1000", "--max-size", "2m", "--prefix", "x_",
    "--file-name", "{object}-{date}", "--directories", "objects", "--empty-tables", "none", "--latest",
)  # fmt: skip


def shown(offramp, name="e"):
    return offramp.quick("export", "show", name, "--json").json["export"]


def test_every_setting_arrives(shop):
    shop.quick(
        "export", "create", "e", "--connection", "shop", "orders", *ALL_SETTINGS, "TABLE:l*", "--to", "out"
    )
    found = shown(shop)
    # What has tests of its own.
    apart = {
        "choices",
        "queries",
        "into",
        "load",
        "mark",
        "window",
        "notify",
        "watch",
        "engine",
        "dask_scheduler",
    }
    assert {name: value for name, value in found.items() if name not in apart} == {
        "name": "e", "directory": str(shop.directory / "out"), "schedule": None, "fixed": False, "latest": True,
        "files": {
            "single": False, "parts": 3, "max_records": 1000, "max_size": 2 << 20, "prefix": "x_",
            "name": "{object}-{date}", "directories": "objects", "empty": "none", "if_exists": "fail",
        },
        "connection": "shop", "database": "main",
        "content": "data", "all_objects": False, "objects": ["orders", "TABLE:l*"], "exclude": ["VIEW:*"],
        "format": "sql", "encoding": "GB18030", "on_unencodable": "escape",
        "csv": {
            "header": False, "separator": "\t", "quote": "'", "newline": "crlf", "null": "\\N",
            "escape_backslash": True, "binary": "base64", "bom": True, "safe": True,
        },
        "sql": {"rows": "copy", "batch_commit": 100}, "schema": {"drop": False, "merge": False, "flavour": "mysql", "privileges": False},
        "json": {"binary": "hex", "big_numbers": "text"}, "compression": "gzip", "compression_level": 3,
        "parquet": {"codec": "brotli", "level": 4, "row_group_rows": 1000}, "arrow": {"codec": "lz4"},
        "on_unfit": "null", "consistency": "part", "lock": "brief", "on_error": "continue", "retry_limit": 0,
        "sys_account": {"account": "root", "secret": None},
    }  # fmt: skip


def test_editing_changes_only_what_is_given(shop):
    shop.quick("export", "create", "e", "--connection", "shop", "orders", *ALL_SETTINGS)
    before = shown(shop)
    shop.quick("export", "edit", "e", "--retry-limit", "5")
    assert shown(shop) == {**before, "retry_limit": 5}
    shop(
        "export", "edit", "e", "--global-snapshot", "--batch-commit", "0", "--sys-account", "", "--csv-header"
    )
    after = shown(shop)
    assert (after["consistency"], after["sql"], after["sys_account"]) == (
        "task",
        {"rows": "copy", "batch_commit": None},
        None,
    )
    assert after["csv"] == {**before["csv"], "header": True}
    shop.quick("export", "edit", "e", "--all")
    assert (shown(shop)["all_objects"], shown(shop)["objects"]) == (True, [])
    shop.quick("export", "edit", "e", "log")
    assert (shown(shop)["all_objects"], shown(shop)["objects"]) == (False, ["log"])


def test_toml_round_trip_and_apply_is_idempotent(shop):
    shop.quick("export", "create", "e", "--connection", "shop", "orders", *ALL_SETTINGS)
    shop.quick("export", "create", "plain", "--connection", "shop", "--all")
    file = shop.directory / "defs.toml"
    file.write_text(
        shop.quick("export", "show", "e", "--toml").out + shop.quick("export", "show", "plain", "--toml").out
    )
    before = shown(shop)
    assert shop.quick("export", "apply", "defs.toml").out.split("\n")[:2] == ["= export e", "= export plain"]
    shop.quick("export", "remove", "e")
    assert "+ export e" in shop.quick("export", "apply", "defs.toml").out
    assert shown(shop) == before


def test_apply_shows_differences_and_dry_run_changes_nothing(shop):
    shop.quick("export", "create", "e", "--connection", "shop", "--all")
    file = shop.directory / "defs.toml"
    text = shop.quick("export", "show", "e", "--toml").out.replace(
        "all_objects = true", 'objects = ["orders"]'
    )
    file.write_text(text)
    dry = shop.quick("export", "apply", "defs.toml", "--dry-run").out
    assert "~ export e" in dry
    assert "    objects: [] -> ['orders']" in dry
    assert shown(shop)["all_objects"]
    shop.quick("export", "apply", "defs.toml")
    assert shown(shop)["objects"] == ["orders"]


def test_apply_shows_what_variables_of_the_environment_stand_for(shop, monkeypatch):
    file = shop.directory / "defs.toml"
    file.write_text('[export.a]\ndirectory = "${ROOT:-/d}/x"\nconnection = "shop"\nall_objects = true\n')
    shop.quick("export", "apply", "defs.toml")
    assert shown(shop, "a")["directory"] == "/d/x"
    monkeypatch.setenv("ROOT", "/srv")
    dry = shop.quick("export", "apply", "defs.toml", "--dry-run").out
    assert "    directory: '/d/x' -> '/srv/x'" in dry
    file.write_text(file.read_text().replace("ROOT:-/d", "MY_PASSWORD"))
    assert "looks like a secret" in shop.quick("export", "apply", "defs.toml", code=2).err
    assert shown(shop, "a")["directory"] == "/d/x"


def test_a_fixed_place_and_the_link(shop):
    shop.quick("export", "create", "e", "--connection", "shop", "orders", "--fixed", "--if-exists", "replace")
    assert (shown(shop)["fixed"], shown(shop)["files"]["if_exists"]) == (True, "replace")
    assert "where each replaces the one before" in shop.quick("export", "show", "e").out
    assert "--no-fixed" in shop.quick("export", "edit", "e", "--latest", code=2).err
    shop.quick("export", "edit", "e", "--no-fixed", "--latest")
    assert (shown(shop)["fixed"], shown(shop)["latest"]) == (False, True)
    told = shop.quick("export", "edit", "e", "--if-exists", "new").err
    assert "--if-exists changes nothing" in told


def test_elsewhere_there_are_no_links_and_nothing_is_replaced(shop):
    shop.quick("destination", "add", "vault", "sftp://me@host/data")
    shop.quick("destination", "add", "here", "/data/here")
    for place in ("s3://b/x", "vault:x"):
        made = ("export", "create", "e", "--connection", "shop", "orders", "--to", place)
        assert "local file system" in shop.quick(*made, "--latest", code=2).err
        assert "local file system" in shop.quick(*made, "--fixed", "--if-exists", "replace", code=2).err
    shop.quick("export", "create", "e", "--connection", "shop", "orders", "--to", "here:x", "--latest")
    assert "local file system" in shop.quick("export", "edit", "e", "--to", "vault:x", code=2).err


def test_a_dry_run_says_what_the_files_will_be_called(shop):
    options = (
        "--prefix",
        "x_",
        "--file-name",
        "{object}-{task}",
        "--max-records",
        "10",
        "--directories",
        "flat",
    )
    out = shop.quick("dump", "shop", "orders", "--to", "new", "--dry-run", *options).out
    assert "x_orders-schema.sql" in out
    assert "x_orders-{task}-00001.csv ..." in out
    (found,) = shop.quick("dump", "shop", "orders", "--to", "new", "--dry-run", "--json", *options).json[
        "preflight"
    ]["objects"]
    assert found["files"] == ["x_orders-schema.sql", "x_orders-{task}-00001.csv ..."]
    told = shop.quick("dump", "shop", "orders", "--to", "new", "--dry-run", "--file-name", "x", code=2)
    assert "Add {object}" in told.err


def test_apply_refuses_all_where_one_is_wrong(shop):
    file = shop.directory / "defs.toml"
    good = '[export.a]\ndirectory = "/d"\nconnection = "shop"\nall_objects = true\n'
    file.write_text(good + good.replace("export.a", "export.b").replace("shop", "shpo"))
    assert "Did you mean shop?" in shop.quick("export", "apply", "defs.toml", code=3).err
    file.write_text(good.replace("all_objects", "all_object"))
    result = shop.quick("export", "apply", "defs.toml", code=2)
    assert "export.a.all_object is no setting" in result.err
    assert "all_objects?" in result.err
    assert shop.quick("export", "list", "--json").json["exports"] == []


def test_commands_in_a_definition_are_shown_and_must_be_agreed_to(shop):
    file = shop.directory / "defs.toml"
    file.write_text(
        '[connection.c]\nmode = "mysql"\nhost = "h"\nuser = "u"\n'
        'secret = { kind = "command", command = "rm -rf /\\u001b[2J" }\n'
    )
    refused = shop.quick("export", "apply", "defs.toml", code=2)
    assert "rm -rf /\\u001b[2J" in refused.err
    assert "--yes" in refused.err
    assert len(shop.quick("connection", "list", "--json").json["connections"]) == 1
    shop.quick("export", "apply", "defs.toml", "--yes")
    assert len(shop.quick("connection", "list", "--json").json["connections"]) == 2
    shop.quick("export", "apply", "defs.toml")


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("--connection", "shop"), 2, "No object was named"),
        (("--connection", "shop", "--all", "orders"), 2, "Both everything and a choice"),
        (("--connection", "shpo", "--all"), 3, "Did you mean shop?"),
        (("--all",), 2, "--connection"),
        (("--connection", "shop", "--all", "--format", "cvs"), 2, "Did you mean csv?"),
        (("--connection", "shop", "--all", "--encoding", "utf-9"), 2, "Did you mean UTF-"),
        (("--connection", "shop", "--all", "--csv-separator", "ab"), 2, "not one character"),
        (("--connection", "shop", "--all", "--csv-for", "exel"), 2, "Did you mean excel?"),
        (("--connection", "shop", "--all", "--merge-schema"), 2, "schema only"),
        (("--connection", "shop", "--all", "--content", "data", "--drop"), 2, "needs a schema"),
        (
            ("--connection", "shop", "--all", "--global-snapshot", "--consistency", "part"),
            2,
            "Use one of them",
        ),
        (("--connection", "shop", "--all", "--retry-limit", "-1"), 2, "--retry-limit"),
        (("--connection", "shop", "--all", "--batch-comit", "1"), 2, "Did you mean --batch-commit?"),
        (("--connection", "shop", "--all", "--sys-account", "root@sys"), 2, "bare account name"),
        (("--connection", "shop", "--all", "--sys-password-env", "X"), 2, "Add --sys-account"),
        (("--connection", "shop", "--objects-from", "none.txt"), 3, "none.txt"),
        (("--connection", "shop", ""), 2, "names no object"),
    ],
)
def test_what_makes_no_sense(shop, args, code, words):
    result = shop.quick("export", "create", "e", *args, code=code)
    assert words in result.err
    assert len(result.err.splitlines()) <= 2
    assert shop.quick("export", "list", "--json").json["exports"] == []


def test_names(shop):
    for name in ("a/b", "..", " x", "x\ny"):
        assert (
            "can't name an export"
            in shop.quick("export", "create", name, "--connection", "shop", "--all", code=2).err
        )
    shop.quick("export", "create", "Zoë 北京", "--connection", "shop", "--all")
    assert (
        "exists already"
        in shop.quick("export", "create", "Zoë 北京", "--connection", "shop", "--all", code=2).err
    )
    assert "Did you mean" in shop.quick("export", "show", "Zoe 北京", code=3).err


def test_objects_from_a_file_are_taken_as_they_are(shop):
    (shop.directory / "list").write_bytes("\ufeffTABLE:orders\r\n\n#odd name\n lead\n".encode())
    shop.quick("export", "create", "e", "--connection", "shop", "--objects-from", "list", "log")
    assert shown(shop)["objects"] == ["log", "TABLE:orders", "#odd name", " lead"]
    shop.quick("export", "edit", "e", "--objects-from", "-", stdin="orders\n")
    assert shown(shop)["objects"] == ["orders"]


def test_options_that_change_nothing_are_told(shop):
    told = shop(
        "export", "create", "e", "--connection", "shop", "--all", "--format", "sql", "--csv-for", "excel"
    ).err
    assert "--csv-for changes nothing" in told


def test_a_typed_in_sys_password_lives_and_dies_with_the_export(shop):
    canary = "sYs-cAnAry"
    create = (
        "export",
        "create",
        "e",
        "--connection",
        "shop",
        "--all",
        "--sys-account",
        "root",
        "--sys-password-stdin",
    )
    shop.quick(*create, stdin=canary)
    kept = shop.home / "secrets.json"
    assert canary in kept.read_text()
    assert (
        canary
        not in shop.quick("export", "show", "e", "--json").out
        + shop.quick("export", "show", "e", "--toml").out
    )
    shop.quick(*create, stdin="other", code=2)
    shop.quick("export", "edit", "e", "--retry-limit", "1")
    assert canary in kept.read_text()
    assert "other" not in kept.read_text()
    shop.quick("export", "remove", "e")
    assert canary not in kept.read_text()


def test_where_runs_go(shop):
    created = shop.quick("export", "create", "e", "--connection", "shop", "--all")
    assert f"{shop.home}/exports/e/" in created.err
    (shop.home / "settings.toml").write_text('directory = "/data/out"\n')
    shop.quick("export", "create", "f", "--connection", "shop", "--all")
    assert shown(shop, "f")["directory"] == "/data/out"

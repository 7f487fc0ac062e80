from __future__ import annotations

import os
import pty
import stat
import subprocess
import time

import pytest

CANARY = "cAnAry-5c1f"


def everything_written(offramp):
    """All files of the home but the secrets file, as one text."""
    texts = []
    for path in offramp.home.rglob("*"):
        if path.is_file() and path.name != "secrets.json":
            texts.append(path.read_bytes().decode("utf-8", "replace"))
    return "\n".join(texts)


def assert_unseen(offramp, *results):
    for result in results:
        assert CANARY not in result.out + result.err
    assert CANARY not in everything_written(offramp)
    for args in (
        ("connection", "list", "--json"), ("connection", "show", "c", "--json"), ("connection", "show", "c"),
        ("connection", "show", "c", "--toml"), ("doctor", "--json"),
    ):  # fmt: skip
        result = offramp.quick(*args, code=None)
        assert CANARY not in result.out + result.err


def test_add_list_show_test_remove(offramp):
    path = offramp.database()
    added = offramp("connection", "add", "shop", "sqlite:///shop.db")
    assert added.out == ""
    assert "offramp connection test shop" in added.err
    assert offramp("connection", "list").out.splitlines()[1].split() == ["shop", "SQLite", str(path)]
    (listed,) = offramp("connection", "list", "--json").json["connections"]
    assert listed["path"] == str(path)
    assert listed["mode"] == "sqlite"
    tested = offramp("connection", "test", "shop", "--json").json
    assert tested["ok"]
    assert offramp("connection", "show", "shop", "--json").json["connection"]["last_test"]["ok"]
    offramp("connection", "remove", "shop")
    assert offramp("connection", "show", "shop", code=3).err.startswith(
        "offramp: There is no connection 'shop'"
    )


def test_a_name_that_is_taken_is_refused_and_replace_changes_it(shop):
    err = shop.quick("connection", "add", "shop", "sqlite:///shop.db", code=2).err
    assert "Connection 'shop' exists already." in err
    assert "offramp connection add shop ... --replace" in err
    shop.database("other.db")
    shop.quick("connection", "add", "shop", "sqlite:///other.db", "--replace")
    assert shop.quick("connection", "show", "shop", "--json").json["connection"]["path"].endswith("other.db")


def test_sqlite_file_that_is_not_there(offramp):
    result = offramp("connection", "add", "x", "sqlite:///none.db", code=3)
    assert "none.db" in result.err
    assert offramp("connection", "list", "--json").json["connections"] == []


def test_options_do_what_a_url_does(offramp):
    offramp.quick("connection", "add", "a", "oceanbase://u%40t%23c@h/d?tls=require&connect_timeout=3")
    offramp.quick(
        "connection", "add", "b", "--mode", "oceanbase", "--host", "h", "--user", "u@t#c", "--database", "d",
        "--tls", "require", "--connect-timeout", "3",
    )  # fmt: skip
    one, two = offramp.quick("connection", "list", "--json").json["connections"]
    assert {**one, "name": ""} == {**two, "name": ""}
    assert one["port"] == 2881


def test_limits_are_kept_shown_and_taken_back(offramp):
    limits = ("--task-limit", "1", "--session-limit", "4")
    offramp.quick("connection", "add", "c", "mysql://u@h/d", *limits)
    shown = offramp.quick("connection", "show", "c", "--json").json["connection"]
    assert (shown["task_limit"], shown["session_limit"]) == (1, 4)
    assert "1 task at most, 4 sessions of each" in offramp.quick("connection", "show", "c").out
    assert "session_limit = 4" in offramp.quick("connection", "show", "c", "--toml").out
    offramp.quick("connection", "add", "c", "mysql://u@h/d", "--replace", "--session-limit", "3")
    assert "3 sessions of a task at most" in offramp.quick("connection", "show", "c").out
    offramp.quick("connection", "add", "c", "mysql://u@h/d", "--replace")
    assert "at once" not in offramp.quick("connection", "show", "c").out


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("x",), "Neither a URL nor --mode"),
        (("x", "mysql://u@h/d", "--mode", "mysql"), "the URL says the mode"),
        (("x", "--mode", "mysq", "--host", "h"), "Did you mean mysql?"),
        (("x", "--mode", "mysql", "--host", "h"), "needs a user"),
        (("x", "--mode", "sqlite", "--path", "a", "--host", "h"), "SQLite has a path only"),
        (("x", "mysql://u@h/d?tsl=require"), "Did you mean tls?"),
        (("x", "mysql://u@h/d", "--session-limit", "1"), "Use 2 or more"),
        (("", "mysql://u@h/d"), "can't name a connection"),
        (("x", "mysql://u@h/d", "--password-ask"), "there is no terminal"),
        (("x", "mysql://u@h/d", "--password-stdin"), "No password came from standard input"),
        (("x", "mysql://u@h/d", "--keyring", "--password-env", "V"), "none is kept"),
        (("x", "mysql://u@h/d", "--password-env", "V", "--password-ask"), "not allowed with"),
    ],
)
def test_what_makes_no_sense(offramp, args, words):
    result = offramp.quick("connection", "add", *args, code=None)
    assert result.code in (1, 2)
    assert words in result.err
    assert result.out == ""
    assert offramp.quick("connection", "list", "--json").json["connections"] == []


def test_a_password_in_a_url_is_refused_and_shown_nowhere(offramp):
    result = offramp("connection", "add", "c", f"mysql://u:{CANARY}@h/d", code=2)
    assert "--password-stdin" in result.err
    assert_unseen(offramp, result)


def test_password_from_stdin_goes_to_the_secrets_file_alone(offramp):
    added = offramp(
        "connection", "add", "c", "mysql://u@127.0.0.1:1/d", "--password-stdin", stdin=f"{CANARY}\nrest"
    )
    tested = offramp("connection", "test", "c", code=1)
    assert "can't be reached" in tested.out
    assert_unseen(offramp, added, tested)
    kept = offramp.home / "secrets.json"
    assert CANARY in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    offramp("connection", "remove", "c")
    assert CANARY not in kept.read_text()


def test_replacing_keeps_the_password_or_forgets_the_old_one(offramp):
    offramp.quick("connection", "add", "c", "mysql://u@h/d", "--password-stdin", stdin=CANARY)
    offramp.quick("connection", "add", "c", "mysql://u@other/d", "--replace")
    shown = offramp.quick("connection", "show", "c", "--json").json["connection"]
    assert (shown["host"], shown["secret"]["kind"]) == ("other", "file")
    offramp.quick("connection", "add", "c", "mysql://u@other/d", "--replace", "--password-env", "X")
    assert CANARY not in (offramp.home / "secrets.json").read_text()


def test_a_refused_second_one_leaves_the_first_ones_password(offramp):
    offramp.quick("connection", "add", "c", "mysql://u@h/d", "--password-stdin", stdin=CANARY)
    offramp.quick("connection", "add", "c", "mysql://u@h/d", "--password-stdin", stdin="another", code=2)
    text = (offramp.home / "secrets.json").read_text()
    assert CANARY in text
    assert "another" not in text


def test_password_from_the_environment(offramp):
    added = offramp("connection", "add", "c", "mysql://u@127.0.0.1:1/d", "--password-env", "SHOP_PW")
    missing = offramp("connection", "test", "c", code=1)
    assert "'SHOP_PW'" in missing.err
    offramp.environment["SHOP_PW"] = CANARY
    tested = offramp("connection", "test", "c", code=1)
    assert "can't be reached" in tested.out
    assert_unseen(offramp, added, missing, tested)


def test_password_from_a_command(offramp):
    (offramp.directory / "pw").write_text(f"{CANARY}\n")
    command = f"cat {offramp.directory}/pw; cat {offramp.directory}/pw >&2"
    added = offramp("connection", "add", "c", "mysql://u@127.0.0.1:1/d", "--password-command", command)
    tested = offramp("connection", "test", "c", code=1)
    assert "can't be reached" in tested.out
    (offramp.directory / "fail").write_text("x")
    offramp(
        "connection", "add", "c", "mysql://u@h/d", "--replace", "--password-command", f"{command}; exit 7"
    )
    failed = offramp("connection", "test", "c", code=1)
    assert "status 7" in failed.err
    assert_unseen(offramp, added, tested, failed)


def test_password_asked_for_on_a_terminal(offramp):
    master, slave = pty.openpty()
    process = subprocess.Popen(
        ("setsid", "--ctty", "--wait", *offramp.start.__globals__["COMMAND"], "connection", "add", "c", "mysql://u@h/d",
         "--password-ask"),
        stdin=slave, stdout=slave, stderr=slave, cwd=offramp.directory, env=offramp.env,
    )  # fmt: skip
    os.close(slave)
    seen = b""
    while b"Password of connection c:" not in seen:
        seen += os.read(master, 1024)
    time.sleep(0.2)
    os.write(master, f"{CANARY}\n".encode())
    assert process.wait(30) == 0
    os.close(master)
    assert CANARY.encode() not in seen
    assert CANARY in (offramp.home / "secrets.json").read_text()
    assert_unseen(offramp)


def test_a_missing_keyring_is_told(offramp):
    offramp.environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    result = offramp.quick(
        "connection", "add", "c", "mysql://u@h/d", "--keyring", "--password-stdin", stdin=CANARY, code=1
    )
    assert "keyring" in result.err
    assert_unseen(offramp, result)
    assert offramp.quick("connection", "list", "--json").json["connections"] == []


def test_objects(shop):
    found = shop.quick("objects", "shop", "--json").json
    assert [f"{o['type']}:{o['name']}" for o in found["objects"]] == [
        "TABLE:log", "TABLE:orders", "VIEW:big", "TRIGGER:noted",
    ]  # fmt: skip
    assert found["database"] == "main"
    names = [
        o["name"]
        for o in shop.quick("objects", "shop", "--type", "table", "--search", "ORD", "--json").json["objects"]
    ]
    assert names == ["orders"]
    assert "orders" in shop.quick("objects", "shop").out
    assert "Did you mean shop?" in shop.quick("objects", "shpo", code=3).err
    assert "no type" in shop.quick("objects", "shop", "--type", "TABEL", code=2).err
    assert shop.quick("objects", "shop", "--database", "none", code=3).out == ""


def test_removing_what_is_used_is_refused_and_says_by_what(shop):
    shop.quick("export", "create", "nightly", "--connection", "shop", "--all")
    assert "export 'nightly'" in shop.quick("connection", "remove", "shop", code=2).err
    shop.quick("export", "remove", "nightly")
    shop.quick("connection", "remove", "shop")

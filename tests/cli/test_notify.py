"""Who is told of a task's end, and what is remembered of runs: the real command, engine and processes."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from tests.notices.servers import http_server, smtp_server


def settings(offramp, text):
    offramp.home.mkdir(exist_ok=True)
    (offramp.home / "settings.toml").write_text(f"{text}\n[retry]\nfirst_seconds = 0.2\nfactor = 1\n")


def told(offramp, task, state, seconds=30):
    """The notifications of a task once each of them is in a state that is expected."""
    for _ in range(int(seconds / 0.1)):
        found = offramp.quick("notify", "list", str(task), "--json").json["notifications"]
        if [one["state"] for one in found] == state:
            return found
        time.sleep(0.1)
    raise AssertionError(found)


def test_all_are_told_of_the_ends_that_they_want(shop):
    got = shop.directory / "got"
    with http_server() as hook, smtp_server() as box:
        settings(
            shop,
            f'[mail]\nhost = "127.0.0.1"\nport = {box.port}\ntls = "off"\nsender = "offramp@example.com"',
        )
        hook.answers += [503, 503]
        shop(
            "dump", "shop", "--to", "out", "orders", "--name", "night", "--notify", f"command:cat > {got}",
            "--notify", f"completed={hook.url}", "--notify", "failed,aborted=mailto:never@example.com",
            "--notify", "mailto:ops@example.com",
        )  # fmt: skip
        found = told(shop, 1, ["told", "told", "told"])
        document = json.loads(got.read_text())
        assert document["task"]["status"] == "Completed"
        assert (document["task"]["name"], document["task"]["rows"]) == ("night", 3)
        assert document["test"] is False
        # The web hook wasn't there twice; each attempt has the same key.
        assert [one["attempts"] for one in found] == [1, 3, 1]
        assert len(hook.requests) == 3
        assert len({headers["Idempotency-Key"] for headers, _ in hook.requests}) == 1
        assert json.loads(hook.requests[-1][1]) == document
        (mail,) = box.mails
        assert mail["To"] == "ops@example.com"
        assert "night 1 Completed" in mail["Subject"]
    log = shop.quick("logs", "1").out
    assert "Told mailto:ops@example.com of the end" in log
    assert "couldn't be told of the end (it is tried again): The web hook answered 503." in log
    assert hook.url not in log, "what is behind the host may be a token"


def test_whoever_the_settings_file_names_is_told_unless_the_export_says_otherwise(shop):
    got = shop.directory / "got"
    settings(shop, f'notify = ["failed=command:cat >> {got}"]')
    shop("dump", "shop", "--to", "a", "nothing", code=1)
    told(shop, 1, ["told"])
    task = json.loads(got.read_text())["task"]
    assert task["status"] == "Failed"
    assert task["error"]["code"] == "not-found"
    shop("dump", "shop", "--to", "b", "nothing", "--notify", "none", code=1)
    shop("dump", "shop", "--to", "c", "orders")
    assert told(shop, 2, []) == told(shop, 3, []) == []


def test_one_that_can_not_be_told_is_given_up_with_words(shop):
    settings(shop, "")
    shop("dump", "shop", "--to", "out", "orders", "--notify", "mailto:ops@example.com")
    (one,) = told(shop, 1, ["given up"])
    assert "No mail server is known" in one["words"]
    assert "given up" in shop.quick("logs", "1", "--alert").out


def test_an_abort_of_what_waits_is_told_too_once_an_engine_serves(shop):
    got = shop.directory / "got"
    done = shop(
        "dump",
        "shop",
        "--to",
        "o",
        "orders",
        "--at",
        "+2h",
        "--detach",
        "--notify",
        f"aborted=command:cat > {got}",
    )
    number = done.out.strip()
    shop("abort", number)
    told(shop, number, ["told"])
    assert json.loads(got.read_text())["task"]["status"] == "Aborted"


def test_a_test_tells_at_once_or_says_why_not(offramp):
    assert "ended well: hello" in offramp.quick("notify", "test", "command:echo hello").err
    failed = offramp.quick("notify", "test", "command:exit 4", code=1)
    assert "status 4" in failed.err
    assert "no place for notifications" in offramp.quick("notify", "test", "carrier pigeon", code=2).err


def test_the_history_of_an_export_outlives_its_tasks(shop):
    shop.quick("export", "create", "n", "--connection", "shop", "--to", "out", "orders")
    shop("run", "n", "--wait")
    shop.quick("export", "edit", "n", "nothing")
    shop("run", "n", "--wait", code=1)
    later = shop.quick("run", "n", "--at", "+2h").out.strip()
    runs = shop.quick("export", "history", "n", "--json").json["runs"]
    assert [run["status"] for run in runs] == ["Scheduled", "Failed", "Completed"]
    assert (runs[2]["rows"], runs[2]["error"], runs[2]["marks"]) == (3, None, [])
    assert runs[1]["error"]["code"] == "not-found"
    assert runs[2]["started"] < runs[2]["ended"]
    shop("rm", "1", "2")
    again = shop.quick("export", "history", "n", "--json").json["runs"]
    assert again[1:] == runs[1:]
    assert "Completed" in shop.quick("export", "history", "n", "--limit", "3").out
    # It is kept for a set time.
    shop("abort", later)
    shop.stop_engine()
    with closing(sqlite3.connect(shop.home / "store.sqlite3")) as store, store:
        store.execute("UPDATE history SET ended = ended - 400 * 86400000000 WHERE task_id = 1")
    shop("run", "n", "--wait", code=1)  # by an engine that looks after what is old when it begins
    for _ in range(100):
        left = [run["task"] for run in shop.quick("export", "history", "n", "--json").json["runs"]]
        if 1 not in left:
            break
        time.sleep(0.1)
    assert left == [4, 3, 2]


def tellers(offramp):
    """Processes that tell of ends in this home."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            command = (place / "cmdline").read_bytes()
            mine = f"OFFRAMP_HOME={offramp.home}".encode() in (place / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"core.engine.notify" in command and mine:
            found.append(int(place.name))
    return found


def test_what_was_being_sent_when_it_was_killed_is_sent_again_and_holds_nothing_up(shop):
    settings(shop, "")
    got = shop.directory / "got"
    again = f"echo $$ >> {got}; test $(wc -l < {got}) -ge 2 || exec sleep 50"
    shop("dump", "shop", "--to", "one", "orders", "--notify", f"command:{again}")
    for _ in range(300):
        if got.exists() and (running := tellers(shop)):
            break
        time.sleep(0.1)
    # One that hangs keeps no task from being run.
    shop("dump", "shop", "--to", "two", "orders")
    (pid,) = running
    os.kill(pid, signal.SIGKILL)
    os.killpg(int(got.read_text()), signal.SIGKILL)
    (one,) = told(shop, 1, ["told"])
    assert one["attempts"] == 2
    assert len(got.read_text().splitlines()) == 2

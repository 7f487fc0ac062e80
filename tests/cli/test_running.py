"""Exports end to end: the real command, engine and workers, on SQLite."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import signal
import sqlite3
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

SLOW_ROWS = 700_000


@pytest.fixture
def slow(shop):
    """With a view whose export takes some seconds."""
    connection = sqlite3.connect(shop.directory / "shop.db")
    connection.execute(
        "CREATE VIEW slow AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
        f"{SLOW_ROWS}) SELECT i, 'some text ' || i AS t, i * 0.5 AS f FROM n"
    )
    connection.close()
    return shop


def wait_for(offramp, task, *statuses, seconds=30):
    for _ in range(int(seconds / 0.1)):
        found = offramp.quick("show", str(task), "--json").json["task"]
        if found["status"] in statuses:
            return found
        time.sleep(0.1)
    raise AssertionError(f"task {task} is {found['status']}: {found['state']}")


def test_dump_end_to_end(shop):
    done = shop("dump", "shop", "--to", "out", "orders", "VIEW:big", "--csv-separator", ";")
    out = shop.directory / "out"
    assert done.out == f"{out}\n"
    assert "Completed: 2 objects, 3 rows" in done.err
    rows = list(csv.reader((out / "TABLE/orders.csv").read_text().splitlines(), delimiter=";"))
    assert rows == [
        ["id", "who", "total"], ["1", 'customer, "1"', "1.5"], ["2", 'customer, "2"', "3"],
        ["3", 'customer, "3"', "4.5"],
    ]  # fmt: skip
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["complete"]
    assert {f["path"] for f in manifest["files"]} >= {"TABLE/orders.csv", "TABLE/orders-schema.sql"}
    for entry in manifest["files"]:
        assert hashlib.sha256((out / entry["path"]).read_bytes()).hexdigest() == entry["sha256"]
    (task,) = shop.quick("ls", "--json").json["tasks"]
    assert (task["id"], task["status"], task["output"]) == (1, "Completed", str(out))
    assert task["created"].endswith("Z")
    details = shop.quick("show", "1", "--json").json["task"]
    assert [(o["name"], o["data_status"], o["processed_rows"]) for o in details["objects"]] == [
        ("orders", "success", 3), ("big", "success", 0),
    ]  # fmt: skip
    assert len(details["files"]) == len(manifest["files"])
    assert details["settings"]["csv"]["separator"] == ";"
    assert "TABLE/orders.csv" in shop.quick("show", "1").out
    assert shop.quick("verify", "1", "--json").json["verify"]["ok"]
    assert shop.quick("verify", "out", "--against-source", "--json").json["verify"]["ok"]
    (out / "TABLE/orders.csv").write_text("x")
    assert not shop.quick("verify", "out", "--json", code=1).json["verify"]["ok"]


def test_dump_into_a_directory_that_is_not_empty_is_refused_before_anything(shop):
    (shop.directory / "out").mkdir()
    (shop.directory / "out" / "mine").write_text("x")
    assert "not empty" in shop.quick("dump", "shop", "orders", "--to", "out", code=1).err
    (shop.directory / "link").symlink_to("out")
    assert "symbolic link" in shop.quick("dump", "shop", "orders", "--to", "link", code=1).err
    assert shop.quick("ls", "--json").json["tasks"] == []
    assert shop.engine() is None


def test_a_failing_dump_says_why_and_leaves_nothing(shop):
    result = shop("dump", "shop", "none", "--to", "out", code=1)
    assert "none" in result.err
    assert "offramp logs 1" in result.err
    assert result.out == ""
    assert not (shop.directory / "out").exists()
    assert shop.quick("wait", "1", code=1).err.startswith("Task 1 is Failed")
    assert "ERROR" in shop.quick("logs", "1", "--alert").out


def test_dry_run_checks_and_does_nothing(shop):
    found = shop.quick("dump", "shop", "--all", "--to", "out", "--dry-run", "--json").json["preflight"]
    assert found["ok"]
    assert {o["name"] for o in found["objects"]} == {"orders", "log", "big", "noted"}
    assert not (shop.directory / "out").exists()
    assert shop.quick("ls", "--json").json["tasks"] == []
    (shop.directory / "out").write_text("in the way")
    assert shop.quick("dump", "shop", "--all", "--to", "out", "--dry-run", code=1).err


def test_run_wait_download_and_the_rest_of_a_tasks_life(shop):
    shop.quick(
        "export",
        "create",
        "nightly",
        "--connection",
        "shop",
        "orders",
        "log",
        "--to",
        "runs",
        "--format",
        "sql",
    )
    ran = shop("run", "nightly", "--wait")
    assert ran.out == "1\n"
    task = shop.quick("show", "1", "--json").json["task"]
    assert task["export"] == "nightly"
    output = task["output"]
    assert output.startswith(f"{shop.directory}/runs/nightly/20")
    assert output.endswith("Z-1")
    name = Path(output).name
    files = sorted(p.relative_to(output) for p in Path(output).rglob("*") if p.is_file())

    copied = shop.quick("download", "1", "--to", "copy")
    assert copied.out == f"{shop.directory}/copy\n"
    for file in files:
        assert (shop.directory / "copy" / file).read_bytes() == Path(output, file).read_bytes()
    assert shop.quick("verify", "copy", "--json").json["verify"]["ok"]
    assert shop.quick("download", "1", "--to", "copy").out == f"{shop.directory}/copy/{name}\n"
    assert "is there already" in shop.quick("download", "1", "--to", "copy", code=1).err

    streamed = subprocess.run(
        (*shop.start.__globals__["COMMAND"], "download", "1", "--to", "-"),
        capture_output=True, cwd=shop.directory, env=shop.env, check=True, timeout=60,
    )  # fmt: skip
    shop.quick("download", "1", "--to", "a.tar.gz")
    for data in (streamed.stdout, (shop.directory / "a.tar.gz").read_bytes()):
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            assert sorted(archive.getnames()) == sorted(f"{name}/{file}" for file in files)
            for file in files:
                assert archive.extractfile(f"{name}/{file}").read() == Path(output, file).read_bytes()

    assert "Conflict" not in shop.quick("retry", "1", code=2).err
    assert "ended already" in shop.quick("abort", "1", code=2).err
    assert "worker" in shop.quick("logs", "1").out.lower()
    assert shop.quick("wait", "1", "--json").json["tasks"][0]["status"] == "Completed"
    shop.quick("rm", "1")
    assert shop.quick("show", "1", code=3).out == ""
    assert not list((shop.home / "logs").glob("task-1*"))
    assert Path(output, "manifest.json").exists()


def test_a_file_that_changed_is_not_handed_out(shop):
    shop("dump", "shop", "orders", "--to", "out")
    file = shop.directory / "out/TABLE/orders.csv"
    content = file.read_bytes()
    file.write_bytes(content.replace(b"1", b"7"))
    assert "checksum differs" in shop.quick("download", "1", "--to", "copy", code=1).err
    assert not (shop.directory / "copy").exists()
    assert not list(shop.directory.glob(".download-*"))
    assert shop.quick("download", "1", "--to", "a.tar", code=1)
    assert not list(shop.directory.glob("*.tar"))
    file.write_bytes(content[:-1])
    assert "bytes instead of" in shop.quick("download", "1", "--to", "copy", code=1).err
    file.unlink()
    file.symlink_to("/etc/passwd")
    assert shop.quick("download", "1", "--to", "copy", code=1).out == ""


def test_timed_and_detached(shop):
    (shop.directory / "settings").mkdir()
    number = shop(
        "dump", "shop", "orders", "--to", "out", "--detach", "--at", "+1h", "--name", "later"
    ).out.strip()
    task = shop.quick("show", number, "--json").json["task"]
    assert (task["status"], task["name"]) == ("Scheduled", "later")
    assert task["state"].startswith("starts 20")
    assert shop.quick("wait", number, "--timeout", "0.2", code=4).err.startswith(
        f"Task {number} is still Scheduled"
    )
    assert shop.quick("download", number, "--to", "copy", code=2).err
    shop.quick("abort", number)
    assert shop.quick("wait", number, code=5)
    assert (
        "in the past"
        in shop.quick("dump", "shop", "orders", "--to", "o", "--detach", "--at", "2020-01-01", code=2).err
    )
    assert "Add --detach" in shop.quick("dump", "shop", "orders", "--to", "o", "--at", "+1h", code=2).err


def test_ls_narrows_down(shop):
    for number, name in enumerate(("one", "two"), 1):
        shop.quick(
            "dump", "shop", "orders", "--to", f"out{number}", "--detach", "--at", "+1h", "--name", name
        )
    shop.quick("abort", "2")

    def names(*args):
        return [task["name"] for task in shop.quick("ls", "--json", *args).json["tasks"]]

    assert names() == ["two", "one"]
    assert names("--status", "aborted") == ["two"]
    assert names("--status", "scheduled", "--status", "Aborted") == ["two", "one"]
    assert names("--search", "on") == ["one"]
    assert names("--connection", "other") == []
    assert names("--since", "all", "--limit", "1") == ["two"]
    assert "Did you mean Failed?" in shop.quick("ls", "--status", "faild", code=2).err
    assert "no span" in shop.quick("ls", "--since", "ever", code=2).err
    assert "No task matches." in shop.quick("ls", "--search", "nowhere").err
    head, *rows = shop.quick("ls").out.splitlines()
    assert head.split() == ["ID", "STATUS", "NAME", "CONNECTION", "CREATED", "STATE"]
    assert len(rows) == 2


def interrupt(process):
    os.kill(process.pid, signal.SIGINT)


def test_ctrl_c_while_waiting_for_a_run_leaves_it_running(slow):
    slow.quick("export", "create", "big", "--connection", "shop", "slow", "--to", "runs")
    process = slow.start("run", "big", "--wait")
    assert process.stdout.readline() == b"1\n"
    wait_for(slow, 1, "Running")
    interrupt(process)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"offramp show 1" in err
    assert slow.quick("show", "1", "--json").json["task"]["status"] in ("Running", "Publishing", "Completed")
    assert wait_for(slow, 1, "Completed", "Failed")["status"] == "Completed"


def test_ctrl_c_in_dump_aborts_and_leaves_nothing(slow):
    process = slow.start("dump", "shop", "slow", "--to", "out")
    for _ in range(200):
        if slow.quick("ls", "--json").json["tasks"]:
            break
        time.sleep(0.05)
    wait_for(slow, 1, "Running")
    interrupt(process)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Ctrl-C once more" in err
    assert out == b""
    assert wait_for(slow, 1, "Aborted")["published"] is False
    assert sorted(p.name for p in slow.directory.iterdir()) == ["home", "shop.db"]
    assert slow.quick("wait", "1", code=5)
    slow.quick("retry", "1")
    assert wait_for(slow, 1, "Completed", "Failed", seconds=60)["status"] == "Completed"


def test_a_second_ctrl_c_does_not_wait(slow):
    process = slow.start("dump", "shop", "slow", "--to", "../out/./x")
    for _ in range(200):
        if slow.quick("ls", "--json").json["tasks"]:
            break
        time.sleep(0.05)
    found = wait_for(slow, 1, "Running")
    assert found["output"] == str(slow.directory.parent / "out/x")
    interrupt(process)
    assert (
        b"Ctrl-C once more"
        in process.stderr.readline() + process.stderr.readline() + process.stderr.readline()
    )
    interrupt(process)
    assert process.wait(20) == 130
    wait_for(slow, 1, "Aborted")
    assert not (slow.directory.parent / "out").exists()


def test_logs_follow_until_the_end(slow):
    slow.quick("dump", "shop", "slow", "--to", "out", "--detach")
    process = slow.start("logs", "1", "-f")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"completed" in out
    assert slow.quick("show", "1", "--json").json["task"]["status"] == "Completed"


def test_a_reader_that_goes_away_ends_the_command_quietly(shop):
    shop("dump", "shop", "orders", "--to", "out")
    process = shop.start("download", "1", "--to", "-")
    process.stdout.close()
    assert process.wait(30) == 141
    assert process.stderr.read() == b""


def test_headless_drain_runs_what_is_queued_and_leaves(shop):
    for number in range(2):
        shop.quick("dump", "shop", "orders", "--to", f"out{number}", "--detach", "--at", "+1s")
    shop.stop_engine()
    time.sleep(1)
    shop("--headless", "--drain")
    assert {task["status"] for task in shop.quick("ls", "--json").json["tasks"]} == {"Completed"}
    assert shop.engine() is None


def test_hostile_names_are_inert(offramp):
    name = "\x1b]0;evil\x07 ../\u202e"
    connection = sqlite3.connect(offramp.directory / "x.db")
    connection.execute(f'CREATE TABLE "{name}"(a)')
    connection.close()
    offramp.quick("connection", "add", "x", "sqlite:///x.db")
    done = offramp("dump", "x", f"TABLE:{name}", "--to", "out")
    shown = offramp.quick("show", "1")
    for text in (
        done.out,
        done.err,
        shown.out,
        offramp.quick("ls").out,
        offramp.quick("objects", "x").out,
        offramp.quick("logs", "1").out,
    ):
        assert all(c.isprintable() or c == "\n" for c in text)
    assert offramp.quick("show", "1", "--json").json["task"]["objects"][0]["name"] == name
    assert all(p.is_relative_to(offramp.directory / "out") for p in (offramp.directory / "out").rglob("*"))


def test_a_sys_password_of_a_dump_goes_with_its_task(shop):
    canary = "sYs-cAnAry"
    args = (
        "dump",
        "shop",
        "orders",
        "--to",
        "out",
        "--sys-account",
        "root",
        "--sys-password-stdin",
        "--detach",
        "--at",
        "+1h",
    )
    shop.quick(*args, stdin=canary)
    kept = shop.home / "secrets.json"
    assert canary in kept.read_text()
    assert canary not in shop.quick("show", "1", "--json").out
    assert canary.encode() not in (shop.home / "store.sqlite3").read_bytes()
    shop.quick("abort", "1")
    shop.quick("rm", "1")
    assert canary not in kept.read_text()

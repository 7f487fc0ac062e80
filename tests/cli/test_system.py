from __future__ import annotations

import fcntl
import os
import pty
import sqlite3
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND


def on_a_terminal(offramp, *args, columns=80):
    """What a command writes to a terminal of so many columns, and its exit code."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        (*COMMAND, *args), stdin=slave, stdout=slave, stderr=slave, cwd=offramp.directory, env=offramp.env
    )
    os.close(slave)
    seen = b""
    while True:
        try:
            data = os.read(master, 4096)
        except OSError:
            break
        if not data:
            break
        seen += data
    os.close(master)
    return seen.decode(), process.wait(30)


def test_offramp_alone_lists_tasks_and_points_to_help(shop):
    first = shop.quick()
    assert "offramp --help" in first.err
    shop.quick("dump", "shop", "orders", "--to", "out", "--detach", "--at", "+1h")
    assert "shop: orders" in shop.quick().out
    assert shop.quick("--version").out.startswith("offramp 0.")


def test_progress_on_a_terminal_is_one_line_that_is_cleared(shop):
    text, code = on_a_terminal(shop, "dump", "shop", "orders", "--to", "out")
    assert code == 0
    assert text.replace("\r\n", "\n").endswith(f"\n{shop.directory}/out\n")
    drawn = text.split("\r\x1b[K")
    assert all(len(line) < 80 for line in drawn[:-1])
    assert drawn[-1].startswith("Task 1 is Completed")


def test_tables_fit_the_terminal(shop):
    shop.quick("dump", "shop", "orders", "--to", "out", "--detach", "--at", "+1h", "--name", "x" * 40)
    text, _ = on_a_terminal(shop, "ls", columns=80)
    assert all(len(line) <= 80 for line in text.splitlines())


def test_a_tar_stream_does_not_go_to_a_terminal(shop):
    shop("dump", "shop", "orders", "--to", "out")
    text, code = on_a_terminal(shop, "download", "1", "--to", "-")
    assert code == 2
    assert "| tar x" in text


def test_words_for_a_question_that_is_answered_no(shop):
    (shop.directory / "d.toml").write_text(
        '[connection.c]\nmode = "mysql"\nhost = "h"\nuser = "u"\nsecret = { kind = "command", command = "x" }\n'
    )
    master, slave = pty.openpty()
    process = subprocess.Popen(
        (*COMMAND, "export", "apply", "d.toml"), stdin=slave, stdout=slave, stderr=slave, cwd=shop.directory, env=shop.env
    )  # fmt: skip
    os.close(slave)
    seen = b""
    while b"[y/N]" not in seen:
        seen += os.read(master, 1024)
    os.write(master, b"n\n")
    assert process.wait(30) == 2
    os.close(master)
    assert len(shop.quick("connection", "list", "--json").json["connections"]) == 1


def test_demo_runs_its_exports_and_may_be_run_again(offramp):
    first = offramp("--demo", "demo", timeout=120)
    assert len(first.out.splitlines()) == 3
    for line in first.out.splitlines():
        assert Path(line, "manifest.json").is_file()
    assert offramp.quick("connection", "show", "shop", "--json").json["connection"]["exports"]
    again = offramp("--demo", "demo", timeout=120)
    assert set(again.out.splitlines()).isdisjoint(first.out.splitlines())
    assert len(offramp.quick("export", "list", "--json").json["exports"]) == 3


def test_demo_takes_nothing_away_from_anybody(shop):
    assert "isn't the sample's" in shop.quick("--demo", "demo", code=2).err
    assert shop.quick("connection", "show", "shop", "--json").json["connection"]["path"].endswith("shop.db")
    assert not (shop.directory / "demo").exists()


def test_doctor_finds_all_well(shop):
    found = {f["name"]: f for f in shop.quick("doctor", "--json").json["findings"]}
    for name in ("offramp", "sqlite", "home", "file locks", "store", "connector sqlite", "connector mysql"):
        assert found[name]["level"] == "ok", found[name]
    assert "hold against another process" in found["file locks"]["detail"]
    assert "store" in shop.quick("doctor").out


def test_doctor_finds_what_is_amiss(shop):
    shop.home.chmod(0o777)
    secrets = shop.home / "secrets.json"
    secrets.write_text('{"version":1,"secrets":{}}')
    secrets.chmod(0o644)
    (shop.home / "settings.toml").write_text("ssh_hots = 1")
    found = {f["name"]: f for f in shop.quick("doctor", "--json", code=1).json["findings"]}
    assert found["home"]["level"] == "warn"
    assert "chmod 700" in found["home"]["advice"]
    assert found["secrets file"]["level"] == "warn"
    assert found["settings"]["level"] == "fail"
    assert "ssh_host?" in found["settings"]["advice"]
    shop.home.chmod(0o700)


def test_doctor_says_how_the_store_is_kept(shop):
    holder = sqlite3.connect(shop.home / "store.sqlite3")
    holder.execute("CREATE TABLE noise (x)").connection.commit()
    found = {f["name"]: f for f in shop.quick("doctor", "--json").json["findings"]}
    assert found["journal mode"]["detail"] == "TRUNCATE, synchronous FULL"
    assert found["sqlite"]["detail"] == sqlite3.sqlite_version
    assert "none yet" in found["backups"]["detail"]
    assert found["log-out"]["level"] in ("ok", "warn")
    for name in ("file system", "space of home", "terminal", "keyring", "clients"):
        assert found[name]["detail"]
    made = shop.quick("store", "backup").out.strip()
    found = {f["name"]: f for f in shop.quick("doctor", "--json").json["findings"]}
    assert Path(made).name in found["backups"]["detail"]
    # A row that means nothing is found by the doctor, though the file's structure is sound.
    holder.execute("UPDATE connection SET body = '{}'").connection.commit()
    holder.close()
    found = {f["name"]: f for f in shop.quick("doctor", "--json", code=1).json["findings"]}
    assert found["store"]["level"] == "fail"
    assert "offramp store restore" in found["store"]["advice"]


def test_doctor_without_a_home(offramp):
    (offramp.directory / "home").write_text("a file")
    found = {f["name"]: f for f in offramp.quick("doctor", "--json", code=1).json["findings"]}
    assert found["home"]["level"] == "fail"
    assert found["clients"]["level"] == "ok"


def test_a_damaged_store_is_restored_from_the_engines_backup(shop):
    shop("dump", "shop", "orders", "--to", "out")
    kept = shop.quick("store", "show", "--json").json["store"]
    assert len(kept["backups"]) == 1, "the engine made it"
    shop.stop_engine()
    store = shop.home / "store.sqlite3"
    store.write_bytes(b"\0" * 5000)
    refused = shop("ls", code=1).err
    assert "is damaged" in refused
    assert "offramp store restore" in refused
    assert "needs an answer" in shop.quick("store", "restore", code=2).err
    said = shop("store", "restore", "--yes").err
    assert kept["backups"][0]["path"] in said
    assert "What was there is" in said
    assert shop.quick("connection", "list", "--json").json["connections"]
    assert shop.quick("store", "check").err == "The store is sound.\n"
    shop("dump", "shop", "orders", "--to", "out2")
    assert "goes without" in shop.quick("store", "restore", "x", "--empty", code=2).err
    assert "no file" in shop.quick("store", "restore", "absent", "--yes", code=3).err


def test_doctor_and_the_others_on_a_damaged_store(shop):
    store = shop.home / "store.sqlite3"
    whole = store.read_bytes()
    store.write_bytes(whole[:5000])
    found = {f["name"]: f for f in shop.quick("doctor", "--json", code=1).json["findings"]}
    assert found["store"]["level"] == "fail"
    assert "damaged" in shop.quick("ls", code=1).err
    store.write_bytes(whole)


def test_a_store_that_is_held_is_busy(shop):
    holder = sqlite3.connect(shop.home / "store.sqlite3", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    result = shop("ls", code=75)
    assert "held by another program" in result.err
    assert time.monotonic() - began < 30
    holder.close()


def test_home_that_cannot_be_written(offramp):
    (offramp.directory / "home").write_text("a file")
    assert "OFFRAMP_HOME" in offramp.quick("ls", code=1).err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(offramp, shell):
    assert "offramp" in offramp.quick("completion", shell).out


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("offramp ", {"dump", "ls", "connection"}),
        ("offramp connection ", {"add", "list"}),
        ("offramp dump sh", {"shop"}),
        ("offramp connection show ", {"shop"}),
        ("offramp run ", {"nightly"}),
        ("offramp show ", {"1"}),
        ("offramp dump shop --csv-f", {"--csv-for"}),
    ],
)
def test_completion_knows_names(shop, line, expected):
    shop.quick("export", "create", "nightly", "--connection", "shop", "--all")
    shop.quick("dump", "shop", "orders", "--to", "out", "--detach", "--at", "+1h")
    asked = {
        "_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_TYPE": "9",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(shop.directory / "answer"),
    }  # fmt: skip
    subprocess.run(COMMAND, env={**shop.env, **asked}, cwd=shop.directory, timeout=60, check=True)
    answer = {word.strip() for word in (shop.directory / "answer").read_text().split("\n")}
    assert expected <= answer


def test_doctor_looks_at_the_spool(offramp):
    offramp.quick("ls")
    (offramp.home / "settings.toml").write_text('spool = "/nowhere/spool"\n')
    found = offramp.quick("doctor", "--json", code=None).json["findings"]
    assert [f["name"] for f in found if "spool '/nowhere/spool'" in f["detail"]] == ["settings"]
    spool = offramp.directory / "spool"
    spool.mkdir()
    (offramp.home / "settings.toml").write_text(f'spool = "{spool}"\n')
    found = offramp.quick("doctor", "--json", code=None).json["findings"]
    assert any(f["name"] == "space of spool" and str(spool) in f["detail"] for f in found)

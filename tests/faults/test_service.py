"""After a reboot: the unit of a real user manager of systemd, and the crontab of a real cron."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pymysql
import pytest

from core.locations import Locations
from core.service.boot.systemd import quoted
from tests.faults.conftest import Shop
from tests.faults.managers import booted, cron_machine, until, user_manager, words_of
from tests.needs import tool

# Everything that means something to systemd, a shell or cron.
ODD = "a %h $HOME ${HOME} b\\c \"d' e;f"


def unit_of(offramp):
    found = list((offramp.directory / "user/.config/systemd/user").glob("offramp*.service"))
    return found[0] if found else None


def later(offramp):
    offramp.quick("connection", "add", "shop", f"sqlite:///{offramp.database()}")
    offramp("dump", "shop", "orders", "--to", "later", "--detach", "--at", "+30d")


def test_the_unit_serves_is_started_again_and_leaves_tasks_alone(shop: Shop):
    offramp = shop.offramp
    with user_manager(offramp) as machine:
        said = machine("service", "install")
        assert "Installed in" in said.err
        assert "enable-linger" in said.err
        first = machine.another_engine()
        assert machine("service", "status", "--json").json["service"]["active"] is True

        again = machine("service", "install")
        assert "As it should be" in again.err
        assert machine.engine() == first

        # The query waits, however long that takes, for a lock that is let go of at the end.
        holder = pymysql.connect(unix_socket=str(shop.server.socket), user="root")
        cursor = holder.cursor()
        cursor.execute(f"SELECT GET_LOCK('{shop.database}', 10)")
        held = f"CREATE VIEW held AS SELECT id, GET_LOCK('{shop.database}', 600) AS got FROM orders"
        shop.server.run(held, database=shop.database)
        task = shop.start("shop", "VIEW:held")
        shop.until_reading(task)
        worker = shop.task(task)["worker_pid"]
        os.kill(first, signal.SIGKILL)
        second = machine.another_engine(first)
        assert shop.task(task)["worker_pid"] == worker
        assert machine.run(
            "systemctl", "--user", "show", unit_of(offramp).name, "--property=MainPID"
        ).out == (f"MainPID={second}\n")

        gone = machine("service", "remove")
        assert "go on in the background" in gone.err
        assert unit_of(offramp) is None
        third = machine.another_engine(second)
        assert third != second
        assert shop.task(task)["worker_pid"] == worker
        holder.close()
        shop.until_status(task, "Completed")
        assert shop.task(task)["attempts"] == 1
        assert "No service is installed" in machine("service", "remove").err


def test_a_unit_that_somebody_changed_is_kept_until_they_agree(offramp):
    with user_manager(offramp) as machine:
        machine("service", "install")
        unit = unit_of(offramp)
        ours = unit.read_text()
        assert unit.stat().st_mode & 0o777 == 0o600
        unit.write_text(ours.replace("RestartSec=5", "RestartSec=77"))
        for action in ("install", "remove"):
            refused = machine("service", action, "--no-input", code=2)
            assert "changed by hand" in refused.err
            assert "RestartSec=77" in unit.read_text()
        refused = machine("service", "install", "--no-input", code=2)
        assert "-RestartSec=77\n+RestartSec=5\n" in refused.err
        assert "changed by hand" in machine("service").err
        machine("service", "install", "--yes")
        assert unit.read_text() == ours

        # Made by an Offramp elsewhere: nobody's work is lost, so nobody is asked.
        from core.service.boot.way import sealed

        unit.write_text(sealed(ours.partition("\n")[2].replace("-P", "-I")))
        assert "Installed in" in machine("service", "install", "--no-input").err
        assert unit.read_text() == ours

        unit.unlink()
        unit.symlink_to("/dev/null")
        assert "symbolic link" in machine("service", "install", "--yes", code=2).err
        assert unit.is_symlink()


def test_a_home_with_an_odd_name(offramp):
    home = offramp.directory / ODD
    offramp.environment["OFFRAMP_HOME"] = str(home)
    with user_manager(offramp) as machine:
        machine("service", "install")
        unit = unit_of(offramp)
        checked = machine.run("systemd-analyze", "--user", "verify", str(unit))
        assert (checked.code, checked.err) == (0, "")
        until((home / "store.sqlite3").exists)
        until(lambda: any(f["name"] == "engine" and "serving" in f["detail"] for f in findings(machine)))
        assert not list(Path(offramp.directory, "user").glob("store*"))
        machine("service", "remove")


def findings(machine):
    return machine("doctor", "--json").json["findings"]


@pytest.mark.parametrize("home", ["plain", ODD])
def test_the_very_line_of_the_unit_serves(offramp, home):
    """What ExecStart says, parsed as systemd.syntax(7) has it, where no user manager need run."""
    offramp.environment["OFFRAMP_HOME"] = str(offramp.directory / home)
    printed = offramp.quick("service", "--with", "systemd")
    lines = dict(line.split("=", 1) for line in printed.out.splitlines() if "=" in line)
    # For words as these are, the syntax is the shell's, but for the specifiers' sign.
    command = shlex.split(lines["ExecStart"].removeprefix(":").replace("%%", "%"))
    [assignment] = shlex.split(lines["Environment"].replace("%%", "%"))
    assert assignment == f"OFFRAMP_HOME={offramp.directory / home}"
    assert Path(command[0]).is_absolute()
    env = {"PATH": "/usr/bin:/bin", "OFFRAMP_HOME": assignment.partition("=")[2]}
    engine = subprocess.Popen(command, env=env, cwd="/", stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: "serving" in str(offramp.quick("doctor", "--json").json))
    finally:
        engine.terminate()
        assert engine.wait(30) == 0


@pytest.mark.parametrize("word", ["plain", "a b", '"', "\\", "%h", "\\\\\"'%%"])
def test_quoting_has_no_end_within(word):
    assert shlex.split(quoted(word).replace("%%", "%")) == [word]


def test_a_unit_keeps_no_secret_and_says_what_passwords_need(offramp):
    offramp.environment["SHOP_PASSWORD"] = "cAnArY-in-the-shell"
    for name, option in {
        "one": ("--password-env", "SHOP_PASSWORD"),
        "two": ("--password-command", "echo x"),
    }.items():
        offramp.quick("connection", "add", name, "mariadb://u@localhost/d", *option)
    shown = offramp.quick("service", "--with", "systemd", "--json")
    assert "cAnArY" not in shown.out + shown.err
    notes = " ".join(shown.json["service"]["notes"])
    assert "'one' takes its password from the environment variable SHOP_PASSWORD" in notes
    assert "'two' takes its password from a command" in notes


@pytest.mark.parametrize("odd", [False, True])
def test_the_crontab_starts_the_engine_at_boot(offramp, odd):
    home = offramp.directory / (ODD if odd else "home")
    offramp.environment["OFFRAMP_HOME"] = str(home)
    with cron_machine(offramp) as machine:
        theirs = "# mine\n0 4 * * * /bin/true # offramp service-of-mine\n"
        machine.run("crontab", "-", stdin=theirs)
        assert "your crontab" in machine("service", "install").err
        first = machine.run("crontab", "-l").out
        assert first.startswith(theirs)
        assert "As it should be" in machine("service", "install").err
        assert machine.run("crontab", "-l").out == first
        assert machine("service", "status", "--json").json["service"]["enabled"] is True
        assert words_of(first.splitlines()[-1]).startswith("umask 077; OFFRAMP_HOME=")

        with booted(machine):
            until((home / "store.sqlite3").exists)
            until(lambda: "serving" in str(findings(machine)))
        assert {path.stat().st_mode & 0o077 for path in home.rglob("*")} == {0}

        changed = first.replace("umask 077", "umask 022")
        machine.run("crontab", "-", stdin=changed)
        assert "changed by hand" in machine("service", "install", "--no-input", code=2).err
        assert machine.run("crontab", "-l").out == changed
        machine("service", "remove", "--yes")
        assert machine.run("crontab", "-l").out == theirs
        stop(home)


def stop(home):
    """The engine that cron has started, in a home that isn't the usual one."""
    from core.store.store import Store

    with Store.open(Locations(home)) as store:
        holder = store.lease.state().holder
    if holder:
        os.kill(int(holder.split()[1]), signal.SIGTERM)


def test_scheduled_tasks_without_a_service_are_pointed_out(offramp):
    with cron_machine(offramp) as machine:
        assert "reboot" not in machine("ls").err
        later(offramp)
        for command in ((), ("ls",)):
            assert "after a reboot: offramp service install" in machine(*command).err
        reboot = next(f for f in findings(machine) if f["name"] == "reboot")
        assert (reboot["level"], reboot["advice"]) == ("warn", "offramp service install")
        machine("service", "install")
        for command in ((), ("ls",)):
            assert "reboot" not in machine(*command).err
        assert next(f for f in findings(machine) if f["name"] == "reboot")["level"] == "ok"


def test_the_screens_point_out_scheduled_tasks_without_a_service():
    from core.service.overview import EngineState
    from tui.engine_line import engine_line
    from tui.runs import text_of

    def words(columns, **more):
        state = EngineState(served=True, **{"at_work": 0, "queued": 0, "scheduled": 2, **more})
        line = engine_line(state, None, datetime(2026, 1, 1, tzinfo=UTC), columns, read_only=False)
        return text_of(line)

    assert "2 scheduled, no service after a reboot" in words(120, forgotten=True)
    assert "2 scheduled, no service  " in words(80, forgotten=True)
    assert "no service" not in words(120)
    assert words(80, forgotten=True, at_work=3, queued=12).startswith("3 running, no service  ")


def test_where_neither_is_to_be_had(offramp):
    offramp.environment["PATH"] = "/nowhere"
    assert "offramp --headless" in offramp.quick("service", "install", code=1).err
    assert "crontab" in offramp.quick("service", "install", "--with", "crontab", code=1).err
    assert "systemd" in offramp.quick("service", "--with", "upstart", code=2).err
    assert offramp.quick("ls").err.strip() == "No task in the last 48 hours."


def test_tools_are_there():
    """In CI what is skipped above would be an error."""
    for name in ("systemctl", "crontab", "cron"):
        tool(name)

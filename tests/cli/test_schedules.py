"""Saved exports that run by themselves, on the command line: given, shown, paused, spelled back."""

from __future__ import annotations

import shlex
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import product
from os import kill
from pathlib import Path
from signal import SIGTERM

import pytest

from core.model.convert import definitions_from_toml, definitions_to_toml
from core.model.schedule import Overlap, Schedule, Unit
from core.model.settings import Export, ExportSettings
from core.zones import local_zone
from tests.faults.processes import engine_of, gone, stored, wait_for
from tui.cli import schedules, spelling
from tui.cli.parser import build

SETTINGS = ExportSettings(connection="shop", objects=("t",))
NOW = datetime(2026, 11, 22, 12, 34, 56, tzinfo=UTC)
START = datetime(2026, 11, 30, 4)
SCHEDULES = [
    None,
    Schedule(cron="0 4 * * 1-5", zone="Europe/Berlin"),
    Schedule(cron="@daily", zone="UTC", until=datetime(2027, 1, 1, 0, 0, 30), runs=7),
    Schedule(every=6, unit=Unit.HOURS, start=START, zone="UTC", overlap=Overlap.QUEUE),
    Schedule(every=2, unit=Unit.DAYS, start=START, zone="America/New_York", until=START),
    Schedule(every=1, unit=Unit.WEEKS, start=START, zone="UTC"),
    Schedule(every=1, unit=Unit.MONTHS, start=START, zone="UTC", runs=12),
]
CREATE = ("export", "create", "e", "--connection", "shop", "orders")


def parsed(line: str):  # type: ignore[no-untyped-def]
    return build().parse_args(shlex.split(line)[1:])


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_create_means_the_same(schedule: Schedule | None) -> None:
    args = parsed(spelling.create_line(SETTINGS, "nightly", "/out", schedule=schedule))
    assert schedules.schedule_from(args, None, NOW) == schedule


@pytest.mark.parametrize(("before", "after"), list(product(SCHEDULES, SCHEDULES)))
def test_edit_leads_from_one_to_the_other(before: Schedule | None, after: Schedule | None) -> None:
    line = spelling.edit_line(SETTINGS, "nightly", "/out", SETTINGS, schedule=after, before=before)
    assert schedules.schedule_from(parsed(line), before, NOW) == after


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_toml_and_back(schedule: Schedule | None) -> None:
    export = Export(name="e", directory="/out", settings=SETTINGS, schedule=schedule)
    assert definitions_from_toml(definitions_to_toml(exports=[export]), "f").exports == (export,)


def test_no_start_is_the_present_minute_of_the_zone() -> None:
    args = parsed("offramp export create e --connection shop t --every 6h --zone Asia/Tokyo")
    made = schedules.schedule_from(args, None, NOW)
    assert made is not None
    assert made.start == datetime(2026, 11, 22, 21, 34)


@pytest.mark.parametrize(
    ("zone", "link", "expected"),
    [
        ("Europe/Berlin", None, "Europe/Berlin"),
        (":America/New_York", None, "America/New_York"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", None, "UTC"),
        ("", None, "UTC"),
        (None, "/usr/share/zoneinfo/Australia/Lord_Howe", "Australia/Lord_Howe"),
        (None, "/usr/share/zoneinfo/posix/Asia/Tokyo", "Asia/Tokyo"),
        (None, "/nowhere", "UTC"),
    ],
)
def test_the_machines_own_zone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str | None, link: str | None, expected: str
) -> None:
    if zone is None:
        monkeypatch.delenv("TZ", raising=False)
        (tmp_path / "localtime").symlink_to(str(link))
        monkeypatch.setattr("core.zones.LOCALTIME", tmp_path / "localtime")
    else:
        monkeypatch.setenv("TZ", zone)
    assert local_zone() == expected


@pytest.fixture
def periodic(shop):  # type: ignore[no-untyped-def]
    """A shop whose engine, which schedules start, is ended afterwards."""
    yield shop
    pid = engine_of(shop.home)
    if pid is not None:
        with suppress(ProcessLookupError):
            kill(pid, SIGTERM)
        wait_for(lambda: gone(pid))


def test_from_creating_to_removing(periodic) -> None:  # type: ignore[no-untyped-def]
    shop = periodic
    made = shop(*CREATE, "--cron", "0 4 * * 1-5", "--zone", "Europe/Berlin", "--runs", "9")
    assert "after a reboot" in made.err
    assert engine_of(shop.home) is not None
    shown = shop.quick("export", "show", "e", "--json").json
    assert shown["export"]["schedule"] == {
        "every": None, "unit": None, "cron": "0 4 * * 1-5", "zone": "Europe/Berlin", "start": None,
        "until": None, "runs": 9, "overlap": "skip", "missed": "run", "paused": False,
    }  # fmt: skip
    coming = [datetime.fromisoformat(text) for text in shown["next_runs"]]
    assert len(coming) == 5
    assert sorted(coming) == coming
    assert all(due.hour in (2, 3) for due in coming)
    (listed,) = shop.quick("export", "list", "--json").json["exports"]
    assert (listed["next_run"], listed["last_task"]) == (shown["next_runs"][0], None)
    words = shop.quick("export", "show", "e").out
    assert "cron 0 4 * * 1-5, Europe/Berlin, 9 runs" in words
    assert words.count("04:00 CE") == 5
    table = shop.quick("export", "list").out
    assert "cron 0 4 * * 1-5" in table
    assert f"{coming[0]:%Y-%m-%d %H:%M}" in table

    shop.quick("export", "pause", "e")
    assert "none while it is paused" in shop.quick("export", "show", "e").out
    assert "paused" in shop.quick("export", "list").out
    assert shop.quick("export", "show", "e", "--json").json["next_runs"] == []
    assert shop.quick("export", "resume", "e", "--json").json["paused"] is False
    assert shop.quick("export", "show", "e", "--json").json["next_runs"] == shown["next_runs"]

    shop.quick("export", "edit", "e", "--every", "2d", "--runs", "0", "--overlapping", "queue")
    edited = shop.quick("export", "show", "e", "--json").json["export"]["schedule"]
    assert (edited["every"], edited["unit"], edited["cron"]) == (2, "days", None)
    assert (edited["zone"], edited["runs"], edited["overlap"]) == ("Europe/Berlin", None, "queue")
    shop.quick("export", "edit", "e", "--retry-limit", "1")
    assert shop.quick("export", "show", "e", "--json").json["export"]["schedule"] == edited
    shop.quick("export", "edit", "e", "--no-schedule")
    assert shop.quick("export", "show", "e", "--json").json["export"]["schedule"] is None
    assert "doesn't run by itself" in shop.quick("export", "pause", "e", code=2).err


def test_it_runs_and_shows_what_became_of_it(periodic) -> None:  # type: ignore[no-untyped-def]
    shop = periodic
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    shop(*CREATE, "--every", "1mo", "--start", f"{soon:%Y-%m-%dT%H:%M:%S}", "--zone", "UTC")
    wait_for(lambda: stored(shop.home, "SELECT status FROM task") == [("Completed",)])
    (listed,) = shop.quick("export", "list", "--json").json["exports"]
    assert (listed["last_task"], listed["last_status"]) == (1, "Completed")
    (run,) = shop.quick("export", "show", "e", "--json").json["periodic_runs"]
    assert (run["outcome"], run["task"], run["due"]) == ("started", 1, f"{soon:%Y-%m-%dT%H:%M:%S}.000Z")
    assert shop.quick("show", "1", "--json").json["task"]["output"].endswith(f"/e/{soon:%Y%m%dT%H%M%SZ}-1")


def test_apply_brings_a_schedule_and_takes_it_away(periodic) -> None:  # type: ignore[no-untyped-def]
    shop = periodic
    shop.quick(*CREATE)
    file = shop.directory / "defs.toml"
    plain = shop.quick("export", "show", "e", "--toml").out
    file.write_text(plain + '[export.e.schedule]\nevery = 6\nunit = "hours"\nstart = 2026-11-30T04:00:00\n')
    dry = shop.quick("export", "apply", "defs.toml", "--dry-run").out
    assert "schedule.every: None -> 6" in dry
    assert "schedule.start: None -> '2026-11-30T04:00:00'" in dry
    shop("export", "apply", "defs.toml")
    assert engine_of(shop.home) is not None
    assert shop.quick("export", "apply", "defs.toml").out == "= export e\n"
    file.write_text(shop.quick("export", "show", "e", "--toml").out)
    assert shop.quick("export", "apply", "defs.toml").out == "= export e\n"
    file.write_text(plain)
    assert "schedule.every: 6 -> None" in shop.quick("export", "apply", "defs.toml").out
    assert shop.quick("export", "show", "e", "--json").json["export"]["schedule"] is None


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--every", "6x"), "write 6h, 2d, 1w or 1mo"),
        (("--every", "0h"), "Every 0 can't be"),
        (("--every", "1d", "--cron", "@daily"), "can't both be meant"),
        (("--cron", "61 * * * *"), "no cron expression"),
        (("--cron", "0 0 31 2 *"), "no cron expression that ever comes"),
        (("--zone", "UTC"), "--zone needs a schedule"),
        (("--cron", "@daily", "--zone", "Europe/Berln"), "no time zone 'Europe/Berln'"),
        (("--cron", "@daily", "--start", "04:00"), "'04:00' is no time"),
        (("--cron", "@daily", "--start", "2026-11-30T04:00Z"), "has a zone"),
        (("--cron", "@daily", "--start", "2027-01-01", "--until", "2026-01-01"), "is before start"),
        (("--cron", "@daily", "--overlapping", "both"), "is wrong"),
        (("--cron", "@daily", "--no-schedule"), "can't both be meant"),
    ],
)
def test_what_makes_no_sense(shop, args, words) -> None:  # type: ignore[no-untyped-def]
    assert words in shop.quick(*CREATE, *args, code=2).err
    assert shop.quick("export", "list", "--json").json["exports"] == []


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('every = 6\nunit = "hour"\nstart = 2026-11-30T04:00:00', "export.e.schedule.unit = 'hour'"),
        ('cron = "61 * * * *"', "export.e.schedule: '61 * * * *' is no cron expression"),
        ('cron = "@daily"\nzon = "UTC"', "export.e.schedule.zon is no setting"),
        ('cron = "@daily"\nstart = 2026-11-30T04:00:00Z', "export.e.schedule"),
        ("cron = 5", "export.e.schedule.cron"),
    ],
)
def test_a_wrong_definition_is_named(shop, lines, words) -> None:  # type: ignore[no-untyped-def]
    head = '[export.e]\ndirectory = "/d"\nconnection = "shop"\nall_objects = true\n[export.e.schedule]\n'
    (shop.directory / "defs.toml").write_text(head + lines)
    assert words in shop.quick("export", "apply", "defs.toml", code=2).err

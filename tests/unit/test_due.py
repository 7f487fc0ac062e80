"""Due times at both edges of summer time, in zones that change by an hour, half an hour and a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.due import due_times, instant, next_due
from core.errors import InvalidValue
from core.model.schedule import Schedule, Unit

BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def due(schedule: Schedule, after: str, number: int) -> list[str]:
    """The next due times by the clocks of the zone, with their offset."""
    zone = ZoneInfo(schedule.zone)
    found = islice(due_times(schedule, utc(after)), number)
    return [moment.astimezone(zone).isoformat(timespec="minutes") for moment in found]


def cron(text: str, zone: str = BERLIN, **more: object) -> Schedule:
    return Schedule(cron=text, zone=zone, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("zone", "hour", "after", "expected"),
    [
        # Skipped: 02:00 to 03:00 on 29 March 2026, at the gap's end on that day only.
        (BERLIN, "30 2", "2026-03-27T12:00", ["03-28T02:30+01:00", "03-29T03:00+02:00", "03-30T02:30+02:00"]),
        # Shown twice: 02:00 to 03:00 on 25 October 2026.
        (BERLIN, "30 2", "2026-10-23T12:00", ["10-24T02:30+02:00", "10-25T02:30+02:00", "10-26T02:30+01:00"]),
        (
            NEW_YORK,
            "15 2",
            "2026-03-07T00:00",
            ["03-07T02:15-05:00", "03-08T03:00-04:00", "03-09T02:15-04:00"],
        ),
        (
            NEW_YORK,
            "45 1",
            "2026-10-31T00:00",
            ["10-31T01:45-04:00", "11-01T01:45-04:00", "11-02T01:45-05:00"],
        ),
        # Half an hour: 02:00 to 02:30 on 4 October 2026, 01:30 to 02:00 on 5 April 2026.
        (
            LORD_HOWE,
            "10 2",
            "2026-10-02T16:00",
            ["10-04T02:30+11:00", "10-05T02:10+11:00", "10-06T02:10+11:00"],
        ),
        (
            LORD_HOWE,
            "45 1",
            "2026-04-03T00:00",
            ["04-04T01:45+11:00", "04-05T01:45+11:00", "04-06T01:45+10:30"],
        ),
        (
            LORD_HOWE,
            "35 2",
            "2026-10-02T18:00",
            ["10-04T02:35+11:00", "10-05T02:35+11:00", "10-06T02:35+11:00"],
        ),
    ],
)
def test_a_fixed_hour(zone: str, hour: str, after: str, expected: list[str]) -> None:
    assert due(cron(f"{hour} * * *", zone), after, 3) == [f"2026-{text}" for text in expected]
    minute, at = hour.split()
    start = datetime(2026, 1, 1, int(at), int(minute))
    daily = Schedule(every=1, unit=Unit.DAYS, start=start, zone=zone)
    assert due(daily, after, 3) == [f"2026-{text}" for text in expected]


def test_two_clock_times_in_one_gap_are_due_once() -> None:
    assert due(cron("0,30 2 * * *"), "2026-03-28T20:00", 2) == [
        "2026-03-29T03:00+02:00",
        "2026-03-30T02:00+02:00",
    ]
    assert due(cron("30 2,3 * * *"), "2026-03-28T20:00", 2) == [
        "2026-03-29T03:00+02:00",
        "2026-03-29T03:30+02:00",
    ]


@pytest.mark.parametrize(
    ("text", "zone", "after", "expected"),
    [
        ("0 * * * *", BERLIN, "2026-03-28T23:30", ["01:00+01:00", "03:00+02:00", "04:00+02:00"]),
        ("0 * * * *", BERLIN, "2026-10-24T23:30", ["02:00+02:00", "02:00+01:00", "03:00+01:00"]),
        ("*/30 * * * *", BERLIN, "2026-10-25T00:10", ["02:30+02:00", "02:00+01:00", "02:30+01:00"]),
        ("15 * * * *", LORD_HOWE, "2026-10-03T14:30", ["01:15+10:30", "03:15+11:00", "04:15+11:00"]),
        ("45 * * * *", LORD_HOWE, "2026-04-04T14:00", ["01:45+11:00", "01:45+10:30", "02:45+10:30"]),
        ("@hourly", NEW_YORK, "2026-11-01T04:30", ["01:00-04:00", "01:00-05:00", "02:00-05:00"]),
    ],
)
def test_wildcard_hours_follow_elapsed_time(text: str, zone: str, after: str, expected: list[str]) -> None:
    assert [moment[11:] for moment in due(cron(text, zone), after, 3)] == expected


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, LORD_HOWE])
@pytest.mark.parametrize(
    "after", ["2026-03-07T00:00", "2026-03-28T00:00", "2026-10-24T00:00", "2026-10-31T00:00"]
)
def test_every_n_hours_is_elapsed_time(zone: str, after: str) -> None:
    start = datetime(2026, 1, 1, 0, 30)
    schedule = Schedule(every=5, unit=Unit.HOURS, start=start, zone=zone)
    moments = list(islice(due_times(schedule, utc(after)), 20))
    assert moments[0] > utc(after)
    assert {b - a for a, b in pairwise(moments)} == {timedelta(hours=5)}
    assert (moments[0] - instant(start, ZoneInfo(zone))) % timedelta(hours=5) == timedelta()


def test_month_ends() -> None:
    start = datetime(2026, 1, 31, 4, 0)
    monthly = Schedule(every=1, unit=Unit.MONTHS, start=start)
    assert [m[:10] for m in due(monthly, "2026-01-01T00:00", 5)] == [
        "2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31",
    ]  # fmt: skip
    assert due(monthly, "2027-12-31T04:00", 2) == ["2028-01-31T04:00+00:00", "2028-02-29T04:00+00:00"]
    weekly = Schedule(every=2, unit=Unit.WEEKS, start=start)
    assert due(weekly, "2026-02-01T00:00", 1) == ["2026-02-14T04:00+00:00"]


def test_a_day_that_never_was() -> None:
    """Samoa went from 29 to 31 December 2011."""
    found = due(cron("0 12 * * *", "Pacific/Apia"), "2011-12-29T00:00", 3)
    assert found == ["2011-12-29T12:00-10:00", "2011-12-31T00:00+14:00", "2011-12-31T12:00+14:00"]


def test_start_end_and_count() -> None:
    start, until = datetime(2026, 1, 5, 4), datetime(2026, 1, 7, 4)
    some = cron("0 4 * * *", "UTC", start=start, until=until)
    assert [m[:10] for m in due(some, "2025-01-01T00:00", 9)] == ["2026-01-05", "2026-01-06", "2026-01-07"]
    three = cron("0 4 * * *", "UTC", runs=3)
    assert next_due(three, utc("2026-01-01T00:00"), 2) == utc("2026-01-01T04:00")
    assert next_due(three, utc("2026-01-01T00:00"), 3) is None
    assert next_due(cron("0 4 * * *", paused=True), utc("2026-01-01T00:00"), 0) is None
    assert next_due(some, utc("2026-01-07T04:00"), 0) is None


def test_the_calendar_ends() -> None:
    assert list(due_times(cron("0 0 1 1 *", "UTC"), utc("9998-06-01T00:00"))) == [utc("9999-01-01T00:00")]


@pytest.mark.parametrize(
    "wrong",
    [
        {}, {"cron": "0 4 * * *", "every": 1}, {"every": 0, "unit": Unit.DAYS}, {"every": 1},
        {"every": 1, "unit": Unit.DAYS}, {"cron": "0 4 * *"}, {"cron": "0 0 4 * * *"}, {"cron": "61 4 * * *"},
        {"cron": "R 4 * * *"}, {"cron": "0 0 31 2 *"}, {"cron": ""}, {"cron": "@never"},
        {"cron": "0 4 * * *", "zone": "Europe/Nowhere"}, {"cron": "0 4 * * *", "zone": "../etc/passwd"},
        {"cron": "0 4 * * *", "runs": 0}, {"cron": "0 4 * * *", "unit": Unit.DAYS},
        {"cron": "0 4 * * *", "start": utc("2026-01-01T00:00")},
    ],
)  # fmt: skip
def test_what_is_no_schedule(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidValue):
        Schedule(**wrong)  # type: ignore[arg-type]


@given(
    st.sampled_from(["30 2 * * *", "0 */3 * * *", "*/20 1-3 * * *", "5 * * * *", "15 2 * * 0", "45 1 1 * *"]),
    st.sampled_from([BERLIN, NEW_YORK, LORD_HOWE, "Pacific/Apia", "Asia/Kolkata", "UTC"]),
    st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)),
)
@settings(max_examples=200, deadline=None)
def test_asking_again_from_any_point_gives_the_same(text: str, zone: str, after: datetime) -> None:
    """Each due time once, in order, whenever one asks."""
    schedule, moment = cron(text, zone), after.replace(tzinfo=UTC)
    found = list(islice(due_times(schedule, moment), 12))
    assert found == sorted(set(found))
    assert found[0] > moment
    one_by_one = []
    for _ in found:
        following = next_due(schedule, moment, 0)
        assert following is not None
        one_by_one.append(following)
        moment = following
    assert one_by_one == found

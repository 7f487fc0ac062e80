import os
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.errors import InvalidValue
from tui.cli.times import span, start

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 28, 12, tzinfo=UTC)


def utc(*numbers):
    return datetime(*numbers, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-28T20:00", utc(2026, 3, 28, 19)),
        ("2026-03-28 20:00:30", utc(2026, 3, 28, 19, 0, 30)),
        ("2026-03-28T20:00Z", utc(2026, 3, 28, 20)),
        ("2026-03-28T20:00-05:00", utc(2026, 3, 29, 1)),
        ("14:00", utc(2026, 3, 28, 13)),
        ("12:59", utc(2026, 3, 29, 10, 59)),
        ("+90m", utc(2026, 3, 28, 13, 30)),
        ("+1h30m", utc(2026, 3, 28, 13, 30)),
        ("2026-03-29", utc(2026, 3, 28, 23)),
    ],
)
def test_forms(text, expected):
    assert start(text, NOW, BERLIN) == (expected, "")


def test_a_time_that_the_clocks_skip_becomes_the_end_of_the_gap():
    moment, words = start("2026-03-29T02:30", NOW, BERLIN)
    assert moment == utc(2026, 3, 29, 1)
    assert "skip 02:30" in words
    assert "03:00 is meant" in words
    assert start("02:30", NOW, BERLIN)[0] == utc(2026, 3, 29, 1)


def test_a_time_that_the_clocks_repeat_is_its_first_occurrence():
    moment, words = start("2026-10-25T02:30", NOW, BERLIN)
    assert moment == utc(2026, 10, 25, 0, 30)
    assert "first occurrence" in words


def test_gaps_of_other_lengths_and_at_midnight():
    assert start("2026-10-04T02:15", NOW, ZoneInfo("Australia/Lord_Howe"))[0] == utc(2026, 10, 3, 15, 30)
    cairo = start("2026-04-24T00:30", NOW, ZoneInfo("Africa/Cairo"))
    assert cairo[0] == utc(2026, 4, 23, 22)


def test_this_machines_own_zone_minds_gaps_too(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        assert start("2026-03-29T02:30", NOW)[0] == utc(2026, 3, 29, 1)
        assert start("2026-10-25T02:30", NOW)[0] == utc(2026, 10, 25, 0, 30)
        assert start("14:00", NOW)[0] == utc(2026, 3, 28, 13)
    finally:
        monkeypatch.undo()
        time.tzset()
        assert os.environ.get("TZ") != "Europe/Berlin"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-03-28T12:59", "in the past"),
        ("2020-01-01", "in the past"),
        ("25:00", "no time of day"),
        ("tomorrow", "no time"),
        ("+soon", "no span"),
        ("+99999999999d", "too"),
        ("9999-12-31T23:59", ""),
    ],
)
def test_what_makes_no_sense_is_refused_with_words(text, words):
    if not words:
        assert start(text, NOW, BERLIN)[0].year == 9999
        return
    with pytest.raises(InvalidValue, match=words):
        start(text, NOW, BERLIN)


def test_span():
    assert span("48h") == timedelta(hours=48)
    assert span("1.5h") == timedelta(minutes=90)
    assert span("1w2d") == timedelta(days=9)
    for text in ("", "x", "5", "h", "5y", "5h x"):
        with pytest.raises(InvalidValue):
            span(text)

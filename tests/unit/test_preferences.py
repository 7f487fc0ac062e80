from datetime import timedelta
from pathlib import Path

import pytest

from core import preferences
from core.engine.numbers import Numbers, configured
from core.engine_preferences import EnginePreferences, RetryPreferences
from core.errors import InvalidDefinition
from core.locations import Locations
from core.store import Backoff


def write(home, text):
    locations = Locations(home)
    locations.ensure()
    locations.preferences.write_text(text)
    return locations


def test_without_a_file_all_is_default(tmp_path):
    assert preferences.load(Locations(tmp_path / "none")) == preferences.Preferences()


def test_what_is_set_is_taken(tmp_path):
    found = preferences.load(write(tmp_path, 'ssh_host = "jump"\nkeep_tasks_days = 0\n'))
    assert (found.ssh_host, found.keep_tasks_days, found.keep_logs_days) == ("jump", 0, 14)


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ('ssh_hots = "x"', "ssh_hots is no setting", "ssh_host?"),
        ("keep_tasks_days = -1", "can't be negative", "0 keeps it"),
        ('keep_tasks_days = "x"', "keep_tasks_days: expected `int`, got `str`", ""),
        ('directory = "rel"', "not an absolute path", ""),
        ('ssh_host = "-oProxyCommand=x"', "not a host name", ""),
        ("connect_timeout = 0", "below 1 second", ""),
        ("x = ", "is no TOML", ""),
        ("look_seconds = 0", "must be between 0.1 and 60", ""),
        ("look_seconds = 5", "the latter not shorter", ""),
        ("look_seconds = nan", "must be between 0.1 and 60", ""),
        ("[engin]", "engin is no setting", "engine?"),
        ("[engine]\nleese_seconds = 1", "engine.leese_seconds is no setting", "lease_seconds?"),
        ("[engine]\nlease = 20", "engine.lease is no setting", "lease_seconds?"),
        ('[engine]\nlease_seconds = "15 s"', "engine.lease_seconds: expected `float`, got `str`", ""),
        ("[engine]\nlease_seconds = true", "engine.lease_seconds: expected `float`, got `bool`", ""),
        ("[engine]\nlease_seconds = 0.5", "engine.lease_seconds 0.5 is not between 1 and 3600", ""),
        ("[engine]\nlease_seconds = inf", "engine.lease_seconds inf is not between", ""),
        ("[engine]\nrenew_seconds = 8", "renew_seconds 8 is too long for a lease of 15 s", "twice as long"),
        ("[engine]\ndistrust_seconds = 14", "too long for a lease", "twice as long"),
        ("[engine]\nabort_grace_seconds = -1", "abort_grace_seconds -1 is not between 0 and 3600", ""),
        ("[engine]\nlog_mib = 1", "engine.log_mib 1 is not between 32 and 65536", ""),
        ("[retry]\nfactor = 0.5", "retry.factor 0.5 is not between 1 and 100", ""),
        ("[retry]\nfirst = 1", "retry.first is no setting", "first_seconds?"),
        ("[retry]\nfirst_seconds = 7200", "longest_minutes 30 is shorter than the first pause", "longer"),
    ],
)
def test_errors_name_the_file_and_the_key(tmp_path, text, words, hint):
    with pytest.raises(InvalidDefinition) as caught:
        preferences.load(write(tmp_path, text))
    assert str(tmp_path / "settings.toml") in caught.value.message
    assert words in caught.value.message
    assert hint in caught.value.hint


def test_the_engines_numbers_are_settings(tmp_path):
    found = configured(
        write(
            tmp_path,
            """
            keep_tasks_days = 0
            keep_logs_days = 3
            [engine]
            lease_seconds = 60
            renew_seconds = 10
            distrust_seconds = 4
            claim_seconds = 50
            abort_grace_seconds = 0
            idle_minutes = 0.5
            progress_seconds = 5
            log_mib = 64
            [retry]
            first_seconds = 1
            factor = 2
            longest_minutes = 1.5
            jitter_percent = 50
            """,
        )
    )
    assert (found.lease, found.renew, found.distrust, found.claim, found.grace) == (60, 10, 4, 50, 0)
    assert (found.idle, found.progress, found.log_bytes) == (30, 5, 64 << 20)
    assert (found.keep_tasks, found.keep_logs) == (None, timedelta(days=3))
    assert found.backoff == Backoff(first=1, factor=2, longest=90, jitter=0.5)


def test_the_defaults_of_the_settings_are_those_of_the_engine(tmp_path):
    assert configured(Locations(tmp_path)) == Numbers()


def test_what_the_engine_is_told_of_its_settings_stands_in_the_readme():
    text = (Path(__file__).parents[2] / "README.md").read_text()
    for table in (EnginePreferences, RetryPreferences):
        for key in table.__struct_fields__:
            assert f"{key} =" in text, key

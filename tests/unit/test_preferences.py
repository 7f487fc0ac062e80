import pytest

from core import preferences
from core.errors import InvalidDefinition
from core.locations import Locations


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
    ],
)
def test_errors_name_the_file_and_the_key(tmp_path, text, words, hint):
    with pytest.raises(InvalidDefinition) as caught:
        preferences.load(write(tmp_path, text))
    assert str(tmp_path / "settings.toml") in caught.value.message
    assert words in caught.value.message
    assert hint in caught.value.hint

import json
import tomllib

import pytest

from tui.plain import cut, json_text, pad, plain, plain_lines, width

HOSTILE = [
    "\x1b]0;title\x07", "\x1b]52;c;Y2FuYXJ5\x07", "\x1b[2J", "\x9b31m", "a\rb", "a\nb", "tab\t", "\x7f", "\x85",
    "\u202eevil", "\u2066x\u2069", "\u200e\u200f\u061c", "zero\u200bwidth", "\u2028\u2029", "\U000e0001", "\ufeff",
    "nul\x00", "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_a_terminal_acts_on_is_left(text):
    shown = plain(text)
    assert shown.isprintable()
    assert "\\u" in shown


@pytest.mark.parametrize(
    "text", ["plain", "Zoë 北京 👍", "a b", "[b][/][@click=x]", "no\u00a0break", "e\u0301"]
)
def test_what_is_harmless_stays(text):
    assert plain(text) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_json_reads_back_the_same(text):
    written = json_text({text: [text, 1, None]})
    assert json.loads(written) == {text: [text, 1, None]}
    assert all(line.isprintable() for line in written.split("\n"))


def test_toml_reads_back_the_same():
    import tomli_w

    tree = {"x": {"a": [text for text in HOSTILE if text not in ("\ud800", "\U000e0001")]}}
    assert tomllib.loads(plain_lines(tomli_w.dumps(tree))) == tree


def test_columns_are_counted_as_terminals_do():
    assert width("北京") == 4
    assert width("e\u0301") == 1
    assert pad("北京", 6) == "北京  "
    assert pad("7", 3, right=True) == "  7"
    assert cut("北京北京北京", 8) == "北京..."
    assert cut("short", 8) == "short"
    assert width(cut("x" * 100, 20)) == 20

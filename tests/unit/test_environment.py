"""Variables of the environment in definition files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidDefinition
from core.model.connection import Connection
from core.model.convert import definitions_from_toml, definitions_to_toml
from core.model.environment import escaped, resolved
from core.model.secret import CommandSecret
from core.model.settings import CsvSettings, Export, ExportSettings
from core.model.vocabulary import Mode

TEXT = """
[connection.c]
mode = "mysql"
host = "${DB_HOST:-localhost}"
port = "${DB_PORT}"
user = "app-${STAGE}"

[connection.c.secret]
kind = "command"
command = "pass show ${HOME}/db"

[export.secret]
connection = "c"
directory = "${ROOT}/exports"
objects = ["TABLE:${STAGE}_orders"]

[export.secret.csv]
null = "$${NULL}"
"""
ENVIRON = {"DB_PORT": "3307", "STAGE": "test", "ROOT": "/srv"}


def test_variables_are_resolved_in_texts_and_stand_for_numbers_too() -> None:
    found = definitions_from_toml(TEXT, "defs.toml", ENVIRON)
    (connection,), (export,) = found.connections, found.exports
    assert (connection.host, connection.port, connection.user) == ("localhost", 3307, "app-test")
    assert export.directory == "/srv/exports"
    assert export.settings.objects == ("TABLE:test_orders",)
    assert export.settings.csv.null == "${NULL}"


def test_the_command_that_prints_a_password_is_the_shells() -> None:
    (connection,) = definitions_from_toml(TEXT, "defs.toml", {**ENVIRON, "HOME": "/root"}).connections
    assert connection.secret == CommandSecret(command="pass show ${HOME}/db")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("${ROOT}", "${NOWHERE}", "export.secret.directory: variable NOWHERE isn't set"),
        ("${ROOT}", "${}", "export.secret.directory: ${ begins no variable"),
        ("${ROOT}", "${ROOT", "begins no variable"),
        ("${ROOT}", "${1A}", "begins no variable"),
        ("${STAGE}_orders", "${GONE}", "export.secret.objects[0]: variable GONE"),
        ("app-${STAGE}", "${DB_PASSWORD:-x}", "looks like a secret"),
        ("app-${STAGE}", "${API_TOKEN}", "looks like a secret"),
        ("app-${STAGE}", "${DB_PW}", "looks like a secret"),
        (
            '"command"\ncommand = "pass show ${HOME}/db"',
            '"env"\nvariable = "${STAGE}"',
            "has a variable in it",
        ),
        ('"${DB_PORT}"', '"${STAGE}"', "connection.c.port: expected `int | null`"),
    ],
)
def test_what_isnt_resolved(old: str, new: str, words: str) -> None:
    assert old in TEXT
    with pytest.raises(InvalidDefinition) as caught:
        definitions_from_toml(TEXT.replace(old, new, 1), "defs.toml", ENVIRON)
    assert str(caught.value).startswith("defs.toml: ")
    assert words in str(caught.value)


def test_the_working_directory_is_no_secret() -> None:
    assert resolved("${PWD}/out", {"PWD": "/here"}, "f") == "/here/out"


def test_without_variables_a_text_is_no_number() -> None:
    with pytest.raises(InvalidDefinition, match="got `str`"):
        definitions_from_toml('[connection.c]\nmode = "mysql"\nhost = "h"\nport = "1"\n', "f")


def test_what_is_stored_comes_back_as_it_is() -> None:
    connection = Connection(name="c", mode=Mode.MYSQL, host="h", user="${U}$${",
                            secret=CommandSecret(command="echo ${X}"))  # fmt: skip
    settings = ExportSettings(connection="c", objects=("${a}",), csv=CsvSettings(null="${}"))
    export = Export(name="e", directory="/out/${x", settings=settings)
    text = definitions_to_toml([connection], [export])
    found = definitions_from_toml(text, "f")
    assert (found.connections, found.exports) == ((connection,), (export,))


@given(
    st.recursive(st.text("${}aA:-"), lambda inner: st.lists(inner) | st.dictionaries(st.text("ab"), inner))
)
def test_escaping_is_undone(tree: object) -> None:
    assert resolved(escaped(tree), {}, "f") == tree

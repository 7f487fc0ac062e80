"""The rules of a connection's form, and what is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.model.connection import Connection, TlsSettings
from core.model.secret import CommandSecret, EnvironmentSecret, FileSecret
from core.model.vocabulary import Mode
from core.service.passwords import NewPassword
from tui.screens import connection_fields as rules

HERE = Path("/here")
SERVER = Connection(
    name="ob-prod",
    mode=Mode.OCEANBASE,
    host="db.example",
    port=2883,
    user="app@shop#main",
    database="shop",
    secret=EnvironmentSecret(variable="PW"),
    tls=TlsSettings(mode="verify-ca", ca="/etc/ca.pem"),
    connect_timeout=7,
    read_timeout=0,
    task_limit=2,
    session_limit=5,
)


def values(connection: Connection | None = None, **given: str) -> dict[str, str]:
    """A form as it stands, with every field in it."""
    start = rules.start(connection, 10)
    blank = {
        field.id: field.choices[0][0] if field.choices else ""
        for field in rules.fields(edits=connection is not None)
    }
    return {**blank, **start, **given}


def shown_wrong(found: dict[str, str]) -> dict[str, str]:
    wrong = rules.wrong(found, taken=("taken",))
    return {name: text for name, text in wrong.items() if name in rules.seen(found)}


@pytest.mark.parametrize(
    "connection",
    [
        SERVER,
        Connection(name="file", mode=Mode.SQLITE, path="/data/a.db"),
        Connection(
            name="sock", mode=Mode.MARIADB, unix_socket="/run/m.sock", user="u", tls=TlsSettings(mode="off")
        ),
        Connection(name="pg", mode=Mode.POSTGRESQL, host="h", port=5433, user="u", database="d", schema="s"),
        Connection(
            name="pg-here", mode=Mode.POSTGRESQL, unix_socket="/run/pg", port=5432, user="u", database="d"
        ),
    ],
)
def test_a_connection_comes_out_as_it_went_in(connection: Connection) -> None:
    form = values(connection)
    assert shown_wrong(form) == {}
    made = rules.connection_of(form, connection.name, HERE)
    assert made == Connection(**{
        name: getattr(connection, name) for name in Connection.__struct_fields__ if name != "secret"
    })  # fmt: skip


def test_what_is_needed_is_said_by_the_field() -> None:
    assert set(shown_wrong(values())) == {"name", "host", "user", "typed"}
    assert set(shown_wrong(values(mode="sqlite"))) == {"name", "path"}
    assert set(shown_wrong(values(mode="postgresql"))) == {"name", "host", "user", "database", "typed"}
    assert set(shown_wrong(values(way="socket"))) == {"name", "unix_socket", "user", "typed"}
    assert set(shown_wrong(values(password="env"))) == {"name", "host", "user", "variable"}
    assert set(shown_wrong(values(password="command"))) == {"name", "host", "user", "command"}
    assert set(shown_wrong(values(password="keyring"))) == {"name", "host", "user"}


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("name", " x", "can't name a connection"),
        ("name", "taken", "already"),
        ("port", "70000", "not between 1 and 65535"),
        ("port", "x", "no whole number"),
        ("port", "٣", "no whole number"),
        ("connect_timeout", "0", "must be positive"),
        ("connect_timeout", "", "needed"),
        ("read_timeout", "-1", "no whole number"),
        ("session_limit", "1", "Use 2 or more"),
        ("session_limit", "x", "no whole number"),
    ],
)
def test_each_rule_is_the_models_own(field: str, text: str, said: str) -> None:
    wrong = shown_wrong(values(SERVER, **{field: text}))
    assert list(wrong) == [field]
    assert said in wrong[field]
    assert "'x'" not in wrong[field] or text == "x"


def test_an_empty_port_is_the_usual_one() -> None:
    made = rules.connection_of(values(SERVER, port=""), "x", HERE)
    assert made.port == 2881


def test_paths_count_from_here() -> None:
    made = rules.connection_of(values(mode="sqlite", path="a.db"), "x", HERE)
    assert made.path == "/here/a.db"
    made = rules.connection_of(values(SERVER, ca="ca.pem"), "x", HERE)
    assert made.tls.ca == "/here/ca.pem"


def test_ways_of_a_password() -> None:
    assert rules.password_of(values(SERVER)) == EnvironmentSecret(variable="PW")
    assert rules.password_of(values(SERVER, password="command", command="pass x")) == CommandSecret(
        command="pass x"
    )
    typed = rules.password_of(values(SERVER, password="typed", typed="s3cret"))
    assert isinstance(typed, NewPassword)
    assert typed.text == "s3cret"
    assert "s3cret" not in repr(typed)
    kept = rules.password_of(values(SERVER, password="keyring", kept="s3cret"))
    assert isinstance(kept, NewPassword)
    assert kept.in_keyring
    assert rules.password_of(values(SERVER, password="none")) is None
    assert rules.password_of(values(SERVER, mode="sqlite", password="typed", typed="x")) is None


def test_a_kept_password_never_comes_into_the_form() -> None:
    form = rules.start(
        Connection(name="x", mode=Mode.MYSQL, host="h", user="u", secret=FileSecret(key="k")), 10
    )
    assert form["password"] == rules.KEEP
    assert "typed" not in form

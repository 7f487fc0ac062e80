"""Oracle's connections: URLs, options, the form, and what can't be."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import InvalidDefinition, InvalidValue
from core.model.connection import Connection
from core.model.convert import connection_from_tree
from core.model.oracle import OracleSettings
from core.model.trees import to_tree
from core.model.urls import connection_from_url
from core.model.vocabulary import Mode, ObjectPattern, ObjectType
from tui.screens import connection_fields as form

HERE = Path("/home/me")


def made(url: str, **given: object) -> Connection:
    return connection_from_url("o", url, HERE, **given)


@pytest.mark.parametrize(
    ("url", "expected", "place"),
    [
        (
            "oracle://hr@db.example/FREEPDB1?schema=HR",
            {"host": "db.example", "port": 1521, "database": "FREEPDB1", "schema": "HR"},
            "db.example:1521/FREEPDB1",
        ),
        (
            "oracle://hr@db:1599/?sid=ORCL",
            {"host": "db", "port": 1599, "oracle": OracleSettings(sid="ORCL")},
            "db:1599/ORCL",
        ),
        (
            "oracle://hr@/?tns=prod&config_dir=tns&wallet=/w&wallet_password_env=WP&thick=/opt/ic",
            {
                "oracle": OracleSettings(
                    tns="prod",
                    config_dir="/home/me/tns",
                    wallet="/w",
                    wallet_password_env="WP",
                    thick="/opt/ic",
                )
            },
            "prod",
        ),
    ],
)
def test_urls(url: str, expected: dict[str, object], place: str) -> None:
    connection = made(url)
    assert connection.mode is Mode.ORACLE
    assert {name: getattr(connection, name) for name in expected} == expected
    assert connection.place == place
    assert connection_from_tree("o", {k: v for k, v in to_tree(connection).items() if k != "name"}, "x") == (
        connection
    )


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("oracle://hr@db/", "service name .* or a SID"),
        ("oracle://hr@db/S?sid=T", "service name .* or a SID"),
        ("oracle://hr@/S", "host"),
        ("oracle://hr@db/S?tns=x", "leave these out"),
        ("oracle://hr@db/S?unix_socket=/s", "no parameter"),
        ("oracle://hr:secret@db/S", "password"),
        ("oracle://hr@db/S?wallet=/w&wallet_password_env=a%20b", "environment variable"),
        ("oracle://hr@db/S?wallet_password_env=A", "no wallet"),
        ("mysql://hr@db/S?thick=/x", "no parameter"),
    ],
)
def test_what_cannot_be(url: str, words: str) -> None:
    with pytest.raises(InvalidValue, match=words) as caught:
        made(url)
    assert "secret" not in str(caught.value)


def test_options_add_to_a_url() -> None:
    connection = made("oracle://hr@db/S?thick=/opt/ic", oracle=OracleSettings(wallet="/w"))
    assert connection.oracle == OracleSettings(wallet="/w", thick="/opt/ic")


def test_others_have_none_of_it() -> None:
    with pytest.raises(InvalidValue, match="for Oracle"):
        Connection(name="m", mode=Mode.MYSQL, host="h", user="u", oracle=OracleSettings(sid="x"))


def test_paths_of_definitions_are_absolute() -> None:
    with pytest.raises(InvalidDefinition, match="absolute"):
        connection_from_tree(
            "o",
            {"mode": "oracle", "host": "h", "user": "u", "database": "S", "oracle": {"thick": "ic"}},
            "x",
        )


@pytest.mark.parametrize(
    "url",
    [
        "oracle://hr@db/S?schema=HR&wallet=/w&wallet_password_env=WP",
        "oracle://hr@db/?sid=T&thick=/opt/ic",
        "oracle://hr@/?tns=prod&config_dir=/etc/tns",
    ],
)
def test_the_form_gives_back_what_it_was_given(url: str) -> None:
    connection = made(url)
    values = {field.id: "" for field in form.fields(edits=True)}
    values |= {"way": form.NETWORK} | form.start(connection, 10)
    assert not set(form.wrong(values)) & form.seen(values)
    again = form.connection_of(values, "o", HERE)
    # Without a host the port says nothing.
    assert again == connection


def test_the_form_asks_for_what_is_needed() -> None:
    values = {field.id: "" for field in form.fields(edits=False)}
    values |= {"way": form.NETWORK, "named": form.SERVICE, "password": form.NONE, "tls": "prefer"}
    values |= form.start(None, 10) | {"mode": "oracle", "wallet_password_env": "no name"}
    shown = form.seen(values)
    assert {"service", "host", "port", "schema", "wallet", "thick"} <= shown
    assert not {"way", "unix_socket", "database", "sid", "tns"} & shown
    assert {"service", "host", "user", "wallet_password_env"} <= set(form.wrong(values))
    values["named"] = form.TNS
    assert {"tns", "config_dir"} <= form.seen(values)
    assert not {"host", "port", "service"} & form.seen(values)


def test_types_of_two_words() -> None:
    for text in ("PACKAGE BODY:P", "package_body:P"):
        assert ObjectPattern.parse(text) == ObjectPattern(ObjectType.PACKAGE_BODY, "P")
    assert ObjectPattern.parse("my table:x") == ObjectPattern(None, "my table:x")

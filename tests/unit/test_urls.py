from pathlib import Path

import pytest

from core.errors import InvalidValue
from core.model.convert import definitions_from_toml, definitions_to_toml
from core.model.urls import connection_from_url
from core.model.vocabulary import Mode

HERE = Path("/srv/here")


def parse(url, **given):
    return connection_from_url("n", url, HERE, **given)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///shop.db", "/srv/here/shop.db"),
        ("sqlite:///../x/shop.db", "/srv/x/shop.db"),
        ("sqlite:////data/a%20b%3F.db", "/data/a b?.db"),
        ("SQLite:////data/x", "/data/x"),
    ],
)
def test_sqlite_paths_are_made_absolute(url, path):
    assert parse(url).path == path


def test_one_slash_too_few_is_forgiven_where_only_that_file_is_there(tmp_path):
    (tmp_path / "shop.db").touch()
    assert parse(f"sqlite://{tmp_path}/shop.db").path == str(tmp_path / "shop.db")


def test_servers():
    found = parse("oceanbase://user%40tenant%23cluster@host/db")
    assert (found.mode, found.user, found.host, found.port) == (
        Mode.OCEANBASE, "user@tenant#cluster", "host", 2881,
    )  # fmt: skip
    assert found.database == "db"
    assert parse("mysql://u@h").port == 3306
    assert parse("mariadb://u@[::1]:3307/").host == "::1"
    assert parse("mysql://u@h/a%2Fb").database == "a/b"


def test_a_socket_takes_the_place_of_host_and_port():
    found = parse("mariadb://root@localhost/db?unix_socket=run/x.sock")
    assert (found.unix_socket, found.host, found.port) == ("/srv/here/run/x.sock", None, None)


def test_tls_and_timeouts():
    found = parse(
        "mysql://u@h/?tls=verify-identity&tls_ca=ca.pem&tls_cert=/c&tls_key=/k&connect_timeout=3&read_timeout=0"
    )
    assert (found.tls.mode, found.tls.ca, found.tls.cert, found.tls.key) == (
        "verify-identity", "/srv/here/ca.pem", "/c", "/k",
    )  # fmt: skip
    assert (found.connect_timeout, found.read_timeout) == (3, 0)
    assert parse("mysql://u@h/?tls_ca=/ca").tls.mode == "verify-ca"


def test_limits():
    found = parse("mysql://u@h/d?task_limit=2&session_limit=5")
    assert (found.task_limit, found.session_limit) == (2, 5)
    assert definitions_from_toml(definitions_to_toml([found]), "x.toml").connections == (found,)
    assert [found.readers(most) for most in (1, 4, 5, 64)] == [1, 4, 4, 4]
    assert parse("mysql://u@h/d").readers(64) == 64
    with pytest.raises(InvalidValue, match="a file has no sessions"):
        parse("sqlite:///x", session_limit=5)


def test_what_is_given_beside_the_url_comes_first():
    assert parse("mysql://u@h/db", database="other").database == "other"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://u:canary@h/d", "has a password in it"),
        ("mysql://u:@h/d", "has a password in it"),
        ("mysql://u@h/d?password=canary", "has a password in it"),
        ("mysql://u@h:canary/d", "port is not a number"),
        ("mysql://u@h:99999/d", "port is not a number"),
        ("mysql://u@t#c@h/d", "has a # in it"),
        ("postgres://u@h/d", "no kind of connection"),
        ("shop.db", "no scheme"),
        ("sqlite://shop.db", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///x?y=1", "has no parameters"),
        ("mysql://u@h/a/b", "more than a database"),
        ("mysql://u@h/d?tlsca=1", "'tlsca' is no parameter"),
        ("mysql://u@h/d?connect_timeout=soon", "no number of seconds"),
        ("mysql://u@h/d?session_limit=few", "no number of sessions"),
        ("mysql://u@h/d?session_limit=1", "at most 1 sessions at once can't be"),
        ("mysql://u@h/d?tls=a&tls=b", "needs one value"),
        ("mysql://u@h/d?tls=requre", "none of off, prefer, require"),
        ("mysql://h/d", "needs a user"),
        ("mysql://u@/d", "needs a host"),
    ],
)
def test_what_makes_no_sense_is_refused_without_a_password_in_the_words(url, words):
    with pytest.raises(InvalidValue) as caught:
        parse(url)
    assert words in caught.value.message
    assert "canary" not in str(caught.value)


def test_the_nearest_parameter_is_named():
    with pytest.raises(InvalidValue) as caught:
        parse("mysql://u@h/d?tlsca=1")
    assert caught.value.hint == "Did you mean tls_ca?"


def test_postgresql_has_a_database_a_schema_and_the_directory_of_a_socket():
    found = parse("postgresql://u@h/d?schema=s")
    assert (found.host, found.port, found.database, found.schema) == ("h", 5432, "d", "s")
    found = parse("postgresql://u@/d?host=/run/pg")
    assert (found.unix_socket, found.host, found.port) == ("/run/pg", None, None)
    assert parse("postgresql://u@:5433/d?host=/run/pg").port == 5433
    with pytest.raises(InvalidValue, match="needs a database"):
        parse("postgresql://u@h/")

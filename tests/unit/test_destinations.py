"""How places are written, and what a destination may be."""

from __future__ import annotations

import msgspec
import pytest

from core.errors import InvalidValue
from core.model.destination import Destination, Place, below, of_place, parts_of, place_of, resolved

LAKE = Destination(name="lake", url="s3://bucket/prefix")
VAULT = Destination(name="vault", url="/data/vault")
KNOWN = {"lake": LAKE, "vault": VAULT}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("/data/out", Place("", "", "/data/out")),
        ("lake:", Place("lake", "", "")),
        ("lake:a/b c", Place("lake", "", "a/b c")),
        ("s3://bucket/a%20b/c", Place("", "s3://bucket/", "a b/c")),
        ("s3://bucket", Place("", "s3://bucket/", "")),
        ("sftp://me@host:2222/~/out", Place("", "sftp://me@host:2222/", "~/out")),
    ],
)
def test_places(text: str, place: Place) -> None:
    assert place_of(text) == place
    assert place.local is text.startswith("/")


@pytest.mark.parametrize(
    "text",
    ["out", "", "lake:a/../b", "lake:a//b", "s3://bucket/../x", "connection:shop", "mysql://me@host/x", "lake",
     "s3://bucket/a?b", "s3://bucket/a#b", "ftp://me:geheim@host/x", "ftp://host:99999/x", "lake:a\0b"],
)  # fmt: skip
def test_what_is_no_place_is_refused_without_a_password_in_the_words(text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        place_of(text)
    assert "geheim" not in str(caught.value)


def test_names_are_encoded_below_a_url_only() -> None:
    assert below("/data", "a?b") == "/data/a?b"
    assert below("lake:", "a?b", "c") == "lake:a?b/c"
    assert below("lake:x", "a%") == "lake:x/a%"
    assert below("s3://bucket", "a?b", "50%") == "s3://bucket/a%3Fb/50%25"
    assert place_of(below("s3://bucket/", "a?b", "50%")).path == "a?b/50%"


def test_a_place_below_a_local_destination_is_a_path() -> None:
    assert resolved("vault:a/b", KNOWN) == "/data/vault/a/b"
    assert resolved("vault:", KNOWN) == "/data/vault"
    assert resolved("lake:a", KNOWN) == "lake:a"
    assert of_place("lake:a", KNOWN) == (LAKE, "a")
    assert of_place("ftp://host/a/b", {}) == (Destination(name="", url="ftp://host/"), "a/b")
    with pytest.raises(KeyError):
        resolved("nowhere:a", KNOWN)


def test_an_address() -> None:
    assert parts_of("sftp://a%40b@[::1]:22/x%20y/") == ("sftp", "a@b", "::1", 22, "x y")
    assert parts_of("s3://Bucket.Name/x").host == "Bucket.Name"


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "a:b"}, {"name": "-a"}, {"name": "connection"}, {"url": "out"}, {"url": "file:///data"},
        {"url": "sftp:///x"}, {"url": "s3:///x"}, {"url": "s3://key@bucket"}, {"options": {"endpoit": "x"}},
        {"options": {"endpoint": "localhost:9000"}, }, {"options": {"endpoint": "http://me:pw@host"}},
        {"options": {"anonymous": "maybe"}}, {"options": {"timeout": "soon"}}, {"options": {"ca": "ca.pem"}},
        {"url": "/data", "options": {"timeout": "3"}},
    ],
)  # fmt: skip
def test_what_is_no_destination_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(InvalidValue):
        Destination(**({"name": "lake", "url": "s3://bucket/prefix"} | fields))  # type: ignore[arg-type]


def test_json_gives_back_the_same() -> None:
    made = Destination(name="x", url="gs://bucket/x", options={"token": "google_default"})
    assert msgspec.json.decode(msgspec.json.encode(made), type=Destination) == made
    assert (made.scheme, made.local, VAULT.scheme, VAULT.local) == ("gs", False, "file", True)

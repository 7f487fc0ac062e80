"""Where parts are read: what settings, connections and destinations say, and who wins."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.errors import InvalidValue, UsageError
from core.locations import Locations
from core.model.cluster import scheduler_of, with_defaults, words_of
from core.model.connection import Connection
from core.model.convert import definitions_from_toml, definitions_to_toml
from core.model.destination import Destination
from core.model.file_settings import FileSettings
from core.model.into import Into
from core.model.settings import Export, ExportSettings
from core.model.urls import connection_from_url
from core.model.vocabulary import Content, Engine, Mode
from core.store.store import Store
from core.store.task_queries import NewTask

HERE, THERE, ELSEWHERE = "tcp://here:8786", "tls://there:8786", "ws://[fe80::1]:8786"
MANY = FileSettings(single=False)


def settings(**more: object) -> ExportSettings:
    return ExportSettings(**{"connection": "shop", "objects": ("t",), "files": MANY, **more})  # type: ignore[arg-type]


def connection(**more: object) -> Connection:
    return Connection(name="shop", mode=Mode.MYSQL, host="db", user="me", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("address", [HERE, THERE, ELSEWHERE, "ucx://10.0.0.1:8786", "tcp://scheduler"])
def test_addresses_are_as_dask_writes_them(address):
    assert settings(dask_scheduler=address).dask_scheduler == address


@pytest.mark.parametrize(
    "address", ["", "here:8786", "http://here:8787", "tcp://", "tcp://me:secret@here:1", "tcp://here:99999",
                "tcp://here:0", "tcp://a b:1", "tcp://here:8786/x"],
)  # fmt: skip
def test_what_is_no_address_is_refused(address):
    for build in (settings, connection, lambda **m: Destination(name="lake", url="/lake", **m)):
        with pytest.raises(InvalidValue, match="no address of a Dask scheduler"):
            build(dask_scheduler=address)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"files": FileSettings()}, "single file.*--many-files"),
        ({"files": FileSettings(max_records=5)}, "single file"),
        ({"content": Content.SCHEMA}, "schema only"),
        ({"files": FileSettings(), "into": Into(connection="other")}, "another database"),
    ],
)
def test_what_a_cluster_cant_do_is_refused_at_once(more, words):
    with pytest.raises(UsageError) as raised:
        settings(engine=Engine.DASK, **more)
    assert re.search(words, str(raised.value))


@pytest.mark.parametrize(
    ("own", "destination", "connected", "wanted"),
    [
        ((None, None), (None, None), (None, None), (None, None)),
        ((None, None), (None, None), (Engine.DASK, HERE), (Engine.DASK, HERE)),
        ((None, None), (Engine.DASK, THERE), (Engine.DASK, HERE), (Engine.DASK, THERE)),
        ((None, None), (Engine.LOCAL, None), (Engine.DASK, HERE), (Engine.LOCAL, None)),
        ((Engine.LOCAL, None), (Engine.DASK, THERE), (Engine.DASK, HERE), (Engine.LOCAL, None)),
        ((Engine.DASK, None), (None, THERE), (None, HERE), (Engine.DASK, THERE)),
        ((Engine.DASK, ELSEWHERE), (None, THERE), (None, HERE), (Engine.DASK, ELSEWHERE)),
        ((None, ELSEWHERE), (Engine.DASK, THERE), (None, HERE), (Engine.DASK, ELSEWHERE)),
        ((None, None), (None, THERE), (None, HERE), (None, None)),
    ],
)
def test_who_says_it_first_wins(own, destination, connected, wanted):
    names = ("engine", "dask_scheduler")
    there = Destination(name="lake", url="/lake", **dict(zip(names, destination, strict=True)))
    where = connection(**dict(zip(names, connected, strict=True)))
    made = with_defaults(settings(**dict(zip(names, own, strict=True))), there, where)
    assert (made.engine, made.dask_scheduler) == wanted


def test_a_default_is_for_what_a_cluster_can_do():
    where = connection(engine=Engine.DASK, dask_scheduler=HERE)
    for one in (settings(files=FileSettings()), settings(content=Content.SCHEMA)):
        assert with_defaults(one, None, where) == one


def test_without_an_address_there_is_no_cluster():
    assert scheduler_of(settings()) is None
    assert scheduler_of(settings(engine=Engine.DASK, dask_scheduler=HERE)) == HERE
    with pytest.raises(UsageError, match="--dask-scheduler"):
        scheduler_of(settings(engine=Engine.DASK))


def test_a_file_here_is_read_here():
    for more in ({"engine": Engine.DASK}, {"dask_scheduler": HERE}):
        with pytest.raises(InvalidValue, match="read by this machine"):
            Connection(name="x", mode=Mode.SQLITE, path="/x.db", **more)


def test_words():
    assert words_of(Engine.DASK, HERE) == f"Dask, {HERE}"
    assert words_of(Engine.LOCAL, HERE) == "this machine"
    assert words_of(None, None) == ""
    assert HERE in words_of(None, HERE)


def test_definitions_and_urls_say_it():
    export = Export(name="nightly", directory="lake:", settings=settings(engine=Engine.DASK))
    there = Destination(name="lake", url="/lake", dask_scheduler=THERE)
    where = connection(engine=Engine.LOCAL, dask_scheduler=HERE)
    text = definitions_to_toml([where], [export], [there])
    assert 'engine = "dask"' in text
    found = definitions_from_toml(text, "x.toml")
    assert (found.connections, found.exports, found.destinations) == ((where,), (export,), (there,))
    url = "mysql://me@db:1/d?engine=dask&dask_scheduler=tcp://here:8786"
    made = connection_from_url("shop", url, Path("/"))
    assert (made.engine, made.dask_scheduler) == (Engine.DASK, HERE)


@pytest.mark.parametrize(("place", "wanted"), [("lake:out", THERE), ("/data/out", HERE)])
def test_a_task_has_what_was_said_when_it_was_made(tmp_path, place, wanted):
    with Store.open(Locations(tmp_path / "home")) as store:
        store.connections.add(connection(engine=Engine.DASK, dask_scheduler=HERE))
        store.destinations.add(Destination(name="lake", url="/lake", dask_scheduler=THERE))
        made = store.tasks.add(
            NewTask(name="x", settings=settings(), output=place, mode=Mode.MYSQL, owner="me")
        )
        store.connections.replace(connection(engine=Engine.LOCAL))
        kept = store.tasks.get(made.id).settings
        assert (kept.engine, kept.dask_scheduler) == (Engine.DASK, wanted)

"""The forms that say where parts are read: of a new export, a connection, a destination."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.model.connection import Connection
from core.model.destination import Destination
from core.model.file_settings import FileSettings
from core.model.secret import EnvironmentSecret
from core.model.settings import ExportSettings
from core.model.vocabulary import Content, Engine, Mode
from tests.servers.dask import DaskCluster
from tests.tui.harness import NOW, Home, application, running, screen_text, until
from tests.tui.test_wizard import new, typed
from tui.screens import connection_fields, destination_form
from tui.screens.wizard.draft import Draft
from tui.screens.wizard.fields import BY_ID
from tui.screens.wizard.filed import Filed
from tui.screens.wizard.filling import draft_of
from tui.screens.wizard.rules import Known, problems
from tui.screens.wizard.summary import facts
from tui.screens.wizard.work import command

VARIABLE = "OFFRAMP_TEST_DATABASE_PASSWORD"
ADDRESS = "tcp://scheduler:8786"
KNOWN = Known(now=NOW, opened=NOW, base="/out")
MANY = Draft(connection="c", patterns="t", filed=Filed(many=True, engine="dask", scheduler=ADDRESS))


@pytest.mark.parametrize(
    "more", [{}, {"engine": Engine.DASK, "dask_scheduler": ADDRESS}, {"engine": Engine.LOCAL}]
)
def test_the_form_stands_for_the_settings_that_it_was_filled_with(more):
    settings = ExportSettings(connection="c", objects=("t",), files=FileSettings(single=False), **more)
    assert draft_of(settings).settings() == settings


def test_only_parts_can_be_read_elsewhere():
    assert MANY.settings().engine is Engine.DASK
    assert BY_ID["engine"].shown(MANY, KNOWN)
    assert BY_ID["scheduler"].shown(MANY, KNOWN)
    usual = replace(MANY, filed=replace(MANY.filed, engine="", scheduler=""))
    assert not BY_ID["scheduler"].shown(usual, KNOWN)
    # What doesn't apply is left out, and comes back with what it is for.
    for other in (
        replace(MANY, filed=replace(MANY.filed, many=False)),
        replace(MANY, content=Content.SCHEMA),
        replace(MANY, directory="connection:target"),
    ):
        assert not BY_ID["engine"].shown(other, KNOWN)
        assert other.settings().engine is None
        assert problems(other, KNOWN) == {}
    edited = draft_of(MANY.settings())
    assert replace(edited, filed=replace(edited.filed, many=False)).settings().engine is None


def test_an_address_is_checked_at_its_field():
    wrong = problems(replace(MANY, filed=replace(MANY.filed, scheduler="scheduler:8786")), KNOWN)
    assert list(wrong) == ["scheduler"]
    assert "no address of a Dask scheduler" in wrong["scheduler"]


def test_it_is_told_in_words_and_as_a_command():
    assert dict(facts(MANY, KNOWN))["Read by"] == f"Dask, {ADDRESS}"
    assert f"--many-files --engine dask --dask-scheduler {ADDRESS}" in command(MANY, KNOWN)
    assert "Read by" not in dict(facts(Draft(connection="c", patterns="t"), KNOWN))


def test_forms_of_connections_and_destinations_keep_it():
    made = Connection(
        name="c", mode=Mode.MYSQL, host="h", user="u", engine=Engine.DASK, dask_scheduler=ADDRESS
    )
    values = dict.fromkeys((field.id for field in connection_fields.fields(edits=True)), "")
    values |= {"password": connection_fields.KEEP} | connection_fields.start(made, 10)
    assert connection_fields.seen(values) >= connection_fields.ENGINE_IDS
    assert connection_fields.connection_of(values, "c", Path("/")) == replace_port(made)
    wrong = connection_fields.wrong({**values, "dask_scheduler": "here"})
    assert "no address" in wrong["dask_scheduler"]
    place = Destination(name="lake", url="/lake", engine=Engine.LOCAL, dask_scheduler=ADDRESS)
    values = dict.fromkeys((field.id for field in destination_form.fields(edits=True)), "")
    values |= destination_form.start(place, edits=True)
    assert destination_form.destination_of(values, "lake") == place
    assert "dask_scheduler" in destination_form.wrong({**values, "dask_scheduler": "here"})


def replace_port(connection: Connection) -> Connection:
    from msgspec.structs import replace as changed

    return changed(connection, port=3306)


async def test_the_form_checks_the_cluster(home: Home, tmp_path, monkeypatch, postgresql):
    database = postgresql.new_database()
    postgresql.run("CREATE TABLE orders (id int PRIMARY KEY)", database=database)
    monkeypatch.setenv(VARIABLE, postgresql.password)
    home.store.connections.add(
        postgresql.connection("pg", database, secret=EnvironmentSecret(variable=VARIABLE), schema="public")
    )
    settings = ExportSettings(
        connection="pg", objects=("TABLE:orders",), content=Content.DATA, files=FileSettings(single=False)
    )
    app = application(home)
    with DaskCluster(tmp_path / "dask", 1, environment={VARIABLE: postgresql.password}) as cluster:
        async with running(app, (120, 40)) as pilot:
            wizard = await new(pilot, settings, name="orders", step="engine")
            assert not wizard.query_one("#row-scheduler").display
            await pilot.press("left")
            await until(pilot, lambda: wizard.query_one("#row-scheduler").display)
            await typed(pilot, wizard, "scheduler", "here")
            await until(pilot, lambda: "scheduler" in wizard.wrong)
            await typed(pilot, wizard, "scheduler", cluster.address)
            await until(pilot, lambda: not wizard.wrong)
            await pilot.press("f5")
            await until(pilot, lambda: wizard.is_checked, 30.0)
            shown = " ".join(screen_text(app).split())
            assert f"Dask, {cluster.address}" in shown
            assert (
                f"Dask cluster at {cluster.address}: 1 worker with 1 thread on 1 machine, 1 at once." in shown
            )

"""Each kind of database in turn: `subject` is an empty place in it, `table_of` reads one there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.oracle_subject import VARIABLE, OracleSubject
from tests.contract.subject import Subject
from tests.contract.subjects import MysqlFamilySubject, PostgresqlSubject, SqliteSubject

Make = Callable[[pytest.FixtureRequest], Subject]

SUBJECTS: dict[str, Make] = {
    "sqlite": lambda request: SqliteSubject(request.getfixturevalue("tmp_path")),
    "mariadb": lambda request: MysqlFamilySubject(request.getfixturevalue("mariadb")),
    "oceanbase": lambda request: MysqlFamilySubject(request.getfixturevalue("oceanbase")),
    "postgresql": lambda request: PostgresqlSubject(request.getfixturevalue("postgresql")),
    "oracle": OracleSubject,
}
MARKED = ("mariadb", "oceanbase", "postgresql", "oracle")


def _params(names: list[str]) -> list[object]:
    return [pytest.param(name, marks=_marks(name)) for name in names]


def _marks(name: str) -> list[pytest.MarkDecorator]:
    marks = [getattr(pytest.mark, name)] if name in MARKED else []
    if name == "oracle":
        marks.append(pytest.mark.skipif(VARIABLE not in os.environ, reason=f"needs a server by {VARIABLE}"))
    return marks


@pytest.fixture(params=_params(list(SUBJECTS)))
def subject(request: pytest.FixtureRequest) -> Subject:
    return SUBJECTS[request.param](request)


@pytest.fixture(params=_params([name for name in SUBJECTS if name != "sqlite"]))
def server(request: pytest.FixtureRequest) -> Subject:
    """Where there is a server with accounts."""
    return SUBJECTS[request.param](request)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out"

"""What a command loads: in fresh interpreters, since a test's own has loaded everything."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

DRIVERS = ("pymysql", "oracledb", "psycopg", "pyarrow", "numpy", "distributed", "dask")
FACE = ("textual", "rich")


def loaded(offramp, *args):
    program = (
        "import json, sys\n"
        "from tui.cli.main import main\n"
        "try:\n code = main(sys.argv[1:])\n"
        "except SystemExit as leaving:\n code = leaving.code\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        (sys.executable, "-P", "-c", program, *args),
        capture_output=True, cwd=offramp.directory, env=offramp.env, timeout=60, check=True,
    )  # fmt: skip
    return set(json.loads(done.stderr.decode().splitlines()[-1]))


@pytest.mark.parametrize(
    "args",
    [
        ("--help",), ("dump", "--help"), ("--version",), ("ls", "--json"), ("connection", "list"), (),
        ("export", "list"), ("completion", "bash"),
    ],
)  # fmt: skip
def test_neither_screens_nor_drivers_nor_migrations_are_loaded(offramp, args):
    offramp.quick("ls")
    found = loaded(offramp, *args)
    assert not found.intersection((*DRIVERS, *FACE, "alembic"))


@pytest.mark.parametrize("args", [("--help",), ("run", "--help"), ("--version",)])
def test_help_does_without_the_store(offramp, args):
    assert "sqlalchemy" not in loaded(offramp, *args)
    assert not offramp.home.exists()


def test_a_sqlite_connection_loads_no_other_driver(shop):
    found = loaded(shop, "connection", "test", "shop")
    assert "sqlite3" in found
    assert not found.intersection(("pymysql", "oracledb", "alembic", "distributed", "dask", *FACE))


def test_a_process_for_parts_loads_neither_store_nor_screens_nor_drivers():
    program = "import json, sys, core.pipeline.part_process; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run((sys.executable, "-P", "-c", program), capture_output=True, timeout=60, check=True)
    found = set(json.loads(done.stdout))
    assert not found.intersection(
        ("pymysql", "oracledb", "psycopg", "sqlalchemy", "alembic", "distributed", *FACE)
    )

"""The command line on a real server: a password that nobody but the worker's pipe sees."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest


def process_list():
    """Arguments and environment of every process that may be looked at."""
    texts = []
    for directory in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                texts.append((directory / name).read_bytes())
            except OSError:
                continue
    return b"\n".join(texts)


@pytest.mark.mariadb
def test_a_dump_with_a_password_from_the_secrets_file(offramp, mariadb):
    database = mariadb.new_database()
    canary = "cAnAry-pw-77"
    with mariadb.admin() as admin, admin.cursor() as cursor:
        cursor.execute(f"CREATE TABLE `{database}`.`odd name` (id INT PRIMARY KEY, t TEXT)")
        cursor.execute(f"INSERT INTO `{database}`.`odd name` VALUES (1, 'a'), (2, NULL), (3, '')")
        cursor.execute("DROP USER IF EXISTS reader@localhost")
        cursor.execute(f"CREATE USER reader@localhost IDENTIFIED BY '{canary}'")
        cursor.execute(f"GRANT SELECT, SHOW VIEW ON `{database}`.* TO reader@localhost")
        cursor.execute(
            f"CREATE VIEW `{database}`.slow AS SELECT id, SLEEP(1) AS s FROM `{database}`.`odd name`"
        )
        admin.commit()
    url = f"mariadb://reader@localhost/{database}?unix_socket={mariadb.socket}"
    offramp.quick("connection", "add", "m", url, "--password-stdin", stdin="wrong")
    refused = offramp("dump", "m", "--all", "--to", "out", code=1)
    assert "m" in refused.err
    assert "wrong" not in refused.err
    offramp.quick("connection", "add", "m", url, "--replace", "--password-stdin", stdin=canary)
    assert offramp.quick("connection", "test", "m", "--json").json["ok"]
    names = {o["name"] for o in offramp.quick("objects", "m", "--json").json["objects"]}
    assert names == {"odd name", "slow"}
    process = offramp.start("dump", "m", "odd name", "slow", "--to", "out")
    while process.poll() is None:
        assert canary.encode() not in process_list()
    out, err = process.communicate()
    assert process.returncode == 0, err
    rows = list(csv.reader((offramp.directory / "out/TABLE/odd name.csv").read_text().splitlines()))
    assert rows[0] == ["id", "t"]
    assert len(rows) == 4
    for path in (*offramp.home.rglob("*"), *(offramp.directory / "out").rglob("*")):
        if path.is_file() and path.name != "secrets.json":
            assert canary.encode() not in path.read_bytes(), path
    assert canary.encode() not in out + err

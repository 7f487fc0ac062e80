"""The sample shop: the same every time, whole or not at all."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from connectors.base import Credentials
from connectors.sources.sqlite import SqliteSource
from core import demo
from core.errors import Conflict, NotWritable
from core.model.vocabulary import Format, ObjectType


def content(path: Path) -> str:
    with closing(sqlite3.connect(path)) as shop:
        return "\n".join(shop.iterdump())


def test_the_same_every_time_and_within_three_seconds(tmp_path: Path) -> None:
    began = time.process_time()
    demo.make_shop(tmp_path / "one.db")
    assert time.process_time() - began < 3
    code = (
        "import sys; from pathlib import Path; from core.demo import make_shop; make_shop(Path(sys.argv[1]))"
    )
    root = Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "-P", "-c", code, str(tmp_path / "two.db")],
        check=True, cwd=root, env={"PYTHONPATH": str(root), "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"},
    )  # fmt: skip
    assert content(tmp_path / "one.db") == content(tmp_path / "two.db")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.db", "two.db"]


def test_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    demo.make_shop(path)
    assert path.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(path)) as shop:
        assert shop.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert shop.execute("PRAGMA foreign_key_check").fetchall() == []
        assert shop.execute("SELECT count(*) FROM turnover").fetchone()[0] > 100
        with shop:
            shop.execute("UPDATE orders SET status = 'returned' WHERE id = 1")
        assert (
            shop.execute("SELECT old, new FROM status_log WHERE order_id = 1").fetchall()[-1][1] == "returned"
        )
    with SqliteSource(demo.demo_connection(path), Credentials()).connect() as session:
        found = session.objects("main")
        rows = sum(info.rows or 0 for info in found if info.ref.type is ObjectType.TABLE)
        kinds = [info.ref.type for info in found]
    assert 190_000 < rows < 230_000
    assert [kinds.count(t) for t in (ObjectType.TABLE, ObjectType.VIEW, ObjectType.TRIGGER)] == [8, 1, 1]


def test_a_shop_of_this_version_is_kept_and_an_older_one_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "shop.db"
    demo.make_shop(path)
    with closing(sqlite3.connect(path)) as shop, shop:
        shop.execute("DELETE FROM status_log")
    demo.make_shop(path)
    with closing(sqlite3.connect(path)) as shop, shop:
        assert shop.execute("SELECT count(*) FROM status_log").fetchone() == (0,)
        shop.execute(f"PRAGMA user_version = {demo.VERSION - 1}")
    demo.make_shop(path)
    with closing(sqlite3.connect(path)) as shop:
        assert shop.execute("SELECT count(*) FROM status_log").fetchone() != (0,)


def test_nothing_foreign_is_touched(tmp_path: Path) -> None:
    database = tmp_path / "other.db"
    with closing(sqlite3.connect(database)) as other, other:
        other.execute("CREATE TABLE precious(a)")
    text = tmp_path / "text.db"
    text.write_text("words")
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "nowhere")
    for path in (database, text, link, tmp_path):
        with pytest.raises(Conflict, match="not Offramp's sample shop"):
            demo.make_shop(path)
    assert text.read_text() == "words"
    assert not (tmp_path / "nowhere").exists()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotWritable):
        demo.make_shop(tmp_path / "file" / "shop.db")


def test_nothing_is_left_of_an_interrupted_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "_fill", interrupted)
    with pytest.raises(KeyboardInterrupt):
        demo.make_shop(tmp_path / "shop.db")
    assert list(tmp_path.iterdir()) == []


def test_three_exports(tmp_path: Path) -> None:
    exports = demo.demo_exports(tmp_path)
    assert len({e.name for e in exports}) == 3
    assert {e.settings.format for e in exports} == {Format.CSV, Format.SQL}
    assert {e.settings.connection for e in exports} == {demo.demo_connection(tmp_path / "shop.db").name}
    assert {e.directory for e in exports} == {str(tmp_path)}
    demo.make_shop(tmp_path / "shop.db")
    with SqliteSource(demo.demo_connection(tmp_path / "shop.db"), Credentials()).connect() as session:
        refs = [info.ref for info in session.objects("main")]
    for export in exports:
        for pattern in export.settings.patterns:
            assert any(pattern.matches(ref) for ref in refs), pattern

"""Names, values, definitions and files made by somebody who means harm: through the real command."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, Offramp
from tests.faults.conftest import Shop
from tests.faults.managers import until
from tests.needs import tool
from tests.tui.pseudoterminal import PseudoTerminal

ESC = "\x1b]0;title\x07\x1b[31m\x1b]52;c;aGk=\x07\x9b31m\u202egnp\u2028[b]x[/b]"
ASTRAL = "\U0001f9ea" * 64
NAMES = (
    "../x", "/etc/passwd", "..", ".", "a/b", "a\\b", "line\nbreak", "\r", "\t", "q\"'`q", "select", "-rf", "--", "*", "%2e%2e%2f",
    ASTRAL, "CON", "nul.txt", " ", ". ", "a;DROP TABLE victim--", "\u0301", "e\u0301", "é", "\ufeff", "\x7f", ESC, "x" * 300,
)  # fmt: skip


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@pytest.fixture
def hostile(offramp: Offramp) -> Offramp:
    """A connection to a database in which every table and column has a name of NAMES."""
    path = offramp.directory / "hostile.db"
    db = sqlite3.connect(path)
    for number, name in enumerate(NAMES):
        db.execute(f"CREATE TABLE {quoted(name)} ({quoted(name)} TEXT, {quoted(NAMES[number - 1])} TEXT)")
        db.execute(f"INSERT INTO {quoted(name)} VALUES (?, ?)", (name, f"={name}"))
    db.execute("CREATE TABLE victim (id INTEGER)")
    db.commit()
    db.close()
    offramp.quick("connection", "add", "hostile", f"sqlite:///{path}")
    return offramp


@pytest.mark.parametrize("form", ["csv", "sql"])
def test_hostile_names_stay_within_the_directory_and_come_back(hostile: Offramp, form: str) -> None:
    out = hostile.directory / "deep/out"
    before = {path for path in hostile.directory.rglob("*") if "home" not in path.parts}
    hostile("dump", "hostile", "--all", "--format", form, "--to", str(out))
    after = {path for path in hostile.directory.rglob("*") if "home" not in path.parts}
    assert all(path == out.parent or path.is_relative_to(out) for path in after - before)
    manifest = json.loads((out / "manifest.json").read_text())
    assert {item["name"] for item in manifest["objects"]} == {*NAMES, "victim"}
    assert hostile.quick("verify", "1", "--against-source", "--json").json["verify"]["ok"]
    assert not [path for path in out.rglob("*") if not str(path).isprintable()]
    if form == "sql":
        copy = hostile.directory / "copy.db"
        loaded = subprocess.run(
            (tool("sqlite3"), "-bail", str(copy)),
            stdin=(out / "load.sql").open(),
            cwd=out,
            capture_output=True,
            check=False,
        )
        assert loaded.returncode == 0, loaded.stderr
        db = sqlite3.connect(copy)
        for name in NAMES:
            assert db.execute(f"SELECT * FROM {quoted(name)}").fetchall() == [(name, f"={name}")]
        assert db.execute("SELECT count(*) FROM victim").fetchone() == (0,)
        db.close()


@pytest.mark.mariadb
def test_names_that_differ_by_case_alone(shop: Shop) -> None:
    shop.server.run(
        "CREATE TABLE Case_ (`Id` INT)",
        "CREATE TABLE case_ (id INT)",
        "INSERT INTO case_ VALUES (1)",
        database=shop.database,
    )
    shop.dump("shop", "TABLE:Case_", "TABLE:case_")
    names = [path.name.lower() for path in (shop.out / "TABLE").iterdir()]
    assert len(names) == len(set(names)) == 4
    assert shop.offramp.quick("verify", "1", "--against-source", "--json").json["verify"]["ok"]


# What goes to a terminal


def on_a_terminal(offramp: Offramp, *args: str) -> bytes:
    environment = {**offramp.env, "TERM": "xterm-256color"}
    terminal = PseudoTerminal(
        (*COMMAND, *args), environment=environment, directory=offramp.directory, size=(200, 50)
    )
    try:
        terminal.wait(60)
    finally:
        terminal.kill()
    return bytes(terminal.output)


def is_inert(said: bytes) -> bool:
    """Nothing but text, line ends and what draws the progress line."""
    text = said.replace(b"\r\x1b[K", b"").decode()
    return all(c.isprintable() or c in "\r\n" or c == "\u00a0" for c in text)


def test_names_and_errors_are_inert_on_a_terminal_and_exact_in_json(hostile: Offramp) -> None:
    connection = f"c{ESC}"
    refused = on_a_terminal(hostile, "connection", "show", connection)
    assert b"\\u001b" in refused or b"\\x1b" in refused
    seen = [refused, on_a_terminal(hostile, "objects", "hostile")]
    seen.append(
        on_a_terminal(hostile, "dump", "hostile", ESC.replace("*", "\\*"), "--to", "out", "--name", f"n{ESC}")
    )
    seen.append(on_a_terminal(hostile, "dump", "hostile", f"nothing{ESC}", "--to", "out2"))
    for command in (
        ("ls",),
        ("show", "1"),
        ("show", "2"),
        ("logs", "2"),
        ("ls", "--status", ESC),
        (f"--{ESC}",),
        ("show", "1", "--json"),
    ):
        seen.append(on_a_terminal(hostile, *command))
    for said in seen:
        assert is_inert(said), said
    # To a pipe words are written by the same calls, and many more of them can be asked for.
    for command in (("show", ESC), ("run", ESC), ("export", "show", ESC), ("wait", "1", "--timeout", ESC), (ESC,), ("verify", f"./{ESC}"),
                    ("download", "1", "--to", f"dir{ESC}"), ("export", "apply", ESC), ("objects", f"hostile{ESC}"), ("verify", "1")):  # fmt: skip
        result = hostile.quick(*command, code=None)
        assert is_inert((result.out + result.err).encode()), command
    listed = hostile.quick("ls", "--json").json["tasks"]
    assert f"n{ESC}" in [task["name"] for task in listed]
    assert set(NAMES) < {
        item["name"] for item in hostile.quick("objects", "hostile", "--json").json["objects"]
    }
    # Not only as JSON reads it: nobody's terminal acts on the document itself, either.
    assert is_inert(hostile.quick("ls", "--json").out.encode())
    # A log that goes to a file or a pipe is as it is, and inert since it was written.
    log = hostile.quick("logs", "1").out
    assert is_inert(log.encode())


# Definitions


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = " + "[" * 20_000, "nested too deeply"),
        ("[export.x]\nobjects = " + "{a=" * 3_000 + "1" + "}" * 3_000, "nested too deeply"),
        ("[export.x]\n" + "a." * 5_000 + "b = 1", "export.x"),
        ("[connection.x]\n" + "tls." * 5_000 + "b = 1", "connection.x"),
        ("".join(f"[export.e{n}]\nconnection = 'c'\n" for n in range(5_000)), "export.e0"),
        ("[export.x]\nconnection = 1\n", "export.x"),
        ("[export.x]\nconnection = 'c'\nconnection = 'd'\n", "Cannot overwrite"),
        ("[export.x]\ndirectory = '/tmp'\nconection = 'c'\n", "conection"),
        ("[export.'../../x']\nconnection = 'hostile'\ndirectory = '/tmp'\nall_objects = true\n", "../../x"),
        (f"[export.{json.dumps('a' + chr(0x7F))}]\nconnection = 'hostile'\ndirectory = '/tmp'\nall_objects = true\n", "\\u007f"),
        ("[export.x]\nconnection = 'hostile'\ndirectory = '../x'\nall_objects = true\n", "no place for files"),
        ("[connection.x]\nmode = 'sqlite'\npath = 'relative.db'\n", "path"),
        ("[connection.x]\nmode = 'sqlite'\npath = \"/a\\u0000b\"\n", "NUL"),
        ("export = 1\n", "export"),
        ("connection = []\n", "connection"),
        ("\x00", "no TOML"),
    ],
    ids=range(16),
)  # fmt: skip
def test_hostile_definitions_are_refused_in_words(hostile: Offramp, text: str, words: str) -> None:
    (hostile.directory / "d.toml").write_text(text)
    refused = hostile.quick("export", "apply", "d.toml", "--yes", code=2)
    assert words in refused.err
    assert len(refused.err) < 5_000, "the file isn't given back"
    assert hostile.quick("export", "list", "--json").json["exports"] == []


def test_definitions_that_are_no_text_or_no_file(hostile: Offramp) -> None:
    (hostile.directory / "binary.toml").write_bytes(b"\xff\xfe\x00")
    for name in ("binary.toml", "absent.toml", "."):
        refused = hostile.quick("export", "apply", name, code=None)
        assert refused.code in (1, 2, 3)
        assert name in refused.err
    (hostile.home / "settings.toml").write_text("a = " + "[" * 20_000)
    assert "nested too deeply" in hostile("show", "1", code=None).err + hostile("doctor", code=1).out


# What was published, changed by somebody else


def tamper(manifest: Path, path: str) -> None:
    tree = json.loads(manifest.read_text())
    next(entry for entry in tree["files"] if entry["kind"] == "data")["path"] = path
    manifest.write_text(json.dumps(tree))


ELSEWHERE = (
    "../outside.txt",
    "/etc/passwd",
    "a/../../outside.txt",
    "link",
    "linked/outside.txt",
    "",
    ".",
    "TABLE",
    "a\0b",
)


def test_a_manifest_that_points_elsewhere_leads_nowhere(hostile: Offramp) -> None:
    out = hostile.directory / "o/out"
    outside = hostile.directory / "o/outside.txt"
    hostile.quick("dump", "hostile", "TABLE:victim", "--to", str(out))
    outside.write_text("a secret of somebody")
    (out / "link").symlink_to(outside)
    (out / "linked").symlink_to(out.parent)
    for path in ELSEWHERE:
        tamper(out / "manifest.json", path)
        for target in ("1", str(out)):
            assert not hostile.quick("verify", target, "--json", code=1).json["verify"]["ok"], path
        for to in ("copy", "copy.tar", "copy.tar.gz"):
            hostile.quick("download", "1", "--to", to, code=1)
            assert not (hostile.directory / to).exists(), path
    streamed = hostile("download", "1", "--to", "-", code=1)
    assert "a secret of somebody" not in streamed.out
    assert outside.read_text() == "a secret of somebody"


def test_a_manifest_that_is_none(hostile: Offramp) -> None:
    out = hostile.directory / "out"
    hostile.quick("dump", "hostile", "TABLE:victim", "--to", str(out))
    for text in ('{"settings":' + '{"a":' * 100_000, "[" * 100_000, "[]", '{"format": 99}', "\xff", ""):
        (out / "manifest.json").write_text(text, encoding="latin-1")
        for command in (
            ("verify", "1"),
            ("verify", "1", "--against-source"),
            ("download", "1", "--to", "copy"),
        ):
            assert "manifest" in hostile.quick(*command, code=1).err
        assert not (hostile.directory / "copy").exists()


def test_retry_after_somebody_changed_what_was_published(offramp: Offramp) -> None:
    """Two of three objects are there, the third fails; then the manifest points out of the directory, or a link
    stands where a file was: Retry neither reads nor writes behind it."""
    path = offramp.directory / "a.db"
    db = sqlite3.connect(path)
    db.executescript(
        "CREATE TABLE one (x); INSERT INTO one VALUES (1); CREATE VIEW bad AS SELECT * FROM absent;"
    )
    db.close()
    offramp.quick("connection", "add", "c", f"sqlite:///{path}")
    outside = offramp.directory / "outside"
    outside.mkdir()
    for number, spoil in enumerate(("manifest", "file", "directory"), 1):
        out = offramp.directory / f"out{number}"
        offramp.quick(
            "dump",
            "c",
            "TABLE:one",
            "VIEW:bad",
            "--content",
            "data",
            "--on-error",
            "continue",
            "--to",
            str(out),
            code=1,
        )
        data = next((out / "TABLE").glob("*.csv"))
        victim = outside / data.name
        victim.write_text("precious")
        if spoil == "manifest":
            tamper(out / "manifest.json", f"../outside/{data.name}")
        elif spoil == "file":
            data.unlink()
            data.symlink_to(victim)
        else:
            shutil.rmtree(out / "TABLE")
            (out / "TABLE").symlink_to(outside)
        offramp.quick("retry", str(number))
        offramp.quick("wait", str(number), code=1)
        assert victim.read_text() == "precious"
        assert [path.name for path in outside.iterdir()] == [data.name]


def test_deleting_a_task_does_not_leave_its_own_directory(hostile: Offramp) -> None:
    """The task's directory, what it left unfinished and the directory above it become links to something precious."""
    precious = hostile.directory / "precious"
    (precious / "out").mkdir(parents=True)
    (precious / "out/file").write_text("x")

    def remove(task: str) -> None:
        """Whether or not it can be: once its worker is gone."""
        until(lambda: "isn't gone yet" not in hostile.quick("rm", task, code=None).err)

    def intact() -> bool:
        return sorted(str(p.relative_to(precious)) for p in precious.rglob("*")) == ["out", "out/file"]

    hostile.quick("dump", "hostile", "TABLE:victim", "--to", "o/out")
    shutil.rmtree(hostile.directory / "o/out")
    (hostile.directory / "o/out").symlink_to(precious / "out")
    remove("1")
    assert intact()

    hostile.quick("dump", "hostile", "TABLE:victim", "--to", "p/out")
    shutil.rmtree(hostile.directory / "p")
    (hostile.directory / "p").symlink_to(precious)
    remove("2")
    assert intact()

    from core.locations import Locations
    from core.pipeline.place import token_of
    from core.store.store import Store

    hostile.quick("dump", "hostile", "TABLE:victim", "--to", "q/out")
    with Store.open(Locations(hostile.home)) as store:
        task = store.tasks.get(3)
    (hostile.directory / f"q/.partial-3-{token_of(task)}").symlink_to(precious)
    remove("3")
    assert intact()


# Cells


def test_cells_that_a_spreadsheet_would_calculate_are_exact_and_said(offramp: Offramp) -> None:
    cells = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")']
    path = offramp.directory / "a.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE t (x TEXT)")
    db.executemany("INSERT INTO t VALUES (?)", [(cell,) for cell in cells])
    db.commit()
    db.close()
    offramp.quick("connection", "add", "c", f"sqlite:///{path}")
    offramp("dump", "c", "t", "--to", "out")
    import csv

    with (offramp.directory / "out/TABLE/t.csv").open(newline="") as file:
        assert [row[0] for row in csv.reader(file)][1:] == cells


def test_the_interpreter_is_not_led_astray_by_where_one_stands(offramp: Offramp) -> None:
    """A folder `core` or a module `json.py` of somebody else's, in the directory where the command is given."""
    for name in ("core", "tui"):
        (offramp.directory / name).mkdir()
        (offramp.directory / name / "__init__.py").write_text("raise SystemExit('led astray')")
    (offramp.directory / "json.py").write_text("raise SystemExit('led astray')")
    database = offramp.database()
    offramp("connection", "add", "shop", f"sqlite:///{database}")
    offramp("dump", "shop", "orders", "--to", "out")

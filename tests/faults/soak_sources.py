"""What the soak exports: databases whose rows are known, settings by chance, and how results are compared."""

from __future__ import annotations

import csv
import io
import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from connectors.base import Credentials
from core.connectors import open_source
from core.model.connection import Connection
from core.model.file_settings import FileSettings
from core.model.settings import CSV_PRESETS, CsvSettings, ExportSettings, SchemaSettings
from core.model.vocabulary import Consistency, Content, Encoding, Format, Mode, OnError
from core.pipeline import cutting, plan
from core.pipeline.verify import verify, verify_against_source
from tests.faults.dying import ROWS_PER_PART
from tests.pipeline.conftest import tree
from tests.roundtrip.running import Export
from tests.servers.family import MysqlFamilyServer
from tests.servers.mariadb import MariadbServer
from tests.servers.oceanbase import OceanbaseServer

Row = tuple[int, str, str | None]

FILES = [
    FileSettings(),
    FileSettings(max_records=1000),
    FileSettings(max_size=30_000),
    FileSettings(single=False, parts=2),
    FileSettings(single=False, parts=3, max_records=700),
]

WORDS = [
    "",
    "plain",
    "comma, and more",
    'quo"te',
    "it's",
    "line\nbreak",
    "back\\slash",
    "ümlaut",
    "中文",
    "x" * 150,
]
SIZES = {"orders": 4000, "items": 1600, "few": 7, "none": 0}
CONSISTENCIES = [Consistency.OBJECT, Consistency.OBJECT, Consistency.TASK, Consistency.PART]
ENCODINGS = [Encoding.UTF_8, Encoding.UTF_8, Encoding.UTF_16, Encoding.GB18030]


@dataclass
class Known:
    """A database and what is in it. `references` are undisturbed exports, made when first asked for."""

    connection: Connection
    rows: dict[str, list[Row]]
    scratch: Path
    references: dict[bytes, dict[str, bytes]] = field(default_factory=dict)

    def reference(self, settings: ExportSettings) -> dict[str, bytes]:
        """The files of an undisturbed export. Raises AssertionError where that fails."""
        key = repr(settings).encode()
        if key not in self.references:
            values = {
                name: getattr(settings, name) for name in settings.__struct_fields__ if name != "connection"
            }
            source = open_source(self.connection, Credentials())
            before = plan.ROWS_PER_PART, cutting.ROWS_PER_FILE
            plan.ROWS_PER_PART = cutting.ROWS_PER_FILE = ROWS_PER_PART
            try:
                done = Export(source, self.scratch / str(len(self.references)), **values)
            finally:
                plan.ROWS_PER_PART, cutting.ROWS_PER_FILE = before
            assert done.error is None, done.error
            self.references[key] = tree(done.output, but={"manifest.json"})
        return self.references[key]


def make_rows(chance: random.Random, count: int) -> list[Row]:
    rows = []
    for number in range(1, count + 1):
        note = None if chance.random() < 0.1 else chance.choice(WORDS) + str(chance.randrange(10_000))
        rows.append((number, chance.choice(WORDS) * chance.randint(1, 4), note))
    return rows


@contextmanager
def open_source_named(name: str, directory: Path, seed: int) -> Iterator[Known]:
    """`sqlite`, `mariadb` or `oceanbase`, with tables in it; ended with the context."""
    with ExitStack() as stack:
        if name == "sqlite":
            yield sqlite_source(directory, seed)
            return
        server: MysqlFamilyServer = MariadbServer() if name == "mariadb" else OceanbaseServer()
        stack.callback(server.close)  # type: ignore[attr-defined]
        yield server_source(server, directory, seed)


def sqlite_source(directory: Path, seed: int) -> Known:
    path = directory / "shop.db"
    rows = {name: make_rows(random.Random(f"{seed}{name}"), count) for name, count in SIZES.items()}
    database = sqlite3.connect(path)
    for name, content in rows.items():
        database.execute(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, who TEXT NOT NULL, note TEXT)")
        database.executemany(f"INSERT INTO {name} VALUES (?, ?, ?)", content)
    database.execute("CREATE VIEW noted AS SELECT id, note FROM items WHERE note IS NOT NULL")
    database.commit()
    database.close()
    return Known(
        Connection(name="sqlite", mode=Mode.SQLITE, path=str(path)), rows, scratch(directory, "sqlite")
    )


def server_source(server: MysqlFamilyServer, directory: Path, seed: int) -> Known:
    database = server.new_database()
    rows = {name: make_rows(random.Random(f"{seed}{name}"), count) for name, count in SIZES.items()}
    connection = server.admin(database)
    with connection.cursor() as cursor:
        for name, content in rows.items():
            server._execute(
                cursor,
                f"CREATE TABLE {name} (id INT PRIMARY KEY, who VARCHAR(700) NOT NULL, note VARCHAR(200))",
            )
            for at in range(0, len(content), 500):
                cursor.executemany(f"INSERT INTO {name} VALUES (%s, %s, %s)", content[at : at + 500])
        server._execute(cursor, "CREATE VIEW noted AS SELECT id, note FROM items WHERE note IS NOT NULL")
    connection.close()
    made = Connection(
        name=server.product,
        mode=server.mode,
        unix_socket=server.socket,
        user=server.admin_user,
        database=database,
    )
    return Known(made, rows, scratch(directory, server.product))


def scratch(directory: Path, name: str) -> Path:
    path = directory / f"undisturbed-{name}"
    path.mkdir()
    return path


def choose_settings(chance: random.Random, known: Known) -> ExportSettings:
    format_ = chance.choice([Format.CSV, Format.SQL])
    content = chance.choice([Content.SCHEMA_AND_DATA, Content.SCHEMA_AND_DATA, Content.DATA, Content.SCHEMA])
    tables = chance.sample(sorted(known.rows), chance.randint(1, len(known.rows)))
    everything = chance.random() < 0.3
    # An export of nothing but rows takes no view: SQLite has no order for one, and parts need a key.
    return ExportSettings(
        connection=known.connection.name,
        content=content,
        all_objects=everything,
        objects=() if everything else tuple(f"TABLE:{name}" for name in tables),
        format=format_,
        encoding=chance.choice(ENCODINGS),
        files=chance.choice(FILES),
        csv=CSV_PRESETS[chance.choice(sorted(CSV_PRESETS))] if chance.random() < 0.5 else CsvSettings(),
        schema=SchemaSettings(merge=content is Content.SCHEMA and chance.random() < 0.5),
        consistency=chance.choice(CONSISTENCIES),
        on_error=chance.choice(list(OnError)),
        retry_limit=chance.choice([1, 3, 50]),
    )


def compare(known: Known, settings: ExportSettings, output: Path) -> list[str]:
    """What is wrong with a published directory, in words."""
    report = verify(output)
    problems = [f"{verdict.name}: {verdict.words}" for verdict in report.problems]
    if not report.complete:
        problems.append("the manifest says that it isn't complete")
    expected, found = known.reference(settings), tree(output, but={"manifest.json"})
    problems += [f"{path} is missing or surplus" for path in sorted(set(expected) ^ set(found))]
    for path in sorted(set(expected) & set(found)):
        if expected[path] != found[path]:
            problems.append(f"{path} differs from that of an undisturbed run")
        if path.startswith("TABLE/") and path.endswith(".csv") and not settings.files.several:
            problems += compare_csv(settings, found[path], path, known.rows[Path(path).stem])
    with open_source(known.connection, Credentials()).connect() as session:
        again = verify_against_source(output, session)
    return problems + [f"{verdict.name}: {verdict.words}" for verdict in again.problems]


def compare_csv(settings: ExportSettings, data: bytes, path: str, rows: Sequence[Row]) -> list[str]:
    """The rows as another reader finds them. What NULL is, the csv module doesn't tell from text."""
    codec = {Encoding.UTF_16: "utf-16", Encoding.GB18030: "gb18030"}.get(settings.encoding, "utf-8-sig")
    chosen = settings.csv
    reader = csv.reader(
        io.StringIO(data.decode(codec), newline=""), delimiter=chosen.separator, quotechar=chosen.quote
    )
    found = list(reader)

    def cell(value: object) -> str:
        if value is None:
            return chosen.null
        text = str(value)
        return text.replace("\\", "\\\\") if chosen.escape_backslash else text

    expected = [["id", "who", "note"], *[[cell(value) for value in row] for row in rows]]
    return [] if found == expected else [f"{path}: the csv module reads other rows than were put in"]

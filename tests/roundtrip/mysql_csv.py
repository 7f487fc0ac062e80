"""CSV into a table of a server of the MySQL family: by LOAD DATA, or from a reader written from RFC 4180."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from connectors.base import TableShape
from core.chunk import Kind
from tests.servers.family import MysqlFamilyServer
from tests.unit.formats.reading import NULL, read_csv


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def columns_of(server: MysqlFamilyServer, database: str, table: str) -> list[tuple[str, bool]]:
    """The columns of a table by name, and which are bytes."""
    from connectors.sources.mysql import MysqlSource
    from core.model.vocabulary import ObjectRef, ObjectType

    with MysqlSource(server.connection("shop", database), server.credentials()).connect() as session:
        shape: TableShape = session.describe(database, ObjectRef(ObjectType.TABLE, table))
    return [(column.name, column.kind is Kind.BINARY) for column in shape.columns]


def load_data(
    server: MysqlFamilyServer, database: str, table: str, path: Path, charset: str = "utf8mb4"
) -> None:
    """As the README says for --csv-for mysql."""
    listed, assigned = [], []
    for number, (name, binary) in enumerate(columns_of(server, database, table)):
        listed.append(f"@v{number}" if binary else quoted(name))
        if binary:
            assigned.append(f"{quoted(name)} = UNHEX(@v{number})")
    assert not set(str(path)) & set("'\\")
    statement = (
        f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE {quoted(table)} CHARACTER SET {charset}"
        " FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n'"
        f" IGNORE 1 LINES ({', '.join(listed)})" + (f" SET {', '.join(assigned)}" if assigned else "")
    )
    server.client(
        database,
        "--local-infile=1",
        "--default-character-set=utf8mb4",
        "-e",
        f"SET time_zone = '+00:00', sql_mode = 'NO_AUTO_VALUE_ON_ZERO'; {statement}; SHOW WARNINGS",
    )


def insert_rows(server: MysqlFamilyServer, database: str, table: str, path: Path, **rules: Any) -> None:
    """Read the file by the rules of RFC 4180 and insert what it says, each value as it stands there."""
    found = {"separator": ",", "quote": '"', "newline": "\n", "null": ""} | rules
    header, *rows = read_csv(path.read_bytes().decode(), **found)
    insert_values(server, database, table, header, [[None if v is NULL else v for v in row] for row in rows])


def insert_values(
    server: MysqlFamilyServer, database: str, table: str, header: list[str], rows: list[list[Any]]
) -> None:
    """Insert rows of texts, with bytes as hex digits."""
    columns = columns_of(server, database, table)
    assert header == [name for name, _ in columns]
    holes = ", ".join("UNHEX(%s)" if binary else "%s" for _, binary in columns)
    names = ", ".join(quoted(name) for name, _ in columns)
    connection = server.admin(database)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'")
            for row in rows:
                cursor.execute(f"INSERT INTO {quoted(table)} ({names}) VALUES ({holes})", row)
    finally:
        connection.close()

"""A small shop of music in each dialect: keys, foreign keys, indexes, types, and texts that are hard to carry."""

from __future__ import annotations

from tests.into.places import Place

TEXTS = [
    "", "NULL", "\\N", "\\.", "it's", 'say "so"', "a,b;c", "tab\there", "line\nbreak", "cr\r\nlf", "back\\slash", " x ",
    "ü€中文😀", "--", "%s", "=1+1", "\x1a", "[b]x[/b]",
]  # fmt: skip
TRACKS = 1200
TABLES = ("album", "artist", "track")

_TYPES = {
    "sqlite": {"price": "DECIMAL(10,2)", "added": "DATETIME", "cover": "BLOB", "loud": "REAL", "text": "TEXT"},
    "postgresql": {
        "price": "numeric(10,2)", "added": "timestamp(6)", "cover": "bytea", "loud": "double precision", "text": "text",
    },
}  # fmt: skip
_MYSQL = {"price": "decimal(10,2)", "added": "datetime(6)", "cover": "blob", "loud": "double", "text": "text"}


def fill(place: Place) -> None:
    types = _TYPES.get(place.product, _MYSQL)
    place.run(
        "CREATE TABLE artist (id integer PRIMARY KEY, name varchar(120) NOT NULL)",
        "CREATE TABLE album (id integer PRIMARY KEY, title varchar(200), artist_id integer NOT NULL,"
        " CONSTRAINT album_artist FOREIGN KEY (artist_id) REFERENCES artist (id))",
        "CREATE INDEX album_title ON album (title)",
        f"CREATE TABLE track (id integer PRIMARY KEY, album_id integer, name {types['text']}, ms bigint,"
        f" price {types['price']}, added {types['added']}, cover {types['cover']}, loud {types['loud']},"
        " CONSTRAINT track_album FOREIGN KEY (album_id) REFERENCES album (id))",
    )
    artists = ", ".join(f"({i}, 'artist {i}')" for i in range(1, 21))
    albums = ", ".join(
        f"({i}, {'NULL' if i % 7 == 0 else f'{chr(39)}album {i}{chr(39)}'}, {i % 20 + 1})"
        for i in range(1, 61)
    )
    place.run(f"INSERT INTO artist VALUES {artists}", f"INSERT INTO album VALUES {albums}")
    for begin in range(0, TRACKS, 300):
        rows = ", ".join(_track(place, number) for number in range(begin, begin + 300))
        place.run(f"INSERT INTO track VALUES {rows}")


def _track(place: Place, number: int) -> str:
    text = TEXTS[number % len(TEXTS)]
    values = [
        str(number),
        "NULL" if number % 11 == 0 else str(number % 60 + 1),
        _text(place, text),
        str(number * 10**12 + 7),
        "NULL" if number % 5 == 0 else f"{number}.{number % 100:02}",
        f"'20{number % 90 + 10}-01-{number % 28 + 1:02} 12:34:56.{number:06}'",
        _bytes(place, bytes([number % 256, 0, 255, 10, 39])),
        f"{number}.25",
    ]
    return f"({', '.join(values)})"


def _text(place: Place, text: str) -> str:
    data = text.encode().hex()
    if place.product == "postgresql":
        return f"convert_from('\\x{data}'::bytea, 'UTF8')"
    if place.product == "sqlite":
        return f"CAST(X'{data}' AS TEXT)"
    return f"CONVERT(X'{data}' USING utf8mb4)" if data else "''"


def _bytes(place: Place, data: bytes) -> str:
    return f"'\\x{data.hex()}'::bytea" if place.product == "postgresql" else f"X'{data.hex()}'"

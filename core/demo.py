"""A sample shop in SQLite, the same every time: what `make demo` exports.

About 200,000 rows over eight tables, with foreign keys, indexes, a view and a trigger, and in them what
exports stumble over: names in many scripts, NULLs, quotes and line breaks, prices as decimal text, small
pictures, dates, a counter that is ahead of its rows.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from core.errors import Conflict, NotWritable
from core.model.connection import Connection
from core.model.settings import CSV_PRESETS, Export, ExportSettings, SchemaSettings
from core.model.vocabulary import Consistency, Content, Format, Mode

# Raised whenever the content changes: an older shop is then made anew.
VERSION = 1
# In the file's header (PRAGMA application_id): this is our shop and may be replaced. "Offr" in ASCII.
APPLICATION = 0x4F666672

CONNECTION = "shop"
CUSTOMERS, PRODUCTS, ORDERS = 12_000, 1_200, 45_000

_SCHEMA = """
CREATE TABLE categories (
  code TEXT PRIMARY KEY COLLATE NOCASE,
  title TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE customers (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  email TEXT UNIQUE COLLATE NOCASE,
  city TEXT,
  country TEXT NOT NULL,
  joined DATE NOT NULL,
  newsletter BOOLEAN NOT NULL DEFAULT 0,
  note TEXT
);
CREATE TABLE products (
  id INTEGER PRIMARY KEY,
  sku TEXT NOT NULL UNIQUE,
  title TEXT NOT NULL,
  category TEXT NOT NULL REFERENCES categories(code),
  price DECIMAL(10,2) NOT NULL,
  price_text TEXT GENERATED ALWAYS AS (printf('%.2f EUR', price)) VIRTUAL,
  weight_kg REAL,
  picture BLOB
);
CREATE TABLE stock (
  product INTEGER NOT NULL REFERENCES products(id),
  warehouse TEXT NOT NULL,
  pieces INTEGER NOT NULL,
  PRIMARY KEY (product, warehouse)
) WITHOUT ROWID;
CREATE TABLE orders (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  customer INTEGER NOT NULL REFERENCES customers(id),
  ordered_at DATETIME NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('new', 'paid', 'sent', 'returned')),
  coupon TEXT,
  total DECIMAL(12,2)
);
CREATE TABLE order_items (
  order_id INTEGER NOT NULL REFERENCES orders(id) ON DELETE CASCADE,
  line INTEGER NOT NULL,
  product INTEGER NOT NULL REFERENCES products(id),
  pieces INTEGER NOT NULL,
  unit_price DECIMAL(10,2) NOT NULL,
  PRIMARY KEY (order_id, line)
) WITHOUT ROWID;
CREATE TABLE payments (
  id INTEGER PRIMARY KEY,
  order_id INTEGER NOT NULL REFERENCES orders(id),
  paid_at DATETIME NOT NULL,
  method TEXT NOT NULL,
  amount TEXT NOT NULL, -- exact decimal digits
  exchange_rate REAL NOT NULL,
  reference BLOB
);
CREATE TABLE status_log (
  at DATETIME NOT NULL,
  order_id INTEGER NOT NULL REFERENCES orders(id),
  old TEXT,
  new TEXT NOT NULL
);
"""

_AFTER = """
CREATE INDEX orders_by_customer ON orders(customer, ordered_at DESC);
CREATE INDEX orders_open ON orders(ordered_at) WHERE status IN ('new', 'paid');
CREATE INDEX items_by_product ON order_items(product);
CREATE INDEX payments_by_order ON payments(order_id);
CREATE VIEW turnover AS
  SELECT substr(o.ordered_at, 1, 7) AS month, c.country, count(*) AS orders, round(sum(o.total), 2) AS total
  FROM orders AS o JOIN customers AS c ON c.id = o.customer
  WHERE o.status <> 'returned'
  GROUP BY month, c.country;
CREATE TRIGGER orders_log_status AFTER UPDATE OF status ON orders WHEN old.status IS NOT new.status BEGIN
  INSERT INTO status_log(at, order_id, old, new)
  VALUES (strftime('%Y-%m-%d %H:%M:%S', 'now'), new.id, old.status, new.status);
END;
"""

_CATEGORIES = {
    "books": "Books", "tea": "Tea & coffee", "garden": "Garden", "toys": "Toys", "kitchen": "Küche und Haus",
    "paper": "文具", "music": "Musique", "sport": "Sport",
}  # fmt: skip
_GIVEN = (
    "Anna", "Björn", "Chloé", "Đorđe", "Elif", "Fatoumata", "Giovanni", "Hồng", "İpek", "José", "Kamala",
    "Łukasz", "Maria", "Ngozi", "Olga", "Paweł", "Quentin", "Renée", "Søren", "Tomás", "Uma", "Veronika",
    "伟", "秀英", "Ольга", "Γιώργος", "さくら", "지훈", "محمد", "Zoë",
)  # fmt: skip
_FAMILY = (
    "Müller", "O'Brien", "García", "Nguyễn", "Kowalski", "Öztürk", "Smith", "de la Cruz", "van der Berg",
    "王", "李", "張", "Иванова", "Παπαδόπουλος", "佐藤", "김", "Åkesson", "Dvořák", "d'Angelo", "Mbeki",
    "Singh", "Kaya",
)  # fmt: skip
_CITIES = (
    ("Berlin", "DE"), ("Köln", "DE"), ("Zürich", "CH"), ("København", "DK"), ("Łódź", "PL"),
    ("São Paulo", "BR"), ("北京", "CN"), ("上海", "CN"), ("東京", "JP"), ("İstanbul", "TR"), ("Αθήνα", "GR"),
    ("Dublin", "IE"), ("Lagos", "NG"), ("Mumbai", "IN"), (None, "US"),
)  # fmt: skip
_NOTES = (
    None, None, None, None, None, None, "", "NULL", 'calls it "the shop"', "leave it\nwith the neighbours",
    "tab\there, comma, semicolon; 'quote'", "=1+1", "\\N", "好客户 👍", "C:\\orders\\",
)  # fmt: skip
_ADJECTIVES = ("blue", "small", "folding", "heavy", "silent", "green", "old", "grüne", "petite", "木製")
_NOUNS = ("kettle", "notebook", "lamp", "ball", "flute", "shovel", "teapot", 'clock 12"', "茶壶", "boîte")
_METHODS = ("card", "transfer", "cash on delivery", "voucher")
_STATES = ("sent", "sent", "sent", "sent", "sent", "paid", "paid", "new", "returned")
_FIRST_DAY = date(2021, 1, 1)
_FIRST_SECOND = datetime(2021, 1, 1, tzinfo=UTC)


class _Numbers:
    """Numbers that look random and never change: splitmix64 (Steele, Lea and Flood, 2014)."""

    _MASK = (1 << 64) - 1

    def __init__(self, seed: int) -> None:
        self._state = seed

    def bits(self) -> int:
        """The next 64 bits."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & self._MASK
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & self._MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & self._MASK
        return z ^ (z >> 31)

    def below(self, limit: int) -> int:
        return self.bits() % limit


def make_shop(path: Path) -> None:
    """Make the sample shop at `path`, or leave it there if it is one of this version.

    It appears complete or not at all. Raises Conflict where something else is at `path`, NotWritable where
    it can't be made.
    """
    if os.path.lexists(path):
        found = _version(path)
        if found == VERSION:
            return
        if found is None:
            raise Conflict(f"{str(path)!r} is there and is not Offramp's sample shop.", "Name another place.")
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            _fill(unfinished)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except (OSError, sqlite3.OperationalError) as error:
        raise NotWritable(f"The sample shop can't be made at {str(path)!r}: {error}.") from error


def demo_connection(path: Path) -> Connection:
    """The connection to the shop at `path`."""
    return Connection(name=CONNECTION, mode=Mode.SQLITE, path=str(path.absolute()))


def demo_exports(directory: Path) -> list[Export]:
    """Three exports of the shop that show what there is, into folders below `directory`."""
    place = str(directory.absolute())
    return [
        Export(
            name="orders-csv",
            directory=place,
            settings=ExportSettings(
                connection=CONNECTION, objects=("TABLE:order*", "TABLE:payments", "VIEW:turnover")
            ),
        ),
        Export(
            name="shop-sql",
            directory=place,
            settings=ExportSettings(
                connection=CONNECTION,
                all_objects=True,
                format=Format.SQL,
                consistency=Consistency.TASK,
                schema=SchemaSettings(drop=True),
            ),
        ),
        Export(
            name="catalogue-excel",
            directory=place,
            settings=ExportSettings(
                connection=CONNECTION,
                objects=("TABLE:products", "TABLE:categories", "TABLE:stock"),
                content=Content.DATA,
                csv=CSV_PRESETS["excel"],
            ),
        ),
    ]


def _version(path: Path) -> int | None:
    """The version of the shop at `path`, None where it is none."""
    if not path.is_file():
        return None
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as shop:
            ours = shop.execute("PRAGMA application_id").fetchone()[0] == APPLICATION
            return int(shop.execute("PRAGMA user_version").fetchone()[0]) if ours else None
    except sqlite3.DatabaseError:
        return None


def _fill(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as shop:
        # Nobody else knows the file yet, and it is thrown away if this doesn't end.
        shop.execute("PRAGMA journal_mode = OFF")
        shop.execute(f"PRAGMA application_id = {APPLICATION}")
        shop.execute(f"PRAGMA user_version = {VERSION}")
        shop.executescript(_SCHEMA)
        shop.execute("BEGIN")
        shop.executemany("INSERT INTO categories VALUES(?,?)", _CATEGORIES.items())
        shop.executemany("INSERT INTO customers VALUES(?,?,?,?,?,?,?,?)", _customers(_Numbers(1)))
        prices: dict[int, int] = {}
        shop.executemany(
            "INSERT INTO products(id, sku, title, category, price, weight_kg, picture) VALUES(?,?,?,?,?,?,?)",
            _products(_Numbers(2), prices),
        )
        shop.executemany("INSERT INTO stock VALUES(?,?,?)", _stock(_Numbers(3)))
        _orders(shop, _Numbers(4), prices)
        shop.execute("COMMIT")
        shop.executescript(_AFTER)
        # The last customers have left: the counter is ahead of the rows.
        shop.execute("UPDATE sqlite_sequence SET seq = seq + 17 WHERE name = 'customers'")
        shop.execute("ANALYZE")


def _customers(numbers: _Numbers) -> Iterator[tuple[object, ...]]:
    for key in range(1, CUSTOMERS + 1):
        n = numbers.bits()
        name = f"{_GIVEN[n % len(_GIVEN)]} {_FAMILY[n // 64 % len(_FAMILY)]}"
        city, country = _CITIES[n // 4096 % len(_CITIES)]
        email = None if n % 11 == 0 else f"customer{key}@example.{('org', 'com', 'net')[n % 3]}"
        joined = _FIRST_DAY + timedelta(days=n // 65536 % 1500)
        yield (
            key,
            name,
            email,
            city,
            country,
            joined.isoformat(),
            n >> 60 & 1,
            _NOTES[(n >> 40) % len(_NOTES)],
        )


def _products(numbers: _Numbers, prices: dict[int, int]) -> Iterator[tuple[object, ...]]:
    codes = list(_CATEGORIES)
    for key in range(1, PRODUCTS + 1):
        n = numbers.bits()
        prices[key] = 99 + n % 40_000
        title = f"{_ADJECTIVES[n // 7 % len(_ADJECTIVES)]} {_NOUNS[n // 71 % len(_NOUNS)]} no. {key}"
        picture = None
        if n % 5:
            picture = b"\x89PNG\r\n\x1a\n" + b"".join(
                numbers.bits().to_bytes(8, "big") for _ in range(n % 24)
            )
        weight = None if n % 13 == 0 else (n >> 20) % 20_000 / 1000
        price = _decimal(prices[key])
        yield key, f"P-{n % 1_000_000:06}-{key}", title, codes[n % len(codes)], price, weight, picture


def _stock(numbers: _Numbers) -> Iterator[tuple[object, ...]]:
    for product in range(1, PRODUCTS + 1):
        for warehouse in ("Berlin", "Łódź", "大阪"):
            yield product, warehouse, numbers.below(500) - 3


def _orders(shop: sqlite3.Connection, numbers: _Numbers, prices: dict[int, int]) -> None:
    orders, items, payments, log = [], [], [], []
    moment = _FIRST_SECOND
    for key in range(1, ORDERS + 1):
        n = numbers.bits()
        moment += timedelta(seconds=n % 5_600)
        status = _STATES[(n >> 16) % len(_STATES)]
        total = 0
        for line in range(1, 2 + (n >> 24) % 3):
            product = 1 + (n >> (8 * line)) % PRODUCTS
            pieces = 1 + (n >> (5 * line)) % 4
            total += pieces * prices[product]
            items.append((key, line, product, pieces, _decimal(prices[product])))
        coupon = f"SUMMER{n % 90 + 10}" if n % 17 == 0 else None
        orders.append((key, 1 + (n >> 32) % CUSTOMERS, _time(moment), status, coupon, _decimal(total)))
        if status != "new":
            paid = moment + timedelta(seconds=30 + (n >> 36) % 300_000)
            reference = n.to_bytes(8, "big") if n % 3 else None
            rate = 1.0 if n % 4 else 0.75 + (n >> 44) % 100_000 / 173_251
            payments.append(
                (None, key, _time(paid), _METHODS[(n >> 50) % 4], _decimal(total), rate, reference)
            )
            if n % 2 == 0:
                log.append((_time(paid), key, "new", "paid"))
    shop.executemany("INSERT INTO orders VALUES(?,?,?,?,?,?)", orders)
    shop.executemany("INSERT INTO order_items VALUES(?,?,?,?,?)", items)
    shop.executemany("INSERT INTO payments VALUES(?,?,?,?,?,?,?)", payments)
    shop.executemany("INSERT INTO status_log VALUES(?,?,?,?)", log)


def _decimal(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")

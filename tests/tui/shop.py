"""A small shop in SQLite with a connection to it, for tests of screens that look into a database."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from core.model.connection import Connection
from core.model.vocabulary import Mode
from tests.tui.harness import Home

NAME = "shop"


def make_shop(home: Home, directory: Path, *, tables: int = 0) -> Path:
    """Tables orders, customers and odd ones, a view and an index; `tables` more of them, empty."""
    path = directory / "shop.db"
    with sqlite3.connect(path) as db:
        db.executescript(
            """
            CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT);
            CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER, total TEXT);
            CREATE TABLE "od*d 'name" (a TEXT);
            CREATE INDEX orders_by_customer ON orders (customer);
            CREATE VIEW turnover AS SELECT customer, count(*) AS n FROM orders GROUP BY customer;
            INSERT INTO customers VALUES (1, 'Ann'), (2, 'Bo');
            INSERT INTO orders VALUES (1, 1, '1.50'), (2, 1, '2.50'), (3, 2, '9');
            """
        )
        for number in range(tables):
            db.execute(f"CREATE TABLE t{number:05d} (a)")
    db.close()
    home.store.connections.add(Connection(name=NAME, mode=Mode.SQLITE, path=str(path)))
    return path

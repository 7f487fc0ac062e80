"""Stores with bytes flipped, in the head, in pages, in rows: refused with words, and never with a traceback."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing

import pytest

from core.errors import StoreDamaged, StoreError
from core.locations import Locations
from core.model.connection import Connection
from core.model.vocabulary import Mode
from core.store import Store
from tests.store.conftest import new_task

HEAD = 100


@pytest.fixture
def whole(locations: Locations) -> bytes:
    with Store.open(locations) as store:
        store.connections.add(Connection(name="shop", mode=Mode.SQLITE, path="/data/shop.db"))
        for number in range(60):
            store.tasks.add(new_task(f"export {number}"))
    return locations.store.read_bytes()


def use(locations: Locations) -> None:
    """What commands and engines do: look at everything, add something, check."""
    with Store.open(locations, patience=0.1) as store:
        store.tasks.list()
        store.connections.list()
        store.lease.state()
        store.tasks.add(new_task())
        store.check()


def put(locations: Locations, data: bytes) -> None:
    for path in locations.home.glob("store.sqlite3-*"):
        path.unlink()
    locations.store.write_bytes(data)


@pytest.mark.parametrize("flip", [0xFF, 0x01])
def test_a_flipped_byte_in_the_head_is_harmless_or_damage(
    locations: Locations, whole: bytes, flip: int
) -> None:
    refused = []
    for place in range(HEAD):
        data = bytearray(whole)
        data[place] ^= flip
        put(locations, data)
        try:
            use(locations)
        except StoreDamaged as error:
            refused.append(error.hint)
    assert len(refused) > 25
    assert all("offramp store restore" in hint for hint in refused)


def test_flipped_bytes_anywhere_are_harmless_or_damage(locations: Locations, whole: bytes) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    chance, refused = random.Random(seed), 0
    for _ in range(250):
        data = bytearray(whole)
        place = chance.randrange(HEAD, len(whole) - 8)
        data[place : place + 8] = chance.randbytes(8)
        put(locations, data)
        try:
            use(locations)
        except StoreDamaged:
            refused += 1
    assert refused


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE task SET settings = '{'", "ExportSettings in it can't be read"),
        ("UPDATE task SET settings = '{\"connection\": 5}'", "ExportSettings in it can't be read"),
        ("UPDATE task SET settings = CAST(X'FF' AS TEXT)", "should be text"),
        ("UPDATE task SET created = 9223372036854775807", "out of all bounds"),
        (
            "PRAGMA ignore_check_constraints = 1; UPDATE task SET status = 'Fnord'",
            "TaskStatus that there isn't",
        ),
        ('UPDATE connection SET body = \'{"mode": "koverse"}\'', "Connection in it can't be read"),
        (
            "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql, 'started ', 'stXrted ')",
            "no such column",
        ),
    ],
)
@pytest.mark.usefixtures("whole")
def test_rows_that_mean_nothing_are_damage(locations: Locations, change: str, said: str) -> None:
    with closing(sqlite3.connect(locations.store)) as raw:
        raw.executescript(change)
    with pytest.raises(StoreDamaged, match=said):
        use(locations)


def test_more_than_the_memory_holds_is_an_error_in_words(locations: Locations, whole: bytes) -> None:
    del whole
    with Store.open(locations) as store, pytest.raises(StoreError, match="memory"), store.database.read():
        raise MemoryError

"""Which objects are meant, in which order they run, and words where nothing is meant."""

from __future__ import annotations

import pytest

from core.errors import NotFound, UsageError
from core.model.settings import ExportSettings
from core.model.vocabulary import Content, ObjectRef, ObjectType
from core.pipeline.resolve import in_order, resolve_database, resolve_objects
from tests.pipeline.scripted import Database, ScriptedSession, Thing, table, view


def resolve(session: ScriptedSession, **settings: object) -> list[str]:
    if "objects" not in settings:
        settings.setdefault("all_objects", True)
    chosen = ExportSettings(connection="shop", **settings)  # type: ignore[arg-type]
    return [str(info.ref) for info in resolve_objects(session, chosen).objects]


@pytest.fixture
def session() -> ScriptedSession:
    trigger = Thing(ObjectRef(ObjectType.TRIGGER, "orders"), columns=())
    return ScriptedSession(
        Database(table("orders"), table("order_items"), table("a*b"), view("recent"), trigger)
    )


@pytest.mark.parametrize(
    ("objects", "found"),
    [
        (("orders",), ["TABLE:orders"]),
        (("ord*",), ["TABLE:order_items", "TABLE:orders"]),
        (("TRIGGER:orders",), ["TRIGGER:orders"]),
        (("TRIGGER:*", "recent"), ["VIEW:recent", "TRIGGER:orders"]),
        (("a\\*b",), ["TABLE:a*b"]),
        (("orders", "TABLE:orders", "*"), ["TABLE:a*b", "TABLE:order_items", "TABLE:orders", "VIEW:recent"]),
    ],
)
def test_patterns(session: ScriptedSession, objects: tuple[str, ...], found: list[str]) -> None:
    assert resolve(session, objects=objects) == found
    assert len(session.db.asked("objects")) == 1


def test_everything_but_what_is_excluded(session: ScriptedSession) -> None:
    assert resolve(session, exclude=("ord*", "TRIGGER:*")) == ["TABLE:a*b", "VIEW:recent"]
    assert resolve(session, content=Content.DATA, exclude=("TABLE:*",)) == ["VIEW:recent"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"objects": ("order",)}, "orders"),
        ({"objects": ("Orders",)}, "orders"),
        ({"objects": ("orders", "zzz*")}, "zzz*"),
        ({"objects": ("EVENT:nightly",)}, "no EVENT"),
        ({"objects": ("TRIGGER:orders",), "content": Content.DATA}, "no TRIGGER"),
        ({"objects": ("orders",), "exclude": ("*",)}, "exclude"),
        ({"objects": ("orders",), "database": "mian"}, "'main'"),
    ],
)
def test_what_means_nothing_is_an_error_with_the_nearest_name(
    session: ScriptedSession, settings: dict[str, object], words: str
) -> None:
    with pytest.raises(NotFound) as found:
        resolve(session, **settings)
    assert words in str(found.value)


def test_a_name_that_only_something_without_rows_has_is_suggested_with_its_type() -> None:
    kinds = (ObjectType.PROCEDURE, ObjectType.FUNCTION)
    routines = [Thing(ObjectRef(kind, "close_day"), columns=()) for kind in kinds]
    session = ScriptedSession(Database(table("orders"), *routines))
    with pytest.raises(NotFound) as found:
        resolve(session, objects=("orders", "Close_Day"))
    assert found.value.hint == "Did you mean FUNCTION:close_day or PROCEDURE:close_day?"
    with pytest.raises(NotFound) as found:
        resolve(session, objects=("close_day",), content=Content.DATA)
    assert found.value.hint == (
        "FUNCTION:close_day and PROCEDURE:close_day have no rows: with --content schema they could leave."
    )


def test_an_exclusion_that_takes_nothing_is_told(session: ScriptedSession) -> None:
    chosen = ExportSettings(connection="shop", objects=("orders",), exclude=("recent", "orde*s"))
    with pytest.raises(NotFound):
        resolve_objects(session, chosen)
    chosen = ExportSettings(connection="shop", objects=("orders",), exclude=("recent",))
    assert [str(pattern) for pattern in resolve_objects(session, chosen).unused] == ["recent"]


def test_a_database_is_needed(session: ScriptedSession, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ExportSettings(connection="shop", all_objects=True)
    assert resolve_database(session, settings, None) == "main"
    monkeypatch.setattr(session, "databases", lambda: ["a", "b"])
    assert resolve_database(session, settings, "b") == "b"
    with pytest.raises(UsageError, match="'a', 'b'"):
        resolve_database(session, settings, None)


def test_twenty_thousand_names_are_found_in_one_list() -> None:
    session = ScriptedSession(Database(*(table(f"t{n}", 0) for n in range(20_000))))
    names = tuple(f"t{n}" for n in range(20_000))
    assert len(resolve(session, objects=names)) == 20_000
    assert len(session.db.asked("objects")) == 1


def test_order_follows_needs_then_types_and_names() -> None:
    def ref(kind: ObjectType, name: str) -> ObjectRef:
        return ObjectRef(kind, name)

    a, b, c = (ref(ObjectType.TABLE, name) for name in "abc")
    function = ref(ObjectType.FUNCTION, "f")
    v, w = ref(ObjectType.VIEW, "v"), ref(ObjectType.VIEW, "w")
    trigger = ref(ObjectType.TRIGGER, "t")
    elsewhere = ref(ObjectType.TABLE, "elsewhere")
    needs = {v: [w, a], w: [b], trigger: [v], a: [c, elsewhere], b: [], c: [a], function: [b]}
    expected = [b, function, w, a, c, v, trigger]
    assert in_order(needs) == expected
    assert in_order(dict(reversed(needs.items()))) == expected
    assert in_order({a: [a]}) == [a]
    assert in_order({}) == []

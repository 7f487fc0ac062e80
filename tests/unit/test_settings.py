"""Which objects' rows an export takes."""

from __future__ import annotations

import pytest

from core.model.settings import ExportSettings
from core.model.vocabulary import Content, Format, ObjectRef, ObjectType

TABLE = ObjectRef(ObjectType.TABLE, "t")
VIEW = ObjectRef(ObjectType.VIEW, "v")
TRIGGER = ObjectRef(ObjectType.TRIGGER, "g")


@pytest.mark.parametrize("content", list(Content))
@pytest.mark.parametrize("form", list(Format))
def test_rows_of_tables_are_taken_unless_only_the_schema_is_asked_for(content: Content, form: Format) -> None:
    settings = ExportSettings(connection="c", all_objects=True, content=content, format=form)
    assert settings.takes_rows(TABLE) is (content is not Content.SCHEMA)
    assert not settings.takes_rows(TRIGGER)


def test_rows_of_views_are_no_inserts_unless_named_with_data_alone() -> None:
    def takes(**settings: object) -> bool:
        return ExportSettings(connection="c", **settings).takes_rows(VIEW)  # type: ignore[arg-type]

    assert takes(all_objects=True, format=Format.CSV)
    assert takes(objects=("v",), format=Format.CSV)
    assert not takes(objects=("v",), format=Format.SQL)
    assert not takes(all_objects=True, format=Format.SQL, content=Content.DATA)
    assert takes(objects=("v",), format=Format.SQL, content=Content.DATA)

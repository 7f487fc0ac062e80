"""Oracle's SQL text, cut where it may be cut."""

from __future__ import annotations

import pytest

from connectors.sources.oracle.script import is_one_condition, statements

TABLE = """
  CREATE TABLE "HR"."T"
   (	"ID" NUMBER(*,0),
	"A;B" VARCHAR2(10) DEFAULT 'x;''y' -- no end; here
   ) ;
  CREATE INDEX "HR"."I" ON "HR"."T" ("ID") ;
"""
TRIGGER = """
  CREATE OR REPLACE EDITIONABLE TRIGGER "HR"."TR"
BEFORE INSERT ON T FOR EACH ROW
/* a slash:
 /
*/
DECLARE
  t VARCHAR2(9) := q'[;
/
]';
BEGIN
  :NEW.ID := 1 / 2;
END;
/
ALTER TRIGGER "HR"."TR" ENABLE;
"""


def test_plain_statements_end_with_semicolons() -> None:
    assert statements(TABLE) == [
        """CREATE TABLE "HR"."T"
   (	"ID" NUMBER(*,0),
	"A;B" VARCHAR2(10) DEFAULT 'x;''y' -- no end; here
   )""",
        'CREATE INDEX "HR"."I" ON "HR"."T" ("ID")',
    ]


def test_units_end_with_a_slash() -> None:
    unit, altered = statements(TRIGGER)
    assert unit.startswith("CREATE OR REPLACE EDITIONABLE TRIGGER")
    assert unit.endswith("END;")
    assert "1 / 2" in unit
    assert "]';" in unit
    assert altered == 'ALTER TRIGGER "HR"."TR" ENABLE'


@pytest.mark.parametrize(
    "head",
    [
        "CREATE FUNCTION", "create or replace procedure", "CREATE OR REPLACE NONEDITIONABLE PACKAGE",
        "CREATE OR REPLACE EDITIONABLE PACKAGE BODY", "-- said before;\n/* ; */ CREATE TYPE",
    ],
)  # fmt: skip
def test_what_is_a_unit(head: str) -> None:
    assert statements(f"{head} x AS a; b;\n/\nCREATE VIEW v AS SELECT 1 FROM d;") == [
        f"{head} x AS a; b;",
        "CREATE VIEW v AS SELECT 1 FROM d",
    ]


def test_nothing() -> None:
    assert statements(" \n ") == []


@pytest.mark.parametrize(
    "text",
    ["a = 1", "(a = 1) OR b IN (SELECT ';' FROM d)", "a = q'{;)}' -- )", "a = 'it''s' /* ; ( */", '";" = 1'],
)
def test_conditions(text: str) -> None:
    assert is_one_condition(text)


@pytest.mark.parametrize(
    "text", ["1 = 1) OR (1 = 1", "a = 1;", "a = 'x", "(a = 1", "a /* x", 'a = "x', "a\n/\n", "a = q'[x'"]
)
def test_no_conditions(text: str) -> None:
    assert not is_one_condition(text)

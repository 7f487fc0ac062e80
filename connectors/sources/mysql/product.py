"""Which server this is, from what it says about itself, and what differs between them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from core.model.vocabulary import Mode, ObjectType


class Family(StrEnum):
    MYSQL = "MySQL"
    MARIADB = "MariaDB"
    OCEANBASE = "OceanBase"

    @property
    def mode(self) -> Mode:
        return Mode(self.lower())


_TYPES = {
    Family.MYSQL: (
        ObjectType.TABLE, ObjectType.FUNCTION, ObjectType.PROCEDURE, ObjectType.VIEW, ObjectType.TRIGGER,
        ObjectType.EVENT,
    ),
    Family.MARIADB: (
        ObjectType.SEQUENCE, ObjectType.TABLE, ObjectType.FUNCTION, ObjectType.PROCEDURE, ObjectType.VIEW,
        ObjectType.TRIGGER, ObjectType.EVENT,
    ),
    Family.OCEANBASE: (
        ObjectType.TABLE, ObjectType.FUNCTION, ObjectType.PROCEDURE, ObjectType.VIEW, ObjectType.TRIGGER,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Product:
    """A server's kind and version. `number` is comparable: (10, 11, 19); for OceanBase its own, not the
    MySQL version that it pretends to be."""

    family: Family
    version: str
    number: tuple[int, ...]

    @property
    def types(self) -> tuple[ObjectType, ...]:
        """The object types that it has and that can be exported."""
        return _TYPES[self.family]

    @property
    def seekdb(self) -> bool:
        """OceanBase's single-node edition: one tenant, sizes in a view of its own."""
        return self.family is Family.OCEANBASE and "seekdb" in self.version.lower()


def detect(version: str, comment: str) -> Product:
    """From VERSION() and @@version_comment.

    `5.7.25-OceanBase-v4.2.1.8`, `5.7.25-OceanBase seekdb-v1.4.0.0` (its comment: `OceanBase 4.3.5.3 seekdb
    …`), `10.11.19-MariaDB-0+deb12u1`, `8.0.36-0ubuntu0.22.04.1`, `8.0.36-28` (comment: `Percona Server …`).
    """
    if "oceanbase" in version.lower() or "oceanbase" in comment.lower():
        found = re.search(r"OceanBase\D{0,12}?(\d+(?:\.\d+)+)", comment, re.I) or re.search(
            r"OceanBase\D*?(\d+(?:\.\d+)+)", version, re.I
        )
        own = found[1] if found else ""
        text = f"{own} ({version})" if own else version
        return Product(Family.OCEANBASE, text, _number(own))
    family = Family.MARIADB if "mariadb" in version.lower() or "mariadb" in comment.lower() else Family.MYSQL
    # MariaDB once hid behind 5.5.5- for replication's sake.
    plain = version.removeprefix("5.5.5-") if family is Family.MARIADB else version
    return Product(family, plain, _number(plain))


def _number(text: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(map(int, found[0].split("."))) if found else ()

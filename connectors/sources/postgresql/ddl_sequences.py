"""Sequences: on their own, of identity columns, of serial ones. "CREATE SEQUENCE" of the manual."""

from __future__ import annotations

from connectors.sources.postgresql.ddl_script import Script
from connectors.sources.postgresql.names import Asking
from connectors.sources.postgresql.sql import literal


class Sequences:
    def __init__(self, link: Asking) -> None:
        self._link = link

    def create(self, oid: int, script: Script) -> str:
        """Make a sequence; gives its qualified name."""
        ((name, unlogged, kind, text),) = self._link.about(
            oid,
            "SELECT c.oid::bigint, c.oid::pg_catalog.regclass::text, c.relpersistence = 'u',"
            " pg_catalog.format_type(s.seqtypid, NULL), pg_catalog.obj_description(c.oid, 'pg_class')"
            " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_sequence s ON s.seqrelid = c.oid"
            " WHERE c.oid IN {oids}",
        )
        script.made.append(
            f"CREATE {'UNLOGGED ' if unlogged else ''}SEQUENCE {name} AS {kind} {self.options(oid)}"
        )
        script.comment(f"SEQUENCE {name}", text)
        return str(name)

    def options(self, oid: int) -> str:
        ((start, step, least, most, cache, cycle),) = self._link.about(
            oid,
            "SELECT seqrelid::bigint, seqstart, seqincrement, seqmin, seqmax, seqcache, seqcycle"
            " FROM pg_catalog.pg_sequence WHERE seqrelid IN {oids}",
        )
        return (
            f"START WITH {start} INCREMENT BY {step} MINVALUE {least} MAXVALUE {most} CACHE {cache}"
            f" {'CYCLE' if cycle else 'NO CYCLE'}"
        )

    def go_on(self, oid: int, script: Script) -> None:
        """Have the sequence go on where it is, if that may be seen."""
        ((name, may),) = self._link.about(
            oid,
            "SELECT seqrelid::bigint, seqrelid::pg_catalog.regclass::text,"
            " pg_catalog.has_sequence_privilege(seqrelid, 'SELECT') FROM pg_catalog.pg_sequence"
            " WHERE seqrelid IN {oids}",
        )
        if not may:
            script.note(f"The value of sequence {name} may not be seen by this user: it begins anew.")
            return
        ((last, called),) = self._link.rows(f"SELECT last_value, is_called FROM {name}")
        script.moving.append(f"SELECT pg_catalog.setval({literal(name)}, {last}, {str(called).lower()})")

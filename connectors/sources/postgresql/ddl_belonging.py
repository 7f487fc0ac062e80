"""What belongs to a table or view: constraints, indexes, statistics, and what stands by until its rows are
there (foreign keys, rules, policies)."""

from __future__ import annotations

from connectors.sources.postgresql.ddl_script import Script, options, plain
from connectors.sources.postgresql.names import Asking

STATISTICS_TARGETS = 130000  # the first version that has pg_statistic_ext.stxstattarget

_FIRING = {"D": "DISABLE RULE", "R": "ENABLE REPLICA RULE", "A": "ENABLE ALWAYS RULE"}
_COMMANDS = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "*": "ALL"}


class Belonging:
    def __init__(self, link: Asking, version: int) -> None:
        self._link = link
        self._version = version

    def to_table(self, oid: int, name: str, script: Script, *, partitioned: bool) -> None:
        """All of it, of a table or partition with this qualified name."""
        self._indexes(oid, name, script)
        self._statistics(oid, script)
        self._replica_identity(oid, name, script)
        self._foreign_keys(oid, name, script, partitioned=partitioned)
        self._rules(oid, name, script)
        self._policies(oid, name, script)

    def to_view(self, oid: int, name: str, script: Script) -> None:
        self._indexes(oid, name, script)
        self._statistics(oid, script)
        self._rules(oid, name, script)

    def _indexes(self, oid: int, name: str, script: Script) -> None:
        """Indexes, and the constraints that are kept by one."""
        rows = self._link.about(
            oid,
            "SELECT i.indrelid::bigint, i.indexrelid::bigint, i.indexrelid::pg_catalog.regclass::text,"
            " pg_catalog.pg_get_indexdef(i.indexrelid), pg_catalog.quote_ident(k.conname),"
            " pg_catalog.pg_get_constraintdef(k.oid), c.reloptions, i.indisclustered, i.indisreplident,"
            " pg_catalog.quote_ident(c.relname),"
            " (SELECT h.inhparent::pg_catalog.regclass::text FROM pg_catalog.pg_inherits h"
            " WHERE h.inhrelid = c.oid),"
            " pg_catalog.obj_description(c.oid, 'pg_class'),"
            " pg_catalog.obj_description(k.oid, 'pg_constraint')"
            " FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
            " LEFT JOIN pg_catalog.pg_constraint k ON k.conindid = i.indexrelid"
            " AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')"
            # An index that failed to be built concurrently isn't used: pg_dump leaves it out as well.
            " WHERE i.indrelid IN {oids} AND (i.indisvalid OR c.relkind = 'I') AND i.indisready"
            " ORDER BY i.indisprimary DESC, k.oid IS NULL, c.relname",
        )
        for (
            number,
            index,
            definition,
            constraint,
            rule,
            stored,
            clustered,
            identity,
            bare,
            parent,
            text,
            said,
        ) in rows:
            if constraint is None:
                script.made.append(plain(definition))
            else:
                script.made.append(f"ALTER TABLE ONLY {name} ADD CONSTRAINT {constraint} {rule}")
                script.made += [f"ALTER INDEX {index} SET ({', '.join(options(stored))})"] if stored else []
                script.comment(f"CONSTRAINT {constraint} ON {name}", said)
            for position, target in self._link.about(
                number,
                "SELECT attrelid::bigint, attnum, attstattarget FROM pg_catalog.pg_attribute"
                " WHERE attrelid IN {oids} AND attstattarget >= 0 ORDER BY attnum",
            ):
                script.made.append(f"ALTER INDEX {index} ALTER COLUMN {position} SET STATISTICS {target}")
            script.made += [f"ALTER INDEX {parent} ATTACH PARTITION {index}"] if parent else []
            script.made += [f"ALTER TABLE {name} CLUSTER ON {bare}"] if clustered else []
            if identity:
                script.made.append(f"ALTER TABLE ONLY {name} REPLICA IDENTITY USING INDEX {bare}")
            script.comment(f"INDEX {index}", text)

    def _statistics(self, oid: int, script: Script) -> None:
        target = "COALESCE(stxstattarget, -1)" if self._version >= STATISTICS_TARGETS else "-1"
        for name, definition, wanted, text in self._link.about(
            oid,
            "SELECT s.stxrelid::bigint,"
            " pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(s.stxname),"
            f" pg_catalog.pg_get_statisticsobjdef(s.oid), {target},"
            " pg_catalog.obj_description(s.oid, 'pg_statistic_ext') FROM pg_catalog.pg_statistic_ext s"
            " JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace"
            " WHERE s.stxrelid IN {oids} ORDER BY s.stxname",
        ):
            script.made.append(plain(definition))
            script.made += [f"ALTER STATISTICS {name} SET STATISTICS {wanted}"] if wanted >= 0 else []
            script.comment(f"STATISTICS {name}", text)

    def _replica_identity(self, oid: int, name: str, script: Script) -> None:
        ((kind,),) = self._link.about(
            oid,
            "SELECT oid::bigint, relreplident::text FROM pg_catalog.pg_class WHERE oid IN {oids}",
        )
        if kind in ("n", "f"):
            word = "FULL" if kind == "f" else "NOTHING"
            script.made.append(f"ALTER TABLE ONLY {name} REPLICA IDENTITY {word}")

    def _foreign_keys(self, oid: int, name: str, script: Script, *, partitioned: bool) -> None:
        """And the checks that rows which are there needn't pass."""
        only = "" if partitioned else "ONLY "
        for kind, constraint, rule, text in self._link.about(
            oid,
            "SELECT conrelid::bigint, contype::text, pg_catalog.quote_ident(conname),"
            " pg_catalog.pg_get_constraintdef(oid), pg_catalog.obj_description(oid, 'pg_constraint')"
            " FROM pg_catalog.pg_constraint WHERE conrelid IN {oids} AND conparentid = 0"
            " AND (contype = 'f' OR (contype = 'c' AND NOT convalidated AND conislocal)) ORDER BY conname",
        ):
            table = f"{only if kind == 'f' else ''}{name}"
            script.later.append(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {rule}")
            script.unlink.append(f"ALTER TABLE IF EXISTS {name} DROP CONSTRAINT IF EXISTS {constraint}")
            script.comment(f"CONSTRAINT {constraint} ON {name}", text, later=True)

    def _rules(self, oid: int, name: str, script: Script) -> None:
        for rule, definition, firing, text in self._link.about(
            oid,
            "SELECT ev_class::bigint, pg_catalog.quote_ident(rulename), pg_catalog.pg_get_ruledef(oid),"
            " ev_enabled::text, pg_catalog.obj_description(oid, 'pg_rewrite') FROM pg_catalog.pg_rewrite"
            " WHERE ev_class IN {oids} AND rulename <> '_RETURN' ORDER BY rulename",
        ):
            script.later.append(plain(definition))
            script.unlink.append(f"DROP RULE IF EXISTS {rule} ON {name}")
            script.later += [f"ALTER TABLE {name} {_FIRING[firing]} {rule}"] if firing in _FIRING else []
            script.comment(f"RULE {rule} ON {name}", text, later=True)

    def _policies(self, oid: int, name: str, script: Script) -> None:
        ((enabled, forced),) = self._link.about(
            oid,
            "SELECT oid::bigint, relrowsecurity, relforcerowsecurity FROM pg_catalog.pg_class"
            " WHERE oid IN {oids}",
        )
        script.later += [f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"] if enabled else []
        script.later += [f"ALTER TABLE ONLY {name} FORCE ROW LEVEL SECURITY"] if forced else []
        for policy, command, permissive, roles, using, check, text in self._link.about(
            oid,
            "SELECT p.polrelid::bigint, pg_catalog.quote_ident(p.polname), p.polcmd::text, p.polpermissive,"
            " ARRAY(SELECT pg_catalog.quote_ident(r.rolname) FROM pg_catalog.pg_roles r"
            " WHERE r.oid = ANY (p.polroles) ORDER BY r.rolname),"
            " pg_catalog.pg_get_expr(p.polqual, p.polrelid),"
            " pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid),"
            " pg_catalog.obj_description(p.oid, 'pg_policy') FROM pg_catalog.pg_policy p"
            " WHERE p.polrelid IN {oids} ORDER BY p.polname",
        ):
            statement = f"CREATE POLICY {policy} ON {name}"
            statement += "" if permissive else " AS RESTRICTIVE"
            statement += f" FOR {_COMMANDS[command]} TO {', '.join(roles) or 'PUBLIC'}"
            statement += f" USING ({using})" if using is not None else ""
            statement += f" WITH CHECK ({check})" if check is not None else ""
            script.later.append(statement)
            script.unlink.append(f"DROP POLICY IF EXISTS {policy} ON {name}")
            script.comment(f"POLICY {policy} ON {name}", text, later=True)
            if roles:
                script.note(f"Policy {policy} is for roles that must be there: {', '.join(roles)}.")

"""Functions, procedures, aggregates and triggers."""

from __future__ import annotations

from connectors.sources.postgresql.ddl_script import Script, plain
from connectors.sources.postgresql.names import Asking
from connectors.sources.postgresql.sql import literal

_TRUSTED = ("sql", "plpgsql")
_MODIFY = {"r": "READ_ONLY", "s": "SHAREABLE", "w": "READ_WRITE"}
_PARALLEL = {"s": "SAFE", "r": "RESTRICTED"}
_FIRING = {"D": "DISABLE TRIGGER", "R": "ENABLE REPLICA TRIGGER", "A": "ENABLE ALWAYS TRIGGER"}


class Code:
    def __init__(self, link: Asking) -> None:
        self._link = link

    def routine(self, oid: int, script: Script) -> str:
        """Make a function, procedure or aggregate; gives the statement that drops it."""
        ((name, kind, arguments, language, text),) = self._link.rows(
            "SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(p.proname),"
            " p.prokind::text, pg_catalog.pg_get_function_identity_arguments(p.oid), l.lanname::text,"
            " pg_catalog.obj_description(p.oid, 'pg_proc') FROM pg_catalog.pg_proc p"
            " JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"
            f" JOIN pg_catalog.pg_language l ON l.oid = p.prolang WHERE p.oid = {int(oid)}"
        )
        word = {"p": "PROCEDURE", "a": "AGGREGATE"}.get(kind, "FUNCTION")
        signature = f"{name}({arguments or ('*' if kind == 'a' else '')})"
        if kind == "a":
            self._aggregate(oid, signature, script)
        else:
            ((body,),) = self._link.rows(f"SELECT pg_catalog.pg_get_functiondef({int(oid)}::oid)")
            # Statements of a body in SQL have semicolons of their own: only what follows its end goes.
            script.made.append(str(body).rstrip())
            if language not in _TRUSTED:
                script.note(
                    f"Written in language {language}, which must be there, and allowed to the loader."
                )
        script.comment(f"{word} {signature}", text)
        return f"DROP {word} IF EXISTS {signature}"

    def _aggregate(self, oid: int, signature: str, script: Script) -> None:
        def function(column: str) -> str:
            return f"CASE WHEN g.{column}::oid <> 0 THEN g.{column}::text END"

        ((
            step, state, space, final, extra, modify, combine, save, load, start, parallel, kind,
            moving, inverse, moving_state, moving_space, moving_final, moving_extra, moving_modify,
            moving_start, order,
        ),) = self._link.rows(
            "SELECT g.aggtransfn::text, pg_catalog.format_type(g.aggtranstype, NULL), g.aggtransspace,"
            f" {function('aggfinalfn')}, g.aggfinalextra, g.aggfinalmodify::text, {function('aggcombinefn')},"
            f" {function('aggserialfn')}, {function('aggdeserialfn')},"
            " pg_catalog.quote_literal(g.agginitval), p.proparallel::text, g.aggkind::text,"
            f" {function('aggmtransfn')}, {function('aggminvtransfn')},"
            " pg_catalog.format_type(NULLIF(g.aggmtranstype, 0), NULL), g.aggmtransspace,"
            f" {function('aggmfinalfn')}, g.aggmfinalextra, g.aggmfinalmodify::text,"
            " pg_catalog.quote_literal(g.aggminitval),"
            " (SELECT 'OPERATOR(' || pg_catalog.quote_ident(n.nspname) || '.' || o.oprname || ')'"
            " FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace"
            " WHERE o.oid = g.aggsortop)"
            " FROM pg_catalog.pg_aggregate g JOIN pg_catalog.pg_proc p ON p.oid = g.aggfnoid"
            f" WHERE p.oid = {int(oid)}"
        )  # fmt: skip
        usual = "r" if kind == "n" else "w"
        items = [f"SFUNC = {step}", f"STYPE = {state}"]
        for key, value in (
            ("SSPACE", space), ("FINALFUNC", final), ("COMBINEFUNC", combine), ("SERIALFUNC", save),
            ("DESERIALFUNC", load), ("INITCOND", start), ("MSFUNC", moving), ("MINVFUNC", inverse),
            ("MSTYPE", moving and moving_state), ("MSSPACE", moving_space), ("MFINALFUNC", moving_final),
            ("MINITCOND", moving_start), ("SORTOP", order), ("PARALLEL", _PARALLEL.get(parallel)),
        ):  # fmt: skip
            if value:
                items.append(f"{key} = {value}")
        items += ["FINALFUNC_EXTRA"] if extra else []
        items += ["MFINALFUNC_EXTRA"] if moving_extra else []
        items += [f"FINALFUNC_MODIFY = {_MODIFY[modify]}"] if final and modify != usual else []
        if moving_final and moving_modify != usual:
            items.append(f"MFINALFUNC_MODIFY = {_MODIFY[moving_modify]}")
        items += ["HYPOTHETICAL"] if kind == "h" else []
        script.made.append(f"CREATE AGGREGATE {signature} ({', '.join(items)})")

    def trigger(self, oid: int, script: Script) -> str:
        """Make a trigger; gives the statement that drops it."""
        ((name, table, definition, firing, text),) = self._link.rows(
            "SELECT pg_catalog.quote_ident(t.tgname), t.tgrelid::pg_catalog.regclass::text,"
            " pg_catalog.pg_get_triggerdef(t.oid), t.tgenabled::text,"
            " pg_catalog.obj_description(t.oid, 'pg_trigger') FROM pg_catalog.pg_trigger t"
            f" WHERE t.oid = {int(oid)}"
        )
        script.made.append(plain(definition))
        if firing in _FIRING:
            script.made.append(f"ALTER TABLE {table} {_FIRING[firing]} {name}")
        script.comment(f"TRIGGER {name} ON {table}", text)
        for partition, clone, state in self._link.rows(
            "WITH RECURSIVE tree(id) AS ("
            f" SELECT {int(oid)}::oid UNION SELECT d.objid FROM tree JOIN pg_catalog.pg_depend d"
            " ON d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass"
            " AND d.refclassid = d.classid AND d.refobjid = tree.id)"
            " SELECT t.tgrelid::pg_catalog.regclass::text, pg_catalog.quote_ident(t.tgname),"
            " t.tgenabled::text FROM tree JOIN pg_catalog.pg_trigger t ON t.oid = tree.id"
            f' WHERE t.oid <> {int(oid)} AND t.tgenabled <> {literal(firing)}::"char" ORDER BY 1, 2'
        ):
            script.made.append(f"ALTER TABLE {partition} {_FIRING.get(state, 'ENABLE TRIGGER')} {clone}")
        return f"DROP TRIGGER IF EXISTS {name} ON {table}"

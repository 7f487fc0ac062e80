"""Which objects of which database are meant."""

from __future__ import annotations

import difflib
import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors.base import ObjectInfo, Session
from core.errors import NotFound, UsageError
from core.model.choice import refs_of
from core.model.settings import ExportSettings
from core.model.vocabulary import ObjectPattern, ObjectRef, ObjectType, OnError

_WITH_ROWS = tuple(kind for kind in ObjectType if kind.has_data and kind.stored)
_TYPE_ORDER = {kind: number for number, kind in enumerate(ObjectType)}


@dataclass(frozen=True, slots=True)
class Resolved:
    """The objects that settings mean, each with what the server's list says of it, by type and name.

    `unused` are exclusions that took nothing away. Queries come last."""

    database: str
    objects: tuple[ObjectInfo, ...]
    unused: tuple[ObjectPattern, ...] = ()


def resolve_objects(session: Session, settings: ExportSettings, default: str | None = None) -> Resolved:
    """Find what `settings` mean. `default` is the connection's database, for settings that name none.

    The server's list is asked for once. Raises NotFound for a database, a name or a pattern that means
    nothing there, with the nearest names; UsageError where no database is named.
    """
    database = resolve_database(session, settings, default)
    patterns, exclusions = settings.patterns, settings.exclusions
    listed = session.objects(database, _types(settings))
    if not settings.content.schema:
        listed = [info for info in listed if settings.takes_rows(info.ref)]
    queries = [ObjectInfo(ref) for ref in refs_of(settings.queries)]
    if settings.all_objects:
        chosen = {info.ref for info in listed}
    else:
        unseen = _unseen(settings, listed)
        listed = [*listed, *map(ObjectInfo, unseen)]
        found = _matched(patterns, (info.ref for info in listed))
        if empty := [pattern for pattern in patterns if not found[pattern]]:
            raise _nothing_meant(empty, listed, session, settings, database)
        chosen = set().union(*found.values())
    taken = _matched(exclusions, chosen)
    excluded = set().union(*taken.values())
    objects = [info for info in listed if info.ref in chosen and info.ref not in excluded]
    if not objects and not queries:
        raise NotFound(
            f"Nothing is left to export from database {database!r}.",
            "It is empty, or everything was excluded." if settings.all_objects else "See --exclude.",
        )
    objects.sort(key=lambda info: sort_key(info.ref))
    _check_choices(settings, [info.ref for info in objects])
    return Resolved(database, (*objects, *queries), tuple(p for p in exclusions if not taken[p]))


def _check_choices(settings: ExportSettings, refs: Sequence[ObjectRef]) -> None:
    """A choice that means nothing is a misspelt one: without it, more would leave than was meant. Raises
    NotFound."""
    for text in settings.choices:
        pattern = ObjectPattern.parse(text)
        if not any(ref.type.has_data and pattern.matches(ref) for ref in refs):
            names = [ref.name for ref in refs if ref.type.has_data]
            raise NotFound(
                f"The choice of columns or rows for {text!r} means none of the objects that leave.",
                near(pattern.name, names),
            )


def resolve_database(session: Session, settings: ExportSettings, default: str | None) -> str:
    """The database that is meant, or that the account begins in, or the only one there is. Raises UsageError,
    NotFound."""
    known = session.databases()
    wanted = settings.database or default or session.begins_in
    if wanted is None:
        if len(known) == 1:
            return known[0]
        raise UsageError(
            f"No database was named, and connection {settings.connection!r} has none of its own.",
            f"Use --database with one of: {_few(known)}." if known else "This account sees no database.",
        )
    if wanted not in known:
        raise NotFound(
            f"There is no database {wanted!r}, or this account doesn't see it.", near(wanted, known)
        )
    return wanted


def sort_key(ref: ObjectRef) -> tuple[int, str]:
    """Sorts objects by the order of types and then by name."""
    return _TYPE_ORDER[ref.type], ref.name


def in_order(needs: Mapping[ObjectRef, Iterable[ObjectRef]]) -> list[ObjectRef]:
    """Objects so that each comes after those it needs; otherwise by type and name.

    What is needed but isn't a key doesn't count. In a cycle the first by type and name goes first.
    """
    missing = {ref: {n for n in needed if n in needs and n != ref} for ref, needed in needs.items()}
    users: dict[ObjectRef, list[ObjectRef]] = defaultdict(list)
    for ref, needed in missing.items():
        for other in needed:
            users[other].append(ref)
    ready = [(sort_key(ref), ref) for ref, needed in missing.items() if not needed]
    heapq.heapify(ready)
    waiting = sorted((ref for ref, needed in missing.items() if needed), key=sort_key, reverse=True)
    order: list[ObjectRef] = []
    placed: set[ObjectRef] = set()
    while ready or waiting:
        ref = heapq.heappop(ready)[1] if ready else waiting.pop()
        if ref in placed:
            continue
        placed.add(ref)
        order.append(ref)
        for user in users[ref]:
            missing[user].discard(ref)
            if not missing[user] and user not in placed:
                heapq.heappush(ready, (sort_key(user), user))
    return order


def _types(settings: ExportSettings) -> list[ObjectType] | None:
    """The types that can be meant, None for all."""
    if settings.all_objects:
        return None if settings.content.schema else list(_WITH_ROWS)
    types = set()
    for pattern in settings.patterns:
        types |= {pattern.type} if pattern.type else set(_WITH_ROWS)
    return sorted(types, key=_TYPE_ORDER.__getitem__)


def _matched(
    patterns: Iterable[ObjectPattern], refs: Iterable[ObjectRef]
) -> dict[ObjectPattern, set[ObjectRef]]:
    """For each pattern what it means among `refs`: exact names by look-up, the others one by one."""
    refs = list(refs)
    by_name: dict[str, list[ObjectRef]] = defaultdict(list)
    for ref in refs:
        by_name[ref.name].append(ref)
    result = {}
    for pattern in patterns:
        literal = pattern.literal
        candidates = refs if literal is None else by_name.get(literal, [])
        result[pattern] = {ref for ref in candidates if pattern.matches(ref)}
    return result


def _unseen(settings: ExportSettings, listed: Sequence[ObjectInfo]) -> list[ObjectRef]:
    """Objects that were named but aren't in the list, where the task goes on without those that fail: some
    servers hide what the account has no right to, so that it can't be told from what isn't there."""
    if settings.on_error is not OnError.CONTINUE:
        return []
    found = _matched(settings.patterns, (info.ref for info in listed))
    if not any(found.values()):
        return []
    return [
        ObjectRef(type=pattern.type or ObjectType.TABLE, name=pattern.literal)
        for pattern in settings.patterns
        if not found[pattern] and pattern.literal is not None
    ]


def _nothing_meant(
    empty: Sequence[ObjectPattern],
    listed: Sequence[ObjectInfo],
    session: Session,
    settings: ExportSettings,
    database: str,
) -> NotFound:
    words = ", ".join(repr(str(pattern)) for pattern in empty[:5])
    more = f" and {len(empty) - 5} more" if len(empty) > 5 else ""
    plain = empty[0]
    hint = near(plain.name, [i.ref.name for i in listed if plain.type in (None, i.ref.type)])
    if plain.type is None:
        hint = _of_another_type(plain, session, settings, database) or hint
    elif not any(plain.type is info.ref.type for info in listed):
        hint = f"There is no {plain.type} that this export could take."
    return NotFound(
        f"Nothing that this account sees in database {database!r} is meant by {words}{more}.", hint
    )


def _of_another_type(
    pattern: ObjectPattern, session: Session, settings: ExportSettings, database: str
) -> str:
    """Words for a name without a type that only things without rows have, of which a type must be said."""
    wanted = (pattern.literal or "").casefold()
    others = [kind for kind in ObjectType if kind not in _WITH_ROWS and kind.stored]
    found = sorted(
        (i.ref for i in session.objects(database, others) if i.ref.name.casefold() == wanted), key=str
    )
    if not found:
        return ""
    if settings.content.schema:
        return f"Did you mean {' or '.join(map(str, found))}?"
    verb = (
        "has no rows: with --content schema it"
        if len(found) == 1
        else "have no rows: with --content schema they"
    )
    return f"{' and '.join(map(str, found))} {verb} could leave."


def near(name: str, known: Sequence[str]) -> str:
    """Words that name what comes close."""
    folded: dict[str, str] = {}
    for other in known:
        folded.setdefault(other.casefold(), other)
    near = [folded[key] for key in difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.6)]
    if near:
        return f"Nearest: {', '.join(map(repr, near))}."
    return f"There are: {_few(known)}." if known else "There is none at all."


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:8]))
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown

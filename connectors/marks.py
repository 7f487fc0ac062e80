"""What a source tells of marks: the columns by which new rows are known, and what may come in late.

An export of new rows goes like this; all of it by one session.

1. `newest` of each object, then `open_transactions`, then the point in time is fixed (`Session.begin`).
2. `newest` again, as of the point in time: that is where the run ends.
3. Rows are read by `Session.read` with a part's condition from `condition`, from a floor on that lies far
   enough behind the last run's end for whatever was committed late. What was exported before is left out by
   what is remembered of it.

A floor is safe where every row that can't be seen yet lies at or above it. The largest mark that could be
seen at a time t is, if every transaction that is open now began after t: their rows got their marks later.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from connectors.base import TableShape
from core.model.mark import MarkKind, ordered
from core.model.vocabulary import ObjectRef


@dataclass(frozen=True, slots=True)
class MarkColumn:
    """A column that can be a mark. `type` as the source names it.

    `automatic`: the server itself gives each new row a larger value (identity, auto-increment). `touched`:
    the server itself sets it anew whenever a row changes. `indexed`: an index begins with it, so that the
    newest rows are found without reading all. `unique`: no two rows share a value. `coarse`: in words, how
    far apart values are at least where many rows may share one (`whole seconds`). `hazards` are further
    words about what may go wrong with it.
    """

    name: str
    type: str
    kind: MarkKind
    automatic: bool = False
    touched: bool = False
    nullable: bool = True
    indexed: bool = False
    unique: bool = False
    coarse: str = ""
    hazards: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenTransactions:
    """By the server's clock: `now`, and `since` when the oldest transaction began that may still make rows
    appear, None where there is none."""

    now: datetime
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ahead:
    """`rows` that meet a condition, the lowest and the highest of their marks as the server writes them."""

    rows: int
    lowest: str | None = None
    highest: str | None = None


class Marks(ABC):
    """The part of a session that knows about marks: `Session.marks`. A value of a mark is the text in which
    the server writes it. Every method may raise ConnectionLost, NoPrivilege, StatementFailed.

    `in_order`: rows can't be committed late, since whoever writes has the database alone; then
    `open_transactions` is never asked.
    """

    in_order: bool = False

    @abstractmethod
    def columns(self, database: str, shape: TableShape) -> tuple[MarkColumn, ...]:
        """The columns of a table or view whose values can be compared and come as numbers or times, in the
        table's order."""

    @abstractmethod
    def newest(self, database: str, shape: TableShape, column: MarkColumn) -> str | None:
        """The largest value, as of the point in time where one is fixed; None where there is none."""

    @abstractmethod
    def quoted(self, shape: TableShape, column: MarkColumn) -> str:
        """The column as it stands in a statement."""

    @abstractmethod
    def compared(
        self, database: str, shape: TableShape, column: MarkColumn, operator: str, value: str
    ) -> str:
        """A predicate in the source's dialect: the column, one of < <= >= >, and a value, which is one of its
        kind and only ever put in as a literal."""

    def condition(
        self,
        database: str,
        shape: TableShape,
        column: MarkColumn,
        low: str | None,
        high: str | None,
        *,
        above: bool = False,
        below: bool = False,
    ) -> str:
        """A predicate for rows with low <= mark <= high; low < mark where `above`, mark < high where `below`;
        None for no bound. NULL meets none. Raises InvalidValue for a text that is no value of the column's
        kind."""
        terms = []
        for value, operator in ((low, ">" if above else ">="), (high, "<" if below else "<=")):
            if value is not None:
                ordered(value, column.kind)
                terms.append(self.compared(database, shape, column, operator, value))
        return " AND ".join(terms) or f"{self.quoted(shape, column)} IS NOT NULL"

    def missing(self, shape: TableShape, column: MarkColumn) -> str:
        """A predicate for rows whose mark is NULL."""
        return f"{self.quoted(shape, column)} IS NULL"

    @abstractmethod
    def ahead(self, database: str, shape: TableShape, column: MarkColumn, condition: str) -> Ahead:
        """How many rows meet a condition, and from where to where."""

    @abstractmethod
    def open_transactions(self, kind: MarkKind) -> OpenTransactions | None:
        """What may still be committed whose rows have marks of the past: of times, whatever is open; of
        numbers, what has begun to write. Not this session's own, nor another one's of Offramp. Asked outside
        of a point in time. None where the account isn't told."""

    def sign(self, database: str, refs: Sequence[ObjectRef]) -> str | None:
        """A text that differs once rows of these have been changed and committed, cheaper to have than
        `newest` of each; None where the source offers none for all of them."""
        del database, refs
        return None

"""Small readers, written from the rules and not from the encoders: CSV, and the literals of two dialects."""

from __future__ import annotations


class Null:
    """What a reader gives for NULL, told apart from every text."""

    def __repr__(self) -> str:
        return "NULL"


NULL = Null()


def read_csv(
    text: str, separator: str, quote: str, newline: str, null: str, *, backslash: bool = False
) -> list[list[object]]:
    """Records of CSV: RFC 4180, an unquoted field equal to `null` is NULL; with `backslash` as LOAD DATA reads
    it (an escape takes the next character as it is, \\N alone is NULL, so is the unquoted word NULL)."""
    records: list[list[object]] = []
    at = 0
    while at < len(text):
        record: list[object] = []
        while True:
            quoted = text.startswith(quote, at)
            at += quoted
            raw_start, field, raw = at, [], ""
            while True:
                if backslash and text[at : at + 1] == "\\":
                    raw += text[at : at + 2]
                    field.append(text[at + 1])
                    at += 2
                elif quoted and text.startswith(quote * 2, at):
                    field.append(quote)
                    at += 2
                elif quoted and text.startswith(quote, at):
                    at += 1
                    assert text.startswith((separator, newline), at), (text[raw_start - 5 : at + 5],)
                    break
                elif not quoted and (text.startswith((separator, newline), at)):
                    break
                else:
                    assert at < len(text), "ends within a field"
                    assert quoted or text[at] not in (quote, "\r", "\n"), text[raw_start : at + 5]
                    raw += text[at]
                    field.append(text[at])
                    at += 1
            is_null = not quoted and (raw == null or (backslash and raw == "NULL"))
            record.append(NULL if is_null else "".join(field))
            if text.startswith(newline, at):
                at += len(newline)
                break
            at += len(separator)
        records.append(record)
    return records


_UNESCAPED = {ord("0"): 0, ord("n"): 10, ord("r"): 13, ord("Z"): 26, ord("t"): 9, ord("b"): 8}


def read_mysql(sql: bytes) -> list[list[object]]:
    """The rows of INSERT statements in MySQL's dialect ("String Literals", MySQL 8.0 manual): text as str or
    bytes, numbers as bytes in a tuple. Every other line must be a statement that ends in a semicolon."""
    rows: list[list[object]] = []
    at = 0
    while at < len(sql):
        if not sql.startswith(b"INSERT INTO ", at):
            end = sql.index(b"\n", at)
            assert sql[at:end].endswith(b";") or sql.startswith(b"-- ", at), sql[at:end]
            at = end + 1
            continue
        at = sql.index(b" VALUES\n", at) + 8
        while True:
            assert sql[at : at + 1] == b"("
            at += 1
            row: list[object] = []
            while True:
                value, at = _mysql_value(sql, at)
                row.append(value)
                at += 1
                if sql[at - 1 : at] == b")":
                    break
                assert sql[at - 1 : at] == b",", sql[at - 20 : at + 20]
            rows.append(row)
            end = sql[at : at + 2]
            at += 2
            if end == b";\n":
                break
            assert end == b",\n", sql[at - 20 : at + 20]
    return rows


def _mysql_value(sql: bytes, at: int) -> tuple[object, int]:
    if sql.startswith(b"NULL", at):
        return NULL, at + 4
    for prefix, decode in ((b"X'", False), (b"_utf8mb4 X'", True)):
        if sql.startswith(prefix, at):
            end = sql.index(b"'", at + len(prefix))
            data = bytes.fromhex(sql[at + len(prefix) : end].decode())
            return (("text", data) if decode else data), end + 1
    if sql[at : at + 1] == b"'":
        at += 1
        text = bytearray()
        while sql[at] != ord("'"):
            if sql[at] == ord("\\"):
                at += 1
                text.append(_UNESCAPED.get(sql[at], sql[at]))
            else:
                assert sql[at] not in b"\0\n\r\x1a", "stands as it is though the client alters it"
                text.append(sql[at])
            at += 1
        return ("text", bytes(text)), at + 1
    end = at
    while sql[end : end + 1] not in (b",", b")"):
        end += 1
    return ("number", sql[at:end]), end

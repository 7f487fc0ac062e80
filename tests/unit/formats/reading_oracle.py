"""A small reader of the SQL that is written for Oracle: rows as its server would understand them, by the rules
of the "SQL Language Reference" (literals, CHR, ||, HEXTORAW) and of DBMS_LOB."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field

TOKEN = re.compile(
    r"\s+|(?P<text>[nN]?'(?:[^']|'')*')|(?P<number>-?\d[\d.]*(?:[eE][+-]?\d+)?[dfDF]?(?![\w]))|(?P<join>\|\|)"
    r"|(?P<name>-?[A-Za-z_][\w.$]*|\"[^\"]*\")|(?P<sign>[(),;]|:=|/)"
)
# SQL*Plus takes no longer lines, in its older versions.
LONGEST_LINE = 2499
LONGEST_LITERAL = 4000


def tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(text):
        match = TOKEN.match(text, at)
        assert match is not None, text[at : at + 40]
        at = match.end()
        if match.lastgroup:
            found.append((match.lastgroup, match[0]))
    return found


@dataclass
class Reader:
    """`rows` of the INSERTs, by their values: text, bytes, None, or what a function or number says."""

    left: deque[tuple[str, str]]
    rows: list[list[object]] = field(default_factory=list)
    commits: list[int] = field(default_factory=list)
    variables: dict[str, object] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)

    def take(self, text: str | None = None) -> str:
        _, found = self.left.popleft()
        assert text is None or found == text, (found, text)
        return found

    def peek(self) -> str:
        return self.left[0][1] if self.left else ""

    def script(self) -> None:
        while self.left:
            word = self.take()
            if word == "DECLARE":
                self.block()
            elif word == "INSERT":
                self.insert()
            elif word == "COMMIT":
                self.take(";")
                self.commits.append(len(self.rows))
            else:
                raise AssertionError(word)

    def block(self) -> None:
        while self.peek() != "BEGIN":
            name, kind = self.take(), self.take()
            self.take(";")
            self.variables[name] = b"" if kind == "BLOB" else ""
        self.take("BEGIN")
        while (word := self.take()) != "END":
            if word == "INSERT":
                self.insert()
                continue
            name = self.left[1][1]
            arguments = self.arguments()
            self.take(";")
            if word == "DBMS_LOB.APPEND":
                self.variables[name] += arguments[1]
            elif word == "DBMS_LOB.WRITEAPPEND":
                assert arguments[1] == ("number", str(len(arguments[2])))
                self.variables[name] += arguments[2]
            else:
                assert word == "DBMS_LOB.CREATETEMPORARY"
        self.take(";")
        self.take("/")

    def insert(self) -> None:
        self.take("INTO")
        self.take()
        self.take("(")
        self.columns = [self.take()]
        while self.take() == ",":
            self.columns.append(self.take())
        self.take("VALUES")
        row = self.arguments()
        self.take(";")
        assert len(row) == len(self.columns)
        self.rows.append(row)

    def arguments(self) -> list[object]:
        self.take("(")
        found = [self.expression()]
        while self.peek() == ",":
            self.take()
            found.append(self.expression())
        self.take(")")
        return found

    def expression(self) -> object:
        value = self.term()
        while self.peek() == "||":
            self.take()
            more = self.term()
            assert isinstance(value, str)
            assert isinstance(more, str)
            value += more
        return value

    def term(self) -> object:
        kind, word = self.left.popleft()
        if kind == "text":
            assert "\n" not in word
            assert "\r" not in word
            assert len(word.encode()) <= LONGEST_LITERAL
            return word[word.index("'") + 1 : -1].replace("''", "'")
        if kind == "number":
            return ("number", word)
        if word == "NULL":
            return None
        if self.peek() == "(":
            arguments = self.arguments()
            if word == "CHR":
                return chr(int(arguments[0][1]))
            if word == "HEXTORAW":
                return bytes.fromhex(arguments[0])
            return (word, *arguments)
        return self.variables.get(word, ("name", word))


def read_oracle(data: bytes) -> Reader:
    """The file without what is said to the client and the session."""
    text = data.decode()
    assert all(len(line.encode()) <= LONGEST_LINE for line in text.split("\n"))
    lines = text.split("\n")
    first = next(
        (n for n, line in enumerate(lines) if line.startswith(("INSERT", "DECLARE", "COMMIT"))), len(lines)
    )
    body = "\n".join(lines[first:]).replace("EMPTY_CLOB()", "''").replace("EMPTY_BLOB()", "HEXTORAW('')")
    reader = Reader(deque(tokens(body)))
    reader.script()
    return reader

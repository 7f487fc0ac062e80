"""A password that is looked for, in whatever form, wherever Offramp or the system may have put it."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

from tests.cli.conftest import COMMAND, Offramp, Result
from tests.tui.pseudoterminal import PseudoTerminal

# What every way of quoting and escaping leaves as it is, and around it what each of them changes.
TOKEN = "cAnArYx7"
CANARY = f"{TOKEN} ü%s{{0}}\"'\\@:/"


def _sought() -> re.Pattern[bytes]:
    token = TOKEN.encode()
    forms = {re.escape(token), token.hex().encode()}
    for before in (b"", b"x", b"xx"):
        # In base64 a text looks in one of three ways; the characters at its ends are mixed with its neighbours'.
        whole = base64.b64encode(before + token)
        start = -(-len(before) * 8 // 6)
        end = (len(before) + len(token)) * 8 // 6
        forms.add(re.escape(whole[start:end]))
    reversed_ = token[::-1]
    forms |= {
        re.escape(reversed_),
        re.escape(TOKEN.encode("utf-16-le")),
        re.escape(TOKEN.encode("utf-16-be")),
    }
    return re.compile(b"|".join(forms), re.IGNORECASE)


SOUGHT = _sought()


def holds_canary(data: bytes | str) -> bool:
    return (
        SOUGHT.search(data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data) is not None
    )


def files_with_canary(*directories: Path) -> list[str]:
    """Below the directories, but for the file of secrets, in which it belongs."""
    found = []
    for directory in directories:
        for path in directory.rglob("*"):
            if holds_canary(str(path)):
                found.append(str(path))
            if (
                path.is_file()
                and not path.is_symlink()
                and path.name != "secrets.json"
                and holds_canary(path.read_bytes())
            ):
                found.append(str(path))
    return found


def processes(home: Path) -> Iterator[tuple[int, bytes, bytes]]:
    """Command line and environment of every process that knows of the home: engine, workers, their children."""
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            line, environment = (directory / "cmdline").read_bytes(), (directory / "environ").read_bytes()
        except OSError:
            continue
        if str(home).encode() in environment + line:
            yield int(directory.name), line, environment


class Recorder:
    """Runs commands and keeps all that they print."""

    def __init__(self, offramp: Offramp) -> None:
        self.offramp = offramp
        self.said = b""

    def __call__(self, *args: str, stdin: str = "", code: int | None = None, alone: bool = False) -> Result:
        """In this process; `alone` in one of its own, which sees the packages of the test."""
        run = self.offramp if alone else self.offramp.quick
        result = run(*args, stdin=stdin, code=code)
        self.said += (result.out + result.err).encode()
        return result

    def at_a_prompt(self, *args: str, answer: str) -> None:
        """A command that asks for a password on its terminal."""
        terminal = PseudoTerminal(
            (*COMMAND, *args), environment=self.offramp.env, directory=self.offramp.directory
        )
        try:
            terminal.until("Password of")
            terminal.drain(0.2)  # getpass switches the echo off after it has asked
            terminal.send(f"{answer}\r")
            assert terminal.wait() == 0
        finally:
            terminal.kill()
        self.said += bytes(terminal.output)

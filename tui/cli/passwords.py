"""Where the command line takes a password from. Never from an argument: those stand in the process list."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable

from core.errors import SecretError, UsageError
from core.model.secret import CommandSecret, EnvironmentSecret, SecretRef
from core.service.passwords import NewPassword
from tui.cli.output import Output

LONGEST = 64 << 10


def add_password_options(parser: argparse.ArgumentParser, *, prefix: str, whose: str) -> None:
    """`--{prefix}password-ask` and the others; their values land in `{prefix}password_*`."""
    group = parser.add_argument_group(f"password of {whose} (one of)")
    ways = group.add_mutually_exclusive_group()
    ways.add_argument(
        f"--{prefix}password-ask",
        action="store_true",
        help="ask for it on the terminal and keep it (mode 0600)",
    )
    ways.add_argument(
        f"--{prefix}password-stdin",
        action="store_true",
        help="read it from the first line of standard input and keep it (mode 0600)",
    )
    ways.add_argument(
        f"--{prefix}password-env",
        metavar="VAR",
        help="take it from this environment variable of the program that runs the engine, each time anew",
    )
    ways.add_argument(
        f"--{prefix}password-command",
        metavar="CMD",
        help="take the first line that this shell command prints, run anew at each connect",
    )


def given(
    args: argparse.Namespace, out: Output, *, prefix: str, whose: str
) -> str | EnvironmentSecret | CommandSecret | None:
    """What the options say: a password to keep, a reference, or None. Raises SecretError, UsageError."""
    name = prefix.replace("-", "_")
    if getattr(args, f"{name}password_ask"):
        return ask(out, whose)
    if getattr(args, f"{name}password_stdin"):
        return read_line()
    if variable := getattr(args, f"{name}password_env"):
        return EnvironmentSecret(variable=variable)
    if command := getattr(args, f"{name}password_command"):
        return CommandSecret(command=command)
    return None


def kept(
    args: argparse.Namespace, out: Output, whose: str, in_keyring: Callable[[str], SecretRef]
) -> NewPassword | SecretRef | None:
    """What the options and --keyring say of something with a name: a password to keep, or a reference.
    `in_keyring` finds the one that the keyring holds for that name already. Raises SecretError,
    UsageError."""
    found = given(args, out, prefix="", whose=whose)
    if isinstance(found, str):
        return NewPassword(found, in_keyring=args.keyring)
    if not args.keyring:
        return found
    if found is not None:
        raise UsageError(
            "--keyring keeps a password; with --password-env and --password-command none is kept.",
            "Use one of them.",
        )
    return NewPassword(ask(out, whose), in_keyring=True) if out.asks else in_keyring(args.name)


def ask(out: Output, whose: str) -> str:
    """Asked twice nowhere: a wrong one shows in the connection's test."""
    if not out.asks:
        raise UsageError(
            f"The password of {whose} can't be asked for: there is no terminal, or --no-input was given.",
            "Use --password-stdin, --password-env VAR or --password-command CMD.",
        )
    password = getpass.getpass(f"Password of {whose}: ", stream=sys.stderr)
    if not password:
        raise SecretError("No password was given.")
    return password


def read_line() -> str:
    """The first line of standard input. Raises SecretError where there is none."""
    data = sys.stdin.buffer.readline(LONGEST)
    try:
        password = data.removesuffix(b"\n").removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        raise SecretError("What came from standard input is no UTF-8 text.") from None
    if not password:
        raise SecretError("No password came from standard input.", "Its first line is the password.")
    return password

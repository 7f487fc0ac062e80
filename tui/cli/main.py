"""The command `offramp`: finds out what is asked for, has it done, and turns errors into exit codes."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NoReturn

from core.dumps import forbid_core_dumps
from core.errors import OfframpError, StoreOnNetwork, UsageError
from tui.cli.output import Output, abandon_output, adopt_streams

INTERRUPTED = 130
NOBODY_READS = 141
GARBAGE_OBJECTS = 20_000


def entry() -> NoReturn:
    """The console script."""
    forbid_core_dumps()
    # What is imported stays: to look through it for garbage again and again, as the usual threshold of 700
    # objects has it, is a tenth of a short command's time.
    gc.set_threshold(GARBAGE_OBJECTS)
    code = main(sys.argv[1:])
    # All is done: a Ctrl-C that comes while Python shuts down must not change how it ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


def main(arguments: Sequence[str]) -> int:
    """Carry out a command line; gives back the exit code."""
    adopt_streams()
    out = Output()
    try:
        try:
            code = _run(arguments)
        except StoreOnNetwork as error:
            from tui.cli.store import offer  # noqa: PLC0415 - once for each host

            if not offer(error, Output(ask="--no-input" not in arguments)):
                raise
            code = _run(arguments)
        sys.stdout.flush()
    except OfframpError as error:
        out.fail(error)
        return error.exit_status
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        abandon_output()
        return NOBODY_READS
    return code


def _run(arguments: Sequence[str]) -> int:
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise UsageError(f"Argument {argument!r} is no UTF-8 text.", "Names and paths must be.") from None
    from tui.cli import parser  # noqa: PLC0415 - after the arguments are known to be text

    grammar = parser.build()
    if "_ARGCOMPLETE" in os.environ:
        from tui.cli.completion import complete  # noqa: PLC0415 - only the shell asks for it

        complete(grammar)
    args = grammar.parse_args(arguments)
    return _handler(args)(args, Output(quiet=args.quiet, ask=not args.no_input))


def _handler(args: argparse.Namespace) -> Callable[[argparse.Namespace, Output], int]:
    """Only the module of the command that is asked for is loaded."""
    name: str = getattr(args, "handler", "")
    modes = [flag for flag in ("version", "headless", "demo", "background") if getattr(args, flag)]
    if args.command is not None and modes:
        raise UsageError(f"--{modes[0]} goes without a command.", "See: offramp --help")
    if args.drain and not args.headless:
        raise UsageError("--drain goes with --headless.", "See: offramp --help")
    if args.command is None:
        name = f"system:{modes[0]}" if modes else "tasks:overview"
        if args.headless:
            name = "system:headless"
    module, _, function = name.partition(":")
    found: Callable[[argparse.Namespace, Output], int] = getattr(import_module(f"tui.cli.{module}"), function)
    return found


if __name__ == "__main__":
    entry()

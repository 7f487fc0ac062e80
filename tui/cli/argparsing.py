"""argparse, taught what the command line needs: options anywhere, errors with the nearest right word."""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Sequence
from typing import Any, NoReturn

from core.errors import UsageError
from core.model.spelling import nearest


class Parser(argparse.ArgumentParser):
    """Takes options anywhere among the arguments; says what is wrong in one line, with the nearest right
    word. Raises UsageError instead of leaving the program."""

    def __init__(self, *, intermixed: bool = False, **more: Any) -> None:
        super().__init__(
            **{"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False, **more}
        )
        self._intermixed = intermixed

    def parse_known_args(  # type: ignore[override]  # its overloads are for other kinds of namespace
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        if not self._intermixed:
            return super().parse_known_args(args, namespace)
        # argparse takes all positional arguments at the first one: `dump shop --to DIR orders` would fail.
        # This does it in two goes, calling back here.
        self._intermixed = False
        try:
            return super().parse_known_intermixed_args(args, namespace)
        finally:
            self._intermixed = True

    def error(self, message: str) -> NoReturn:
        hint = f"See: {self.prog} --help"
        if found := re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message):
            choices = re.findall(r"[\w-]+", found[2])
            close = nearest(found[1], choices)
            message = f"{found[1]!r} is none of {', '.join(choices)}"
            hint = f"Did you mean {close}?" if close else hint
        elif found := re.search(r"unrecognized arguments: (.*)", message):
            word = found[1].split()[0].split("=")[0]
            known = [name for name in self._every_option() if name.startswith("--")]
            elsewhere = word in known
            close = nearest(word, known) if word.startswith("-") and not elsewhere else None
            message = f"{word!r} is not understood{' by this command' if elsewhere else ''}"
            hint = f"Did you mean {close}?" if close else hint
        raise UsageError(f"{message[0].upper()}{message[1:]}.".replace("..", "."), hint)

    def _every_option(self) -> set[str]:
        """This parser's options and those of its commands: argparse reports what is left over at the top."""
        found = set(self._option_string_actions)
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                for parser in action.choices.values():
                    found |= parser._every_option()
        return found


def common(parser: argparse.ArgumentParser, *, top: bool = False) -> None:
    """What every command takes, before or after its name."""
    default: Any = False if top else argparse.SUPPRESS
    group = parser.add_argument_group("general")
    group.add_argument("-q", "--quiet", action="store_true", default=default, help="no words but errors")
    group.add_argument(
        "--no-input", action="store_true", default=default, help="never ask; fail where an answer is needed"
    )


def command(
    commands: Any, name: str, handler: str, text: str, *, more: str = "", json: str = "", epilog: str = ""
) -> Parser:
    """A command: `text` is its line in the list, `more` goes on in its own help, `json` is what --json
    prints, `handler` the function that carries it out as `module:function`."""
    parser: Parser = commands.add_parser(
        name,
        help=text,
        description=textwrap.fill(f"{text[0].upper()}{text[1:]}. {more}", 79),
        epilog=epilog,
        intermixed=True,
    )
    parser.set_defaults(handler=handler)
    if json:
        parser.add_argument("--json", action="store_true", help=f"print {json} as JSON, times in UTC")
    common(parser)
    return parser


def group(commands: Any, name: str, text: str) -> Any:
    parser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    common(parser)
    return parser.add_subparsers(
        dest="subcommand", metavar="COMMAND", title="commands", required=True, parser_class=Parser
    )

"""The grammar of `offramp destination`."""

from __future__ import annotations

from typing import Any

from core.model.destination import OPTIONS
from tui.cli import engine_options
from tui.cli.argparsing import command, group
from tui.cli.passwords import add_password_options


def _epilog() -> str:
    lines = [
        "URLs (percent-encode @ : / ? # % inside names):",
        "  s3://BUCKET/prefix                Amazon S3, or with endpoint=… what speaks like it",
        "  sftp://USER@HOST:22/data/out      /~/out counts from where the login begins",
        "  ftp://USER@HOST:21/data           ftps:// is the same within TLS",
        "  hdfs://HOST:8020/data             needs Hadoop's libhdfs, Java and CLASSPATH",
        "  OTHER://…                         whatever fsspec knows; its arguments are the options,",
        "                                    secret_option=NAME says which of them the password is",
        "  DIR                               a local directory by a name",
        "",
        "options:",
    ]
    for scheme in ("s3", "sftp", "ftp", "hdfs"):
        for key, text in OPTIONS[scheme].items():
            lines.append(f"  {scheme:<5}{key + '=…':<15}{text}")
    lines.append("A password in a URL or an option is refused or shown: keep it by one of the ways above.")
    return "\n".join(lines)


def add_destinations(commands: Any) -> None:
    """Its commands, among the others."""
    of = group(commands, "destination", "places that files go to: add, edit, list, show, test, remove")
    add = command(
        of, "add", "destinations:add", "keep a named place that files go to", json="it", epilog=_epilog()
    )
    edit = command(
        of,
        "edit",
        "destinations:edit",
        "change a destination",
        json="it",
        more="What isn't given stays as it is.",
        epilog=_epilog(),
    )
    for parser in (add, edit):
        parser.add_argument("name", metavar="NAME", help="what the destination is called")
        if parser is add:
            parser.add_argument("url", metavar="URL", help="see below; or a local directory")
        else:
            parser.add_argument("--url", metavar="URL", help="where it is now")
            parser.add_argument("--unset", metavar="KEY", action="append", help="take an option back")
        parser.add_argument(
            "-o", "--option", metavar="KEY=VALUE", action="append", help="see below; may be repeated"
        )
        engine_options.add_defaults(parser, "to there")
        add_password_options(parser, prefix="", whose="the destination")
        parser.add_argument(
            "--keyring",
            action="store_true",
            help="keep the password in the operating system's keyring; without --password-ask or "
            "--password-stdin use the one that is there, under service offramp and `destination NAME`",
        )
    edit.add_argument("--no-password", action="store_true", help="do without one from now on")
    command(of, "list", "destinations:list_", "all destinations", json="them")
    show = command(of, "show", "destinations:show", "one destination", json="it")
    show.add_argument("--toml", action="store_true", help="print its definition, for export apply")
    test = command(
        of,
        "test",
        "destinations:test",
        "try a destination: get in, look, write a file, read it back, remove it",
        json="the steps",
        more="Exit code 1 where it fails.",
    )
    remove = command(
        of,
        "remove",
        "destinations:remove",
        "forget a destination and its password",
        more="Refused while exports or open tasks use it. The files there stay.",
    )
    for parser in (show, test, remove):
        parser.add_argument("name", metavar="NAME", help="the destination")

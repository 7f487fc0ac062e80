"""The command line's grammar: commands, options, and the help for each of them."""

from __future__ import annotations

import argparse
from typing import Any

from tui.cli import engine_options, load_options
from tui.cli.argparsing import Parser, command, common, group
from tui.cli.notify import add_notify
from tui.cli.object_options import OBJECTS_HELP
from tui.cli.parser_destinations import add_destinations
from tui.cli.parser_exports import add_exports
from tui.cli.parser_store import add_store
from tui.cli.passwords import add_password_options
from tui.cli.settings import add_settings, add_sys_account
from tui.cli.values import number

EXIT_CODES = """exit codes:
  0  done                 2  wrong usage     4  timeout    75   the store is busy, try again
  1  failed               3  not found       5  aborted    130  interrupted (Ctrl-C)

Data goes to standard output, words to standard error."""


def build() -> Parser:
    """The whole grammar. Each command's `handler` names the function that carries it out."""
    parser = Parser(
        prog="offramp",
        description="A task manager for database exports: exact, resumable, at most three at a time. "
        "Without a command it opens the screens.",
        epilog=EXIT_CODES,
    )
    parser.add_argument("--version", action="store_true", help="print the version and leave")
    parser.add_argument(
        "--headless",
        action="store_true",
        help="run queued and scheduled tasks here, without screens, until Ctrl-C",
    )
    parser.add_argument(
        "--drain", action="store_true", help="with --headless: leave when there is nothing more to run"
    )
    parser.add_argument("--background", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(
        "--demo",
        nargs="?",
        const="offramp-demo",
        metavar="DIR",
        help="make a sample shop database in DIR (default: offramp-demo) with three exports, and run them",
    )
    parser.add_argument(
        "--read-only", action="store_true", help="open the screens without a way to change or run anything"
    )
    parser.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    common(parser, top=True)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", parser_class=Parser)
    _connections(commands)
    add_destinations(commands)
    add_exports(commands)
    _running(commands)
    _tasks(commands)
    _files(commands)
    _system(commands)
    return parser


URLS = """URLs (percent-encode @ : / ? # % inside names):
  sqlite:///PATH                    PATH counts from here; sqlite:////PATH is absolute
  mysql://USER@HOST:3306/DATABASE   mariadb:// is the same; port 3306 is the default
  oceanbase://USER%40TENANT@HOST:2881/DATABASE
  postgresql://USER@HOST:5432/DATABASE?schema=SCHEMA   postgresql://USER@/DATABASE?host=/SOCKET/DIRECTORY
  oracle://USER@HOST:1521/SERVICE?schema=SCHEMA   oracle://USER@HOST/?sid=SID   oracle://USER@/?tns=ALIAS
  Oracle: ?config_dir=DIR  ?wallet=DIR  ?wallet_password_env=VAR  ?thick=DIR
  ?unix_socket=PATH  ?connect_timeout=SECONDS  ?read_timeout=SECONDS  ?task_limit=N  ?session_limit=N
  ?engine=local|dask  ?dask_scheduler=tcp://HOST:8786
  ?tls=off|prefer|require|verify-ca|verify-identity  ?tls_ca=FILE  ?tls_cert=FILE  ?tls_key=FILE
A password in a URL is refused: it would stand in the process list and the shell's history."""


def _oracle(group: Any) -> None:
    group.add_argument("--sid", metavar="SID", help="in place of a service's name")
    group.add_argument(
        "--tns", metavar="ALIAS", help="of tnsnames.ora, or a whole descriptor; says host and service itself"
    )
    group.add_argument("--config-dir", metavar="DIR", help="where tnsnames.ora is")
    group.add_argument("--wallet", metavar="DIR", help="where ewallet.pem is (thick mode: cwallet.sso)")
    group.add_argument(
        "--wallet-password-env",
        metavar="VAR",
        help="the environment variable with its password, where the engine runs",
    )
    group.add_argument(
        "--thick",
        metavar="DIR",
        help="Oracle's client libraries, to be used: native network encryption needs them",
    )


def _connections(commands: Any) -> None:
    of = group(commands, "connection", "ways into databases: add, list, show, test, remove")
    add = command(
        of, "add", "connections:add", "keep a named way into a database", json="what was kept", epilog=URLS
    )
    # Of many options the usual line of usage would be a page.
    add.usage = "offramp connection add NAME [URL] [OPTION ...]"
    add.add_argument("name", metavar="NAME", help="what the connection is to be called")
    add.add_argument("url", metavar="URL", nargs="?", help="see below; or use the options instead")
    place = add.add_argument_group("the place, instead of a URL or beside it")
    place.add_argument("--mode", metavar="M", help="sqlite, mysql, mariadb, oceanbase, postgresql or oracle")
    place.add_argument("--path", metavar="FILE", help="SQLite: the database file")
    place.add_argument("--host", metavar="H", help="name or address of the server")
    place.add_argument(
        "--port", metavar="P", type=number, help="default 3306, OceanBase 2881, PostgreSQL 5432, Oracle 1521"
    )
    place.add_argument(
        "--unix-socket", metavar="PATH", help="instead of host and port; PostgreSQL: its directory"
    )
    place.add_argument(
        "--user", metavar="U", help="OceanBase: user@tenant, through a proxy user@tenant#cluster"
    )
    place.add_argument(
        "--database", metavar="D", help="where browsing and exports start; Oracle: the service's name"
    )
    place.add_argument(
        "--schema", metavar="S", help="PostgreSQL, Oracle: where they start within the database"
    )
    _oracle(add.add_argument_group("Oracle"))
    place.add_argument(
        "--tls", metavar="MODE", help="off, prefer (default), require, verify-ca or verify-identity"
    )
    place.add_argument("--tls-ca", metavar="FILE", help="PEM file of the authority; checks its signature")
    place.add_argument("--tls-cert", metavar="FILE", help="PEM file of this client's certificate")
    place.add_argument("--tls-key", metavar="FILE", help="PEM file of its key")
    place.add_argument("--connect-timeout", metavar="S", type=number, help="seconds; default 10")
    place.add_argument(
        "--read-timeout",
        metavar="S",
        type=number,
        help="longest silence of the server in seconds; default 600",
    )
    place.add_argument(
        "--task-limit", metavar="N", type=number, help="tasks that may read it at once; default: no limit"
    )
    place.add_argument(
        "--session-limit",
        metavar="N",
        type=number,
        help="sessions of one task at once, its own included, 2 or more; default: no limit",
    )
    engine_options.add_defaults(add, "from there")
    add_password_options(add, prefix="", whose="the connection")
    add.add_argument(
        "--keyring",
        action="store_true",
        help="keep the password in the operating system's keyring; without --password-ask or "
        "--password-stdin use the one that is there, under service offramp and the connection's name",
    )
    add.add_argument(
        "--replace", action="store_true", help="change the connection of that name, if there is one"
    )
    command(of, "list", "connections:list_", "all connections", json="them")
    show = command(of, "show", "connections:show", "one connection", json="it")
    show.add_argument("name", metavar="NAME", help="the connection")
    show.add_argument("--toml", action="store_true", help="print its definition, for export apply")
    test = command(
        of,
        "test",
        "connections:test",
        "try a connection step by step",
        json="the steps",
        more="Exit code 1 where it fails.",
    )
    test.add_argument("name", metavar="NAME", help="the connection")
    add_sys_account(test)
    remove = command(
        of,
        "remove",
        "connections:remove",
        "forget a connection and its password",
        more="Refused while exports or open tasks use it.",
    )
    remove.add_argument("name", metavar="NAME", help="the connection")
    objects = command(commands, "objects", "connections:objects", "the objects of a database", json="them")
    objects.add_argument("connection", metavar="CONNECTION", help="a connection's name")
    objects.add_argument("--database", metavar="D", help="default: the connection's, or the only one")
    objects.add_argument(
        "--type", action="append", metavar="TYPE", help="TABLE, VIEW, …; may be repeated; default: all"
    )
    objects.add_argument("--search", metavar="TEXT", help="only those with this in their name, in any case")


AT_HELP = "start then: 2026-11-30T04:00 (local, or with a zone), 04:00 (the next), or +2h"


def _running(commands: Any) -> None:
    run = command(
        commands,
        "run",
        "running:run",
        "queue a saved export; prints the task's number",
        json="the task",
        more="Ctrl-C while waiting leaves the task running.",
    )
    run.add_argument("name", metavar="NAME", help="the export")
    run.add_argument("--at", metavar="TIME", help=AT_HELP)
    run.add_argument("--wait", action="store_true", help="wait for its end, with progress")
    dump = command(
        commands,
        "dump",
        "running:dump",
        "export once, with nothing saved, and wait",
        json="the task",
        more="Prints the directory when all is there. Ctrl-C aborts; once more doesn't wait for that.",
    )
    dump.usage = "offramp dump CONNECTION [OBJECT ...] --to DIR [OPTION ...]"
    dump.add_argument("connection", metavar="CONNECTION", help="a connection's name")
    dump.add_argument("objects", metavar="OBJECT", nargs="*", help=OBJECTS_HELP)
    dump.add_argument(
        "--to",
        metavar="DIR",
        required=True,
        help="the task's directory: absent or empty; a URL (s3://bucket/dir, sftp://, ftp://, …); a "
        "destination's name, for a new directory there, or NAME:dir; or "
        "another database: connection:NAME, connection:NAME/DATABASE or the URL of a saved connection",
    )
    dump.add_argument("--name", metavar="N", help="the task's name in lists")
    dump.add_argument("--at", metavar="TIME", help=AT_HELP)
    dump.add_argument("--detach", action="store_true", help="don't wait; print the task's number")
    dump.add_argument("--dry-run", action="store_true", help="only check and print what would happen")
    add_settings(dump)


def _tasks(commands: Any) -> None:
    ls = command(
        commands, "ls", "tasks:ls", "tasks of the last 48 hours, and those that haven't ended", json="them"
    )
    ls.add_argument("--since", metavar="SPAN", default="48h", help="48h (default), 30m, 7d, or all")
    ls.add_argument("--status", action="append", metavar="S", help="only these; may be repeated")
    ls.add_argument("--connection", metavar="C", help="only tasks of this connection")
    ls.add_argument(
        "--search", metavar="TEXT", help="only with this in the name of task, export or connection"
    )
    ls.add_argument("--limit", metavar="N", type=number, help="at most so many, the newest first")
    show = command(commands, "show", "tasks:show", "one task with its objects and files", json="it")
    logs = command(commands, "logs", "tasks:logs", "a task's log")
    logs.add_argument("--alert", action="store_true", help="only warnings and errors")
    logs.add_argument("-f", "--follow", action="store_true", help="go on until the task has ended")
    for parser in (show, logs):
        parser.add_argument("id", metavar="ID", type=number, help="the task's number")
    abort = command(
        commands,
        "abort",
        "tasks:abort",
        "end tasks: their queries on the server and their temporary files too",
    )
    abort.add_argument("--force", action="store_true", help="don't let the worker finish up")
    retry = command(
        commands,
        "retry",
        "tasks:retry",
        "try failed, aborted or pausing tasks again; only what is missing is read",
    )
    limit = command(
        commands,
        "limit",
        "tasks:limit",
        "change how fast tasks may read their database, while they run too",
    )
    rm = command(
        commands,
        "rm",
        "tasks:rm",
        "forget ended tasks and their logs",
        more="Exported files stay where they are.",
    )
    wait = command(
        commands,
        "wait",
        "tasks:wait",
        "wait until tasks have ended",
        json="them",
        more="Exit code 0 when all are Completed, 1 when one has Failed, 5 when one was Aborted, 4 past "
        "the timeout.",
    )
    wait.add_argument("--timeout", metavar="S", help="at most so long: seconds, or 30m, 2h")
    for parser in (abort, retry, limit, rm, wait):
        parser.add_argument("ids", metavar="ID", type=number, nargs="+", help="numbers of tasks")
    limit.add_argument(
        "rate", type=load_options.rate, metavar="RATE", help='10m (bytes a second), "20000 rows", or none'
    )


def _files(commands: Any) -> None:
    download = command(
        commands,
        "download",
        "files:download",
        "copy what a task has exported",
        more="Each file is compared with its checksum; nothing is overwritten. From another machine: "
        "ssh HOST offramp download ID --to - | tar x",
    )
    download.add_argument("id", metavar="ID", type=number, help="the task's number")
    download.add_argument(
        "--to",
        metavar="PATH",
        required=True,
        help="a new directory, or an existing one to copy into; NAME.tar or NAME.tar.gz for an archive; "
        "- for a tar stream",
    )
    verify = command(
        commands,
        "verify",
        "files:verify",
        "read files back and compare them with their manifest",
        json="the findings",
        more="Exit code 1 where something differs.",
    )
    verify.add_argument(
        "what", metavar="ID|DIR", help="a task's number, or a directory (write ./12 for one named 12)"
    )
    verify.add_argument(
        "--against-source", action="store_true", help="also compare with what the source holds now"
    )


def _system(commands: Any) -> None:
    command(
        commands,
        "doctor",
        "system:doctor",
        "look at everything that Offramp stands on",
        json="the findings",
        more="Exit code 1 where something fails.",
    )
    add_store(commands)
    add_notify(commands)
    service = command(
        commands,
        "service",
        "service:service",
        "have scheduled tasks run after a reboot, too",
        json="how it stands",
        more="Without ACTION prints the unit of systemd's user manager that runs the engine from boot on, or "
        "the line of the crontab where there is none. Installing twice changes nothing; what was changed by "
        "hand is shown as a difference and kept unless you say otherwise.",
    )
    service.add_argument(
        "action",
        metavar="ACTION",
        nargs="?",
        choices=("show", "install", "status", "remove"),
        default="show",
        help="show (default), install, status or remove",
    )
    service.add_argument(
        "--with",
        dest="way",
        metavar="WAY",
        help="systemd or crontab; default: the one in use, else the first that this machine has",
    )
    service.add_argument(
        "-y", "--yes", action="store_true", help="overwrite or remove what was changed by hand"
    )
    completion = command(
        commands,
        "completion",
        "system:completion",
        "print shell completion",
        more='For bash: eval "$(offramp completion bash)" in ~/.bashrc.',
    )
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell that is to be taught")

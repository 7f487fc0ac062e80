"""One password, given in every way there is and met by every error there is, then looked for everywhere."""

from __future__ import annotations

import base64
import json
import os
import re
import stat
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND
from tests.faults.canary import CANARY, TOKEN, Recorder, files_with_canary, holds_canary, processes
from tests.faults.conftest import Shop
from tests.servers.mariadb import free_port

pytestmark = pytest.mark.mariadb

# Stands in for the package of the operating system's keyring, which needs a desktop: it keeps what it is given in
# a file that the test names.
KEYRING = """
import json, os, pathlib
from . import errors
FILE = pathlib.Path(os.environ["KEYRING_FILE"])
def _all(): return json.loads(FILE.read_text()) if FILE.exists() else {}
def get_password(service, user): return _all().get(f"{service}/{user}")
def set_password(service, user, password): FILE.write_text(json.dumps({**_all(), f"{service}/{user}": password}))
def delete_password(service, user): FILE.write_text(json.dumps({k: v for k, v in _all().items() if k != f"{service}/{user}"}))
def get_keyring(): return type("Keyring", (), {"name": "stand-in"})()
"""
KEYRING_ERRORS = """
class KeyringError(Exception): pass
class NoKeyringError(KeyringError): pass
class PasswordDeleteError(KeyringError): pass
"""
# In a worker, once the file is there: a driver that fails in a way that nobody foresaw, and quotes all that it has.
BROKEN_DRIVER = """
import pathlib, sys
if pathlib.Path({flag!r}).exists() and "core.engine.worker" in pathlib.Path("/proc/self/cmdline").read_text():
    import base64, urllib.parse, json, pymysql
    def connect(**given):
        text = given["password"].decode()
        raise {kind}(f"{{given!r}} {{text}} {{text!r}} {{json.dumps(text)}} {{urllib.parse.quote(text)}} "
            f"{{base64.b64encode(given['password']).decode()}} {{given['password'].hex()}}") from ValueError(text)
    pymysql.connect = connect
"""


@pytest.fixture
def recorder(shop: Shop, tmp_path: Path) -> Iterator[Recorder]:
    """A shop with a user whose password is the canary, and Python packages of the test's own."""
    literal = CANARY.replace("\\", "\\\\").replace("'", "\\'")
    shop.server.run(f"CREATE USER canary_{shop.database}@localhost IDENTIFIED BY '{literal}'")
    shop.server.run(f"CREATE USER canary_{shop.database}@127.0.0.1 IDENTIFIED BY '{literal}'")
    shop.server.run(f"GRANT SELECT, SHOW VIEW ON {shop.database}.* TO canary_{shop.database}@localhost")
    packages = tmp_path / "packages"
    (packages / "keyring").mkdir(parents=True)
    (packages / "keyring/__init__.py").write_text(KEYRING)
    (packages / "keyring/errors.py").write_text(KEYRING_ERRORS)
    (packages / "sitecustomize.py").write_text(
        BROKEN_DRIVER.format(flag=str(tmp_path / "broken"), kind="LookupError")
    )
    before = os.environ.get("PYTHONPATH")
    shop.offramp.environment |= {
        "PYTHONPATH": os.pathsep.join(filter(None, (str(packages), before))),
        "KEYRING_FILE": str(tmp_path / "keyring.json"),
    }
    (tmp_path / "command.txt").write_text(f"{CANARY}\n")
    yield Recorder(shop.offramp)
    for host in ("localhost", "127.0.0.1"):
        shop.server.run(f"DROP USER canary_{shop.database}@{host}")


def url(shop: Shop) -> str:
    return shop.url(f"canary_{shop.database}")


def give(shop: Shop, run: Recorder, tmp_path: Path) -> list[str]:
    """Connections whose password was given in every way that the command line has; their names."""
    add = ("connection", "add")
    run(*add, "by-stdin", url(shop), "--password-stdin", stdin=f"{CANARY}\n", code=0)
    run.at_a_prompt(*add, "by-prompt", url(shop), "--password-ask", answer=CANARY)
    run(*add, "by-command", url(shop), "--password-command", f"cat {tmp_path}/command.txt", code=0)
    run(*add, "by-keyring", url(shop), "--keyring", "--password-stdin", stdin=CANARY, code=0, alone=True)
    assert holds_canary((tmp_path / "keyring.json").read_bytes())
    return ["by-stdin", "by-prompt", "by-command", "by-keyring"]


def nothing_leaked(shop: Shop, run: Recorder, tmp_path: Path) -> None:
    assert files_with_canary(shop.offramp.home, *tmp_path.glob("out*")) == []
    assert not holds_canary(run.said)


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    for form in (
        CANARY, repr(CANARY), urllib.parse.quote(CANARY), json.dumps({"p": CANARY}), repr(CANARY.encode()), CANARY.upper(),
        base64.b64encode(CANARY.encode()).decode(), base64.b64encode(f"u:{CANARY}".encode()).decode(),
        base64.b64encode(f"me:{CANARY}".encode()).decode(), CANARY.encode().hex(), CANARY.encode("utf-16").hex("-")[:0] + TOKEN,
    ):  # fmt: skip
        assert holds_canary(f"before {form} after"), form
    assert holds_canary(CANARY.encode("utf-16"))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/file").write_text(f"x{CANARY}")
    assert files_with_canary(tmp_path) == [str(tmp_path / "deep/file")]
    assert not holds_canary("an ordinary text, and cAnArY x7")


def test_given_in_every_way_and_used(shop: Shop, recorder: Recorder, tmp_path: Path) -> None:
    names = give(shop, recorder, tmp_path)
    for number, name in enumerate(names, 1):
        recorder("connection", "test", name, code=0, alone=name == "by-keyring")
        recorder("connection", "show", name, "--toml", code=0)
        recorder("dump", name, "orders", "--to", str(tmp_path / f"out-{number}"), "--detach", code=0)
    recorder("objects", "by-stdin", code=0)
    recorder("connection", "list", "--json", code=0)
    recorder("export", "create", "nightly", "--connection", "by-stdin", "orders", code=0)
    recorder("export", "show", "nightly", "--toml", code=0)
    recorder("wait", "1", "2", "3", "4", code=0)
    for number in range(1, 5):
        recorder("show", str(number), "--json", code=0)
        recorder("logs", str(number), code=0)
    recorder("verify", "1", "--against-source", code=0)

    # While one runs: what the system lists of the engine, the worker and whatever they start.
    shop.set_pace(0.008)
    task = shop.start("by-stdin", "VIEW:slow", to=tmp_path / "out-slow")
    shop.until_reading(task)
    seen = list(processes(shop.offramp.home))
    assert any(b"core.engine.worker" in line for _, line, _ in seen)
    assert any(b"--headless" in line for _, line, _ in seen)
    assert not [line for _, line, environment in seen if holds_canary(line) or holds_canary(environment)]
    for pid in (pid for pid, line, _ in seen if b"--headless" in line or b"core.engine.worker" in line):
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE), (
            "a dump of it would hold the password"
        )
    shop.set_pace(0)
    shop.ends_well(task, tmp_path / "out-slow")
    for command in (
        ("ls",),
        ("ls", "--json"),
        ("doctor",),
        ("service", "--with", "systemd"),
        ("service", "--with", "crontab"),
    ):
        recorder(*command)
    nothing_leaked(shop, recorder, tmp_path)


def test_in_the_environment_it_stays_with_whom_the_user_gave_it_to(
    shop: Shop, recorder: Recorder, tmp_path: Path
) -> None:
    shop.offramp.environment["SHOP_PASSWORD"] = CANARY
    recorder("connection", "add", "by-env", url(shop), "--password-env", "SHOP_PASSWORD", code=0)
    shop.set_pace(0.008)
    task = shop.start("by-env", "VIEW:slow")
    shop.until_reading(task)
    workers = [
        environment for _, line, environment in processes(shop.offramp.home) if b"core.engine.worker" in line
    ]
    assert len(workers) == 1
    assert not holds_canary(workers[0])
    assert not [line for _, line, _ in processes(shop.offramp.home) if holds_canary(line)]
    shop.set_pace(0)
    shop.ends_well(task)
    nothing_leaked(shop, recorder, tmp_path)


def test_a_sys_accounts_password(shop: Shop, recorder: Recorder, tmp_path: Path) -> None:
    recorder("connection", "add", "c", url(shop), "--password-stdin", stdin=CANARY, code=0)
    sys_account = ("--sys-account", "root", "--sys-password-stdin")
    for command in (
        ("dump", "c", "orders", "--to", str(tmp_path / "out"), *sys_account),
        (
            "export",
            "create",
            "e",
            "--connection",
            "c",
            "orders",
            "--to",
            str(tmp_path / "out2"),
            *sys_account,
        ),
        ("connection", "test", "c", *sys_account),
    ):
        recorder(*command, stdin=CANARY, code=0)
    assert recorder("export", "show", "e", "--toml", code=0)
    nothing_leaked(shop, recorder, tmp_path)


def test_refused_where_it_does_not_belong(shop: Shop, recorder: Recorder, tmp_path: Path) -> None:
    """The words quote nothing of what was typed in the wrong place."""
    percent = urllib.parse.quote(CANARY, safe="")
    for number, wrong in enumerate(
        (
            f"mariadb://u:{percent}@h/d", f"mariadb://u:{CANARY}@h/d", f"mariadb://u:{percent}@h:port/d",
            f"mariadb://u:{percent}@[::1/d", f"mariadb://u:{percent}@h/d/e", f"mariadb://u@h/d?password={percent}",
            f"mariadb://u@h/d?passwd={percent}", f"mysql://u:{percent}@h:99999999/d", f"mariadb://u:{percent}@h/d#x",
            f"postgres://u:{percent}@h/d", f"//u:{percent}@h/d", f"u:{percent}@h/d", f"sqlite://u:{percent}@h",
            f"mariadb+pymysql://u:{percent}@h/d",
        )
    ):  # fmt: skip
        refused = recorder("connection", "add", f"c{number}", wrong)
        assert refused.code == 2, wrong
        assert not holds_canary(refused.out + refused.err), (wrong, refused)
    quoted = json.dumps(CANARY)
    place = 'mode = "mariadb"\nhost = "h"\nuser = "u"\n'
    for number, wrong in enumerate(
        (
            f"[connection.c]\n{place}password = {quoted}\n",
            f"[connection.c]\n{place}secret = {quoted}\n",
            f"[connection.c]\n{place}secret = {{ kind = \"file\", key = \"k\", password = {quoted} }}\n",
            f"[connection.c]\n{place}secret = {{ kind = \"env\", variable = 1, value = {quoted} }}\n",
            f"[connection.c]\nurl = {json.dumps(f'mariadb://u:{percent}@h/d')}\n",
            f"[connection.c]\n{place}password = {quoted}\npassword = {quoted}\n",
            f"[connection.c]\n{place}password = {quoted[:-1]}\n",
            f"password = {quoted}\n[connection.c]\n{place}",
        )
    ):  # fmt: skip
        file = tmp_path / f"definition{number}.toml"
        file.write_text(wrong)
        refused = recorder("export", "apply", str(file), "--yes")
        assert refused.code == 2, wrong
        assert not holds_canary(refused.out + refused.err), (wrong, refused)
    nothing_leaked(shop, recorder, tmp_path)


def test_errors_of_every_kind(shop: Shop, recorder: Recorder, tmp_path: Path) -> None:
    server, name = shop.server, f"canary_{shop.database}"
    secure = f"mariadb://{name}@127.0.0.1:{server.port}/{shop.database}?tls="
    for connection, place in {
        "unknown": "mariadb://u@no-such-host.invalid/d",
        "refused": f"mariadb://u@127.0.0.1:{free_port()}/d?connect_timeout=1",
        "tls": f"{secure}verify-identity",
        "files": f"{secure}verify-ca&tls_ca=/no/such/file.pem",
        "wrong": shop.url(shop.reader),
        "nowhere": url(shop).replace(shop.database + "?", "no_such_database?"),
    }.items():
        recorder("connection", "add", connection, place, "--password-stdin", stdin=CANARY, code=0)
        recorder("connection", "test", connection, code=1)
        recorder("objects", connection)
        recorder("dump", connection, "orders", "--to", str(tmp_path / "out"), "--detach", code=0)
    for number in range(1, 7):
        shop.until(number, lambda task: task["status"] == "Failed" or task["reason"] == "retry 1 of 3")
        recorder("show", str(number), code=0)
        recorder("logs", str(number), code=0)
    # A secrets file that was damaged by hand, and one whose entry has gone.
    secrets = shop.offramp.home / "secrets.json"
    whole = secrets.read_text()
    for broken in (whole[:-3], whole.replace('"version"', '"Version"'), "{}"):
        secrets.write_text(broken)
        recorder("connection", "test", "wrong", code=1)
        recorder("dump", "wrong", "orders", "--to", str(tmp_path / "out-y"), code=1)
        recorder("doctor")
    secrets.write_text(whole)
    # A command that prints it on the wrong stream, or fails after it.
    file = tmp_path / "command.txt"
    for number, command in enumerate(
        (f"cat {file} >&2; exit 3", f"cat {file}; exit 4", f"cat {file} | tr '\\n' '\\377'")
    ):
        recorder("connection", "add", f"command{number}", url(shop), "--password-command", command, code=0)
        recorder("connection", "test", f"command{number}", code=1)
        recorder("dump", f"command{number}", "orders", "--to", str(tmp_path / "out-z"), code=1)
    nothing_leaked(shop, recorder, tmp_path)


@pytest.mark.parametrize("kind", ["LookupError", "RuntimeError"])
def test_a_worker_whose_driver_fails_with_the_password_in_its_words(
    shop: Shop, recorder: Recorder, tmp_path: Path, kind: str
) -> None:
    """Nobody foresees a LookupError, so that there is a traceback; a RuntimeError counts as a failed login."""
    flag = tmp_path / "broken"
    (tmp_path / "packages/sitecustomize.py").write_text(BROKEN_DRIVER.format(flag=str(flag), kind=kind))
    recorder("connection", "add", "c", url(shop), "--password-stdin", stdin=CANARY, code=0)
    flag.touch()
    recorder("dump", "c", "orders", "--to", str(tmp_path / "out"), "--detach", code=0)
    shop.until(1, lambda task: task["status"] == "Failed" or task["reason"] == "retry 1 of 3")
    log = recorder("logs", "1", code=0).out
    assert "***" in log
    assert ("Traceback" in log) == (kind == "LookupError")
    recorder("show", "1", "--json", code=0)
    nothing_leaked(shop, recorder, tmp_path)


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_files_are_private_whatever_the_umask(shop: Shop, tmp_path: Path, umask: int) -> None:
    """Everything under the home, and what is exported: 0600 and 0700."""
    before = os.umask(umask)
    try:
        shop.connect("c", shop.url(shop.reader), "some password")
        shop.offramp.quick("dump", "shop", "orders", "--to", str(tmp_path / "out/deep/er"), code=0)
        (tmp_path / "d").mkdir(mode=0o700)
        shop.offramp.quick("download", "1", "--to", str(tmp_path / "d/copy"), code=0)
        shop.offramp.quick("download", "1", "--to", str(tmp_path / "d/copy.tar.gz"), code=0)
    finally:
        os.umask(before)
    for top in (shop.offramp.home, tmp_path / "out", tmp_path / "d"):
        for path in (top, *top.rglob("*")):
            wanted = 0o700 if path.is_dir() else 0o600
            assert stat.S_IMODE(path.stat().st_mode) == wanted, (str(path), oct(path.stat().st_mode))


# The application, to its end by an error that nobody foresaw while a password is in a form.
CRASHING = """
import sys
from tui.screens import connection_form
def password_of(values):
    kept = dict(values)
    raise RuntimeError("an error that nobody foresaw")
connection_form.rules.password_of = password_of
from tui.cli.main import main
sys.exit(main([]))
"""


def test_an_application_that_crashes_shows_no_variables(shop: Shop, recorder: Recorder) -> None:
    from tests.tui.pseudoterminal import PseudoTerminal

    environment = {**shop.offramp.env, "TERM": "xterm-256color"}
    terminal = PseudoTerminal(
        (sys.executable, "-P", "-c", CRASHING), environment=environment, directory=Path("/"), size=(120, 40)
    )
    try:
        terminal.until("nothing to do")
        terminal.send("3")
        terminal.until("shop")
        terminal.send("+")
        terminal.until("Password text")
        for keys in (
            "new",
            "\t",
            "\x1b[C",
            "\t",
            "\t",
            "db.example",
            "\x1b[B",
            "3307",
            "\x1b[B",
            "app",
            "\r",
        ):
            terminal.send(keys)
            terminal.drain(0.3)
        terminal.until("password is needed")
        terminal.send(TOKEN)
        terminal.drain(0.5)
        terminal.send("\r")
        assert terminal.wait() == 1
    finally:
        terminal.kill()
    said = bytes(terminal.output)
    assert b"an error that nobody foresaw" in said
    assert b"report" in said
    assert not holds_canary(said)
    assert files_with_canary(shop.offramp.home) == []


def test_a_command_that_crashes_shows_no_variables(shop: Shop, recorder: Recorder) -> None:
    program = "from core import secrets\ndef fail(*a, **k): raise RuntimeError('nobody foresaw')\nsecrets._write = fail\n"
    program += "import sys\nfrom tui.cli.main import main\nmain(sys.argv[1:])"
    done = subprocess.run(
        (sys.executable, "-P", "-c", program, "connection", "add", "c", url(shop), "--password-stdin"),
        input=CANARY.encode(), capture_output=True, env=shop.offramp.env, timeout=60, check=False,
    )  # fmt: skip
    assert b"nobody foresaw" in done.stderr
    assert not holds_canary(done.stdout + done.stderr)
    assert COMMAND

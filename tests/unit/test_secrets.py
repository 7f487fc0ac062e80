import multiprocessing
import os
import stat
import time
from datetime import UTC, datetime, timedelta

import pytest

from core import secrets
from core.engine import housekeeping
from core.engine.numbers import Numbers
from core.errors import SecretError
from core.locations import Locations
from core.model.connection import Connection
from core.model.secret import CommandSecret, EnvironmentSecret, FileSecret, KeyringSecret
from core.model.settings import Export, ExportSettings, SysAccount
from core.model.vocabulary import Mode
from core.store.store import Store

CANARY = "canary-Pa55!'\"\\ ü"


@pytest.fixture
def home(tmp_path):
    return Locations(tmp_path / "home")


def test_file_gives_back_what_was_kept_and_forgets_it(home):
    one = secrets.store_password(home, "one", CANARY)
    two = secrets.store_password(home, "two", "other")
    assert secrets.resolve(one, home) == CANARY
    secrets.forget(home, one)
    secrets.forget(home, one)
    with pytest.raises(SecretError, match="'one'"):
        secrets.resolve(one, home)
    assert secrets.resolve(two, home) == "other"
    assert secrets.kept_keys(home) == ("two",)


def test_file_is_for_its_owner_whatever_the_umask(home):
    before = os.umask(0)
    try:
        secrets.store_password(home, "k", CANARY)
    finally:
        os.umask(before)
    assert stat.S_IMODE(home.secrets.stat().st_mode) == 0o600
    assert sorted(p.name for p in home.home.iterdir()) == ["locks", "logs", "secrets.json"]


def test_too_wide_a_mode_is_put_right_on_reading(home):
    ref = secrets.store_password(home, "k", CANARY)
    home.secrets.chmod(0o644)
    assert secrets.resolve(ref, home) == CANARY
    assert stat.S_IMODE(home.secrets.stat().st_mode) == 0o600


def test_a_link_in_the_files_place_is_not_followed(home, tmp_path):
    home.ensure()
    (tmp_path / "elsewhere").write_text('{"version":1,"secrets":{"k":"x"}}')
    home.secrets.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SecretError, match="can't be read"):
        secrets.resolve(FileSecret(key="k"), home)


def test_a_damaged_file_is_named_and_not_quoted(home):
    secrets.store_password(home, "k", CANARY)
    home.secrets.write_text(f'{{"secrets": {{"k": "{CANARY}')
    with pytest.raises(SecretError, match="damaged") as caught:
        secrets.resolve(FileSecret(key="k"), home)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
    with pytest.raises(SecretError, match="damaged"):
        secrets.store_password(home, "other", "x")
    assert CANARY in home.secrets.read_text(), "a damaged file is left for its owner to look at"


def _keep_many(home, which):
    for number in range(10):
        secrets.store_password(Locations(home), f"{which}-{number}", "x")


def test_writers_at_the_same_time_lose_nothing(home):
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=_keep_many, args=(home.home, which)) for which in "ab"]
    for other in others:
        other.start()
    _keep_many(home.home, "c")
    for other in others:
        other.join(60)
        assert other.exitcode == 0
    assert len(secrets.kept_keys(home)) == 30


def test_environment(home, monkeypatch):
    monkeypatch.setenv("SHOP_PASSWORD", CANARY)
    assert secrets.resolve(EnvironmentSecret(variable="SHOP_PASSWORD"), home) == CANARY
    with pytest.raises(SecretError, match="'SHOP_PASSWORT'"):
        secrets.resolve(EnvironmentSecret(variable="SHOP_PASSWORT"), home)


def test_command_is_run_anew_each_time_and_its_first_line_counts(home, tmp_path):
    count = tmp_path / "count"
    ref = CommandSecret(command=f"echo x >> {count}; wc -l < {count}; echo second; echo canary >&2")
    assert secrets.resolve(ref, home) == "1"
    assert secrets.resolve(ref, home) == "2"
    assert secrets.resolve(CommandSecret(command="printf 'a b \\r\\n'"), home) == "a b "


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("echo canary; echo canary >&2; exit 3", "status 3"),
        ("echo canary; kill -9 $$", "signal 9"),
        ("echo canary >&2", "printed nothing"),
        ("printf '\\377canary'", "no UTF-8"),
        ("echo canary; sleep 60", "didn't end within 0.3 s"),
    ],
)
def test_a_command_that_fails_is_told_without_what_it_printed(home, command, words):
    with pytest.raises(SecretError, match=words) as caught:
        secrets.resolve(CommandSecret(command=command), home, seconds=0.3)
    assert "canary" not in str(caught.value)


def test_a_command_past_its_time_is_ended_with_its_children(home, tmp_path):
    pid_file = tmp_path / "pid"
    with pytest.raises(SecretError, match="didn't end"):
        secrets.resolve(CommandSecret(command=f"sleep 60 & echo $! > {pid_file}; wait"), home, seconds=0.5)
    pid = int(pid_file.read_text())
    for _ in range(100):
        try:
            state = (tmp_path / f"/proc/{pid}/stat").read_text().split()[2]
        except FileNotFoundError:
            return
        if state == "Z":
            return
        time.sleep(0.02)
    pytest.fail("the child is still there")


def test_a_command_that_leaves_an_agent_behind_is_not_waited_for(home):
    began = time.monotonic()
    assert secrets.resolve(CommandSecret(command="sleep 5 & echo pw"), home) == "pw"
    assert time.monotonic() - began < 3


def test_a_command_may_print_without_end(home):
    with pytest.raises(SecretError, match="didn't end"):
        secrets.resolve(CommandSecret(command="yes"), home, seconds=0.3)


class _Errors:
    class KeyringError(Exception):
        pass

    class NoKeyringError(KeyringError):
        pass

    class PasswordDeleteError(KeyringError):
        pass


class FakeKeyring:
    """Stands in for the keyring package, with a backend in memory."""

    errors = _Errors

    def __init__(self, broken=None):
        self.kept = {}
        self.broken = broken

    def _check(self):
        if self.broken:
            raise self.broken

    def get_password(self, service, user):
        self._check()
        return self.kept.get((service, user))

    def set_password(self, service, user, password):
        self._check()
        self.kept[service, user] = password

    def delete_password(self, service, user):
        self._check()
        if self.kept.pop((service, user), None) is None:
            raise _Errors.PasswordDeleteError


def test_keyring(home, monkeypatch):
    fake = FakeKeyring()
    monkeypatch.setattr(secrets, "_keyring", lambda: fake)
    ref = secrets.store_in_keyring("shop", CANARY)
    assert ref == KeyringSecret(user="shop")
    assert fake.kept == {("offramp", "shop"): CANARY}
    assert secrets.resolve(ref, home) == CANARY
    secrets.forget(home, ref)
    secrets.forget(home, ref)
    with pytest.raises(SecretError, match="'shop'"):
        secrets.resolve(ref, home)


@pytest.mark.parametrize(
    ("broken", "words"),
    [(_Errors.NoKeyringError("x"), "no keyring that works"), (_Errors.KeyringError("canary"), "refused")],
)
def test_a_keyring_that_does_not_work_is_told(home, monkeypatch, broken, words):
    monkeypatch.setattr(secrets, "_keyring", lambda: FakeKeyring(broken))
    for call in (
        lambda: secrets.resolve(KeyringSecret(user="u"), home),
        lambda: secrets.store_in_keyring("u", CANARY),
        lambda: secrets.forget(home, KeyringSecret(user="u")),
    ):
        with pytest.raises(SecretError, match=words) as caught:
            call()
        assert "canary" not in str(caught.value)


def test_a_keyring_package_that_is_missing_is_told(home, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "keyring", None)
    with pytest.raises(SecretError, match="isn't installed"):
        secrets.resolve(KeyringSecret(user="u"), home)
    assert secrets.keyring_backend() is None


def test_no_reference_is_no_password(home):
    assert secrets.resolve(None, home) is None
    assert not home.home.exists()


def test_old_passwords_that_nothing_refers_to_are_swept(home):
    now = datetime(2026, 11, 22, 4, tzinfo=UTC)

    def keep(days):
        return secrets.store_password(home, secrets.new_key("sys", now - timedelta(days=days)), CANARY)

    used, unused, young = keep(5), keep(5), keep(0)
    named = secrets.store_password(home, "by:hand", "x")
    assert secrets.sweep(home, now - timedelta(days=1), lambda: {used, None}) == 1
    assert set(secrets.kept_keys(home)) == {used.key, young.key, named.key}
    assert unused.key not in secrets.kept_keys(home)
    assert (
        secrets.sweep(home, now - timedelta(days=9), lambda: pytest.fail("there is none to ask about")) == 0
    )


def test_the_engine_forgets_passwords_of_tasks_that_are_gone(home):
    now = datetime.now(UTC)
    with Store.open(home) as store:
        store.connections.add(Connection(name="c", mode=Mode.SQLITE, path="/x"))
        kept, lost = (secrets.store_password(home, secrets.new_key("sys", now), CANARY) for _ in range(2))
        account = SysAccount(account="root", secret=kept)
        settings = ExportSettings(connection="c", all_objects=True, sys_account=account)
        store.exports.add(Export(name="e", directory="/d", settings=settings))
        epoch = store.lease.acquire(store.lease.state(), "test")
        housekeeping.tidy(store, epoch, Numbers(), now)
        assert set(secrets.kept_keys(home)) == {kept.key, lost.key}
        housekeeping.tidy(store, epoch, Numbers(), now + timedelta(days=2))
        assert secrets.kept_keys(home) == (kept.key,)
        home.secrets.write_text("damaged")
        housekeeping.tidy(store, epoch, Numbers(), now + timedelta(days=2))

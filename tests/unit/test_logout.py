"""What logind.conf(5) and its drop-ins say about processes after log-out."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.service.logout import log_out


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    return tmp_path


def put(root: Path, path: str, text: str) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def kills(root: Path, user: str = "ann") -> bool:
    found = log_out(user, root)
    assert found is not None
    return not found.harmless


def test_without_systemd_nothing_is_known(tmp_path: Path) -> None:
    assert log_out("ann", tmp_path) is None


def test_nothing_is_killed_unless_it_is_said(root: Path) -> None:
    assert not kills(root)
    put(root, "etc/systemd/logind.conf", "[Login]\n#KillUserProcesses=no\n")
    assert not kills(root)


@pytest.mark.parametrize(
    ("word", "expected"), [("yes", True), ("true", True), ("1", True), ("ON", True), ("no", False)]
)
def test_the_main_file(root: Path, word: str, expected: bool) -> None:
    file = put(root, "etc/systemd/logind.conf", f"[Login]\n KillUserProcesses = {word} \n")
    assert kills(root) is expected
    found = log_out("ann", root)
    assert found is not None
    assert found.source == file


def test_a_comment_shows_what_it_was_built_with(root: Path) -> None:
    put(root, "usr/lib/systemd/logind.conf", "[Login]\n#KillUserProcesses=yes\n")
    assert kills(root)
    put(root, "etc/systemd/logind.conf", "[Login]\n#KillUserProcesses=no\n")
    assert not kills(root), "the main file of higher rank counts"


def test_drop_ins_go_by_name_whatever_their_directory(root: Path) -> None:
    put(root, "etc/systemd/logind.conf.d/10-ours.conf", "[Login]\nKillUserProcesses=no\n")
    put(root, "usr/lib/systemd/logind.conf.d/90-vendor.conf", "[Login]\nKillUserProcesses=yes\n")
    assert kills(root)
    put(root, "etc/systemd/logind.conf.d/90-vendor.conf", "")
    assert not kills(root), "one of the same name in /etc hides it"


def test_other_sections_and_keys_say_nothing(root: Path) -> None:
    put(
        root,
        "etc/systemd/logind.conf",
        "[Other]\nKillUserProcesses=yes\n[Login]\nIdleAction=lock\nKillUser=yes\n",
    )
    assert not kills(root)


def test_users_who_are_spared(root: Path) -> None:
    put(root, "etc/systemd/logind.conf", "[Login]\nKillUserProcesses=yes\nKillExcludeUsers=bob carl\n")
    assert kills(root)
    assert not kills(root, "bob")
    assert not kills(root, "root")
    put(root, "etc/systemd/logind.conf.d/1.conf", "[Login]\nKillOnlyUsers=dora\n")
    assert not kills(root)
    assert kills(root, "dora")
    put(root, "var/lib/systemd/linger/dora", "")
    assert not kills(root, "dora")

"""One notification each way: what the other end gets, and what is said where it doesn't."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidValue, NotDelivered
from core.locations import Locations
from core.model.notice import Notice, Way, wanted
from core.model.secret import EnvironmentSecret
from core.model.vocabulary import TaskStatus
from core.notice_preferences import MailPreferences
from core.notices import command
from core.notices.deliver import deliver, token_of
from core.notices.document import trial
from core.preferences import Preferences
from tests.notices.servers import certificate, http_server, smtp_server


def send(place: str, home: Path, **settings: Any) -> str:
    return deliver(Notice.parse(place), trial(), "k1", Preferences(**settings), Locations(home))


def test_what_people_write() -> None:
    notice = Notice.parse("failed, aborted=mailto:a@example.com,b@example.com")
    assert (notice.way, notice.addresses) == (Way.MAIL, ("a@example.com", "b@example.com"))
    assert notice.wants(TaskStatus.FAILED)
    assert not notice.wants(TaskStatus.COMPLETED)
    assert not Notice.parse("command:x").wants(TaskStatus.RUNNING)
    assert Notice.parse("command:a=b c").target == "a=b c"
    assert Notice.parse("https://h/x?token=s").shown == "https://h"
    texts = ("command:x", "completed=command:y", "failed=command:z")
    assert [n.target for n in wanted(texts, TaskStatus.COMPLETED)] == ["x", "y"]
    for wrong in ("", "nowhere", "command: ", "mailto:", "mailto:a b@c", "https://", "ftp://x/y",
                  "https://u:p@h/", "http://h:x/", "failed=", "mailto:a@b\r\nBcc: c@d"):  # fmt: skip
        with pytest.raises(InvalidValue):
            Notice.parse(wrong)


def test_a_command_gets_the_task(tmp_path: Path) -> None:
    out = tmp_path / "got"
    words = send(f"command:cat > {out}; echo $OFFRAMP_STATUS noted", tmp_path)
    assert words == "the command ended well: Completed noted"
    assert json.loads(out.read_text()) == json.loads(
        json.dumps({**trial(), "task": json.loads(out.read_text())["task"]})
    )
    # One that doesn't read, and leaves something behind that holds its output.
    assert send("command:sleep 5 & exit 0", tmp_path) == "the command ended well"


def test_a_command_that_fails(tmp_path: Path) -> None:
    with pytest.raises(NotDelivered, match="status 3: no such thing") as caught:
        send("command:echo no such thing.; exit 3", tmp_path)
    assert caught.value.again
    begun = time.monotonic()
    with pytest.raises(NotDelivered, match=r"didn't end within 0\.2 s"):
        command.run("sleep 30", b"", trial()["task"], seconds=0.2)
    assert time.monotonic() - begun < 10


def test_a_web_hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_TOKEN", "hunter2-token")
    with http_server() as hook:
        tokens = {hook.url.removesuffix("/exports"): EnvironmentSecret(variable="HOOK_TOKEN")}
        assert send(hook.url, tmp_path, webhooks=tokens) == "answered 204"
        ((headers, body),) = hook.requests
        assert json.loads(body)["test"] is True
        assert headers["Authorization"] == "Bearer hunter2-token"
        assert headers["Idempotency-Key"] == "k1"
        assert headers["Content-Type"] == "application/json"
        for status, again in ((500, True), (429, True), (404, False), (302, False)):
            hook.answers.append(status)
            with pytest.raises(NotDelivered, match=str(status)) as caught:
                send(hook.url, tmp_path)
            assert caught.value.again is again
        assert len(hook.requests) == 5, "nobody is sent on to somewhere else"
    with pytest.raises(NotDelivered, match="can't be reached") as caught:
        send(hook.url, tmp_path)
    assert caught.value.again


def test_a_web_hook_that_says_nothing(tmp_path: Path) -> None:
    from core.notices import webhook

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(NotDelivered) as caught:
            webhook.post(url, b"{}", "k", None, seconds=0.3)
        assert caught.value.again


def test_whose_token_it_is() -> None:
    one, two = EnvironmentSecret(variable="ONE"), EnvironmentSecret(variable="TWO")
    tokens = {"https://h": one, "https://h/special": two}
    assert token_of("https://h/x", tokens) == one
    assert token_of("https://h/special/x", tokens) == two
    assert token_of("https://h.evil.example/x", tokens) is None


@pytest.mark.parametrize("tls", ["off", "starttls", "tls"])
def test_mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: str) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", "correct horse")
    pair = certificate(tmp_path) if tls != "off" else None
    login = ("anna", "correct horse")
    with smtp_server(certificate=pair, login=login, implicit=tls == "tls") as box:
        mail = MailPreferences(
            host="127.0.0.1", port=box.port, tls=tls, sender="offramp@example.com", user="anna",
            ca=str(pair[0]) if pair else None, secret=EnvironmentSecret(variable="MAIL_PASSWORD"),
        )  # fmt: skip
        words = send("mailto:ops@example.com,dba@example.com", tmp_path, mail=mail)
        assert words == f"taken by 127.0.0.1:{box.port}"
        assert box.logins == [login]
        (message,) = box.mails
        assert message["To"] == "ops@example.com, dba@example.com"
        assert "a test of notifications 0 Completed" in str(message["Subject"])
        assert message["Message-ID"] == "<offramp.k1@example.com>"
        text, attached = message.get_payload()  # type: ignore[misc]
        assert "This is a test" in text.get_payload(decode=True).decode()
        assert json.loads(attached.get_payload(decode=True))["event"] == "task-ended"
        if tls == "starttls":
            # A certificate that nobody vouches for gets no password.
            with pytest.raises(NotDelivered, match="TLS"):
                send("mailto:a@b.example", tmp_path, mail=MailPreferences(
                    host="127.0.0.1", port=box.port, sender="o@example.com", user="anna",
                    secret=EnvironmentSecret(variable="MAIL_PASSWORD")))  # fmt: skip
            assert len(box.logins) == 1
        monkeypatch.setenv("MAIL_PASSWORD", "battery staple")
        with pytest.raises(NotDelivered, match="refuses the login") as caught:
            send("mailto:a@b.example", tmp_path, mail=mail)
        assert "battery" not in str(caught.value)


def test_a_mail_server_that_refuses(tmp_path: Path) -> None:
    with smtp_server() as box:
        mail = MailPreferences(host="127.0.0.1", port=box.port, tls="off", sender="o@example.com")
        for answer, again in (("451 not now", True), ("554 never", False)):
            box.answers.append(answer)
            with pytest.raises(NotDelivered, match=answer) as caught:
                send("mailto:a@b.example", tmp_path, mail=mail)
            assert caught.value.again is again
    with pytest.raises(NotDelivered, match="can't be reached"):
        send("mailto:a@b.example", tmp_path, mail=mail)
    with pytest.raises(NotDelivered, match="No mail server"):
        send("mailto:a@b.example", tmp_path)

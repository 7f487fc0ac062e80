"""Mail through an SMTP server (RFC 5321), with TLS (RFC 3207, RFC 8314) and a login where it wants one."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from contextlib import ExitStack
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any

import msgspec

from core.errors import NotDelivered
from core.notice_preferences import MailPreferences
from core.notices.document import subject, text


def message(sender: str, to: Sequence[str], document: dict[str, Any], key: str) -> EmailMessage:
    """What is sent: words for people, and the JSON beside them."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Subject"] = subject(document)
    mail["Date"] = formatdate()
    # The same whenever it is sent again, so that readers drop the second.
    mail["Message-ID"] = f"<offramp.{key}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text(document))
    data = msgspec.json.format(msgspec.json.encode(document), indent=2)
    mail.add_attachment(data, maintype="application", subtype="json", filename="task.json")
    return mail


def send(
    server: MailPreferences, password: str | None, to: Sequence[str], document: dict[str, Any], key: str
) -> str:
    """Raises NotDelivered."""
    mail = message(server.sender, to, document, key)
    where = f"{server.host}:{server.place}"
    try:
        with _connected(server) as smtp:
            if server.user is not None:
                smtp.login(server.user, password or "")
            refused = smtp.send_message(mail)
    except smtplib.SMTPAuthenticationError as error:
        raise NotDelivered(f"Mail server {where} refuses the login: {_said(error)}.", again=True) from None
    except smtplib.SMTPRecipientsRefused as error:
        code = min(answer[0] for answer in error.recipients.values())
        raise NotDelivered(
            f"Mail server {where} refuses every address ({code}).", "Check them.", again=code < 500
        ) from None
    except smtplib.SMTPResponseException as error:
        raise NotDelivered(
            f"Mail server {where} refuses: {_said(error)}.", again=error.smtp_code < 500
        ) from None
    except smtplib.SMTPNotSupportedError as error:
        raise NotDelivered(f"Mail server {where} can't do that: {error}.", "See [mail] tls.") from None
    except ssl.SSLError as error:
        said = getattr(error, "verify_message", "") or error.reason or "no TLS"
        raise NotDelivered(
            f"TLS with mail server {where} fails: {said}.", "See [mail] tls and ca.", again=True
        ) from None
    except (OSError, smtplib.SMTPException) as error:
        words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise NotDelivered(
            f"Mail server {where} can't be reached: {str(words).rstrip('.')}.", again=True
        ) from None
    some = f", but {', '.join(refused)} refused" if refused else ""
    return f"taken by {where}{some}"


def _connected(server: MailPreferences) -> smtplib.SMTP:
    if server.tls == "tls":
        return smtplib.SMTP_SSL(
            server.host, server.place, timeout=server.seconds, context=_context(server.ca)
        )
    smtp = smtplib.SMTP(server.host, server.place, timeout=server.seconds)
    if server.tls == "starttls":
        with ExitStack() as undo:
            undo.callback(smtp.close)
            smtp.starttls(context=_context(server.ca))
            undo.pop_all()
    return smtp


def _context(ca: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca)


def _said(error: smtplib.SMTPResponseException) -> str:
    said = error.smtp_error
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return f"{error.smtp_code} {' '.join(words.split())}"[:300].rstrip(".")

"""The table `[mail]` of the settings file: the server that takes notifications.

[mail]
host = "smtp.example.com"
port = 587                      # default: 587 for starttls, 465 for tls, 25 for off
tls = "starttls"                # starttls (default), tls from the first byte, or off
ca = "/etc/ssl/our-ca.pem"      # who is trusted; default: what the system trusts
sender = "offramp@example.com"
user = "offramp"                # where the server wants a login
secret = { kind = "env", variable = "SMTP_PASSWORD" }   # and where its password is had
"""

from __future__ import annotations

import msgspec

from core.errors import InvalidValue
from core.model.notice import Notice
from core.model.secret import SecretRef


class MailPreferences(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As this module's head explains it. `seconds`: how long each step may take."""

    host: str
    sender: str
    port: int | None = None
    tls: str = "starttls"
    ca: str | None = None
    user: str | None = None
    secret: SecretRef | None = None
    seconds: float = 30.0

    PORTS = {"starttls": 587, "tls": 465, "off": 25}

    def __post_init__(self) -> None:
        if not self.host or not self.host.isprintable() or " " in self.host:
            raise InvalidValue(f"mail.host {self.host!r} is no host.")
        Notice.parse(f"mailto:{self.sender}")
        if self.tls not in self.PORTS:
            raise InvalidValue(f"mail.tls {self.tls!r} is none of {', '.join(self.PORTS)}.")
        if self.port is not None and not 0 < self.port < 65536:
            raise InvalidValue(f"mail.port {self.port} is no port.")
        if self.ca is not None and not self.ca.startswith("/"):
            raise InvalidValue(f"mail.ca {self.ca!r} is not an absolute path.")
        if self.secret is not None and self.user is None:
            raise InvalidValue("mail.secret needs mail.user: a password alone is no login.")
        if not 0 < self.seconds <= 600:
            raise InvalidValue(f"mail.seconds {self.seconds:g} is not between 0 and 600.")

    @property
    def place(self) -> int:
        """The port that is meant."""
        return self.port or self.PORTS[self.tls]

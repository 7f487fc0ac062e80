"""One notification, sent now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from core.errors import NotDelivered, OfframpError
from core.locations import Locations
from core.model.hiding import Hiding
from core.model.notice import Notice, Way
from core.model.secret import SecretRef
from core.notice_preferences import MailPreferences
from core.notices import command, mail, webhook
from core.preferences import Preferences
from core.secrets import resolve


def deliver(
    notice: Notice, document: dict[str, Any], key: str, preferences: Preferences, locations: Locations
) -> str:
    """Send `document`; gives words about the answer. `key` is the same whenever this is tried again, so that
    the other end can tell. Raises NotDelivered, which is transient where trying again may help."""
    data = msgspec.json.encode(document)
    hide = Hiding([])
    try:
        match notice.way:
            case Way.COMMAND:
                return command.run(notice.target, data, document["task"])
            case Way.WEBHOOK:
                token = _secret(token_of(notice.target, preferences.webhooks), locations)
                hide = Hiding([token])
                return webhook.post(notice.target, data, key, token)
            case Way.MAIL:
                server = _server(preferences, locations)
                password = _secret(server.secret, locations)
                hide = Hiding([password])
                return mail.send(server, password, notice.addresses, document, key)
    except NotDelivered as error:
        error.message, error.hint = hide(error.message), hide(error.hint)
        raise


def _server(preferences: Preferences, locations: Locations) -> MailPreferences:
    if preferences.mail is None:
        raise NotDelivered(
            "No mail server is known.",
            f"Name one in {locations.preferences}: the table [mail] with host and sender.",
        )
    return preferences.mail


def token_of(url: str, tokens: Mapping[str, SecretRef]) -> SecretRef | None:
    """The token for a URL: that of the longest beginning of it that the settings file names, at a border."""
    found = [
        known
        for known in tokens
        if url == known or url.startswith(known if known.endswith("/") else f"{known}/")
    ]
    return tokens[max(found, key=len)] if found else None


def _secret(ref: SecretRef | None, locations: Locations) -> str | None:
    try:
        return resolve(ref, locations)
    except OfframpError as error:
        # A variable or a key ring may be there next time.
        raise NotDelivered(error.message, error.hint, again=True) from None

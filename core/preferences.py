"""What a person may set for all of Offramp: `settings.toml` in its home, written by hand, never by Offramp.

directory = "/data/exports"     # where saved exports go that name no directory of their own
spool = "/data/spool"           # where files are built that then go to destinations elsewhere
ssh_host = "jump.example.com"   # this machine as seen from outside, for lines to copy
connect_timeout = 10            # seconds, for connections that are added from now on
keep_tasks_days = 30            # ended tasks are forgotten after that; 0 keeps them
keep_logs_days = 14             # and their logs removed; 0 keeps them as long as their task
keep_history_days = 365         # what became of runs of saved exports is remembered so long; 0 for always
theme = "dark"                  # of the screens: dark, light, terminal (its own colours)
glyphs = "auto"                 # unicode, ascii, or what the locale can show
mouse = true                    # whether the screens take the mouse
look_seconds = 0.5              # how often the screens look for changes
idle_look_seconds = 2           # and how often while nothing happens

notify = ["failed=mailto:ops@example.com"]   # who is told of a task's end, where its export doesn't say

[mail]                          # the server for mail; see core.notice_preferences
host = "smtp.example.com"
sender = "offramp@example.com"

[webhooks]                      # tokens for web hooks, by how their URLs begin
"https://hooks.example.com" = { kind = "env", variable = "HOOK_TOKEN" }

[engine]                        # see core.engine_preferences
lease_seconds = 15

[retry]                         # see there
first_seconds = 30

[keys]                          # other keys for actions of the screens; `?` there shows their names
"task.abort" = "A"
"""

from __future__ import annotations

import msgspec

from core.engine_preferences import EnginePreferences, RetryPreferences
from core.errors import InvalidDefinition, InvalidValue
from core.locations import Locations
from core.model.notice import check_notices
from core.model.secret import SecretRef
from core.notice_preferences import MailPreferences


class Preferences(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings with their defaults, as this module's head explains them. `directory` None: `exports` in
    Offramp's home. `spool` None: `spool` in its home. `ssh_host` None: this machine's own name, where one
    came in by SSH. `theme` None: what fits the terminal. `keys` maps names of actions to keys; the screens
    check them, since only they know the actions."""

    directory: str | None = None
    spool: str | None = None
    ssh_host: str | None = None
    connect_timeout: int = 10
    keep_tasks_days: int = 30
    keep_logs_days: int = 14
    keep_history_days: int = 365
    theme: str | None = None
    glyphs: str = "auto"
    mouse: bool = True
    look_seconds: float = 0.5
    idle_look_seconds: float = 2.0
    notify: tuple[str, ...] = ()
    mail: MailPreferences | None = None
    webhooks: dict[str, SecretRef] = {}
    engine: EnginePreferences = EnginePreferences()
    retry: RetryPreferences = RetryPreferences()
    keys: dict[str, str] = {}

    THEMES = ("dark", "light", "terminal")
    GLYPHS = ("auto", "unicode", "ascii")

    def __post_init__(self) -> None:
        if self.directory is not None and not self.directory.startswith("/"):
            raise InvalidValue(f"directory {self.directory!r} is not an absolute path.")
        if self.spool is not None and not self.spool.startswith("/"):
            raise InvalidValue(f"spool {self.spool!r} is not an absolute path.")
        if self.ssh_host is not None and (
            not self.ssh_host or self.ssh_host.startswith("-") or not self.ssh_host.isprintable()
        ):
            raise InvalidValue(f"ssh_host {self.ssh_host!r} is not a host name.")
        if self.connect_timeout < 1:
            raise InvalidValue(f"connect_timeout {self.connect_timeout} is below 1 second.")
        if min(self.keep_tasks_days, self.keep_logs_days, self.keep_history_days) < 0:
            raise InvalidValue("Days to keep something can't be negative.", "0 keeps it.")
        check_notices(self.notify)
        if self.theme is not None and self.theme not in self.THEMES:
            raise InvalidValue(f"theme {self.theme!r} is none of {', '.join(self.THEMES)}.")
        if self.glyphs not in self.GLYPHS:
            raise InvalidValue(f"glyphs {self.glyphs!r} is none of {', '.join(self.GLYPHS)}.")
        if not 0.1 <= self.look_seconds <= self.idle_look_seconds <= 60:
            raise InvalidValue(
                f"look_seconds {self.look_seconds:g} and idle_look_seconds {self.idle_look_seconds:g} must "
                "be between 0.1 and 60, the latter not shorter.",
            )


def load(locations: Locations) -> Preferences:
    """The settings of a home, all defaults where there is no file. Raises InvalidDefinition, which names
    the file, the key and the nearest right one."""
    path = locations.preferences
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Preferences()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidDefinition(f"{path} can't be read: {error}.") from None
    # TOML and its errors are only needed where somebody has set something.
    from core.model.understood import from_tree, parse_toml  # noqa: PLC0415

    return from_tree(Preferences, parse_toml(text, str(path)), str(path))

"""A destination: a named place that files go to; and how places are written.

    /data/out                      a local directory
    s3://bucket/prefix             a URL: of Amazon S3 and what speaks like it
    sftp://USER@HOST:22/data/out   absolute on the server; /~/out counts from where a login begins
    ftp://USER@HOST/data           ftps:// is the same within TLS
    hdfs://HOST:8020/data
    lake:shop/orders               below the destination that is called `lake`

Whatever has a meaning in a URL (`@ : / ? # %`) is percent-encoded in it. Other schemes are those of fsspec. A
password is refused in a URL: a command line stands in the process list and in the shell's history.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

import msgspec

from core.errors import InvalidValue
from core.model.cluster import check_scheduler
from core.model.secret import SecretRef
from core.model.vocabulary import Engine, Mode

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NAMED = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*):(?!//)(?P<path>.*)", re.DOTALL)
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://")
RESERVED = ("connection",)
HOME = "~"
YES, NO = "yes", "no"
SWITCHES = (YES, NO)

# By scheme: what may be set, and what it says to people. Other schemes take whatever their own fsspec
# file system takes.
_CHECK = "read (default): what was sent is read back and compared; size: only its length is"
OPTIONS: dict[str, dict[str, str]] = {
    "s3": {
        "key": "access key ID; the password is its secret. Without: what AWS's own tools would use",
        "endpoint": "URL of a server that speaks like S3, https://HOST:PORT",
        "region": "region of the bucket",
        "profile": "profile of ~/.aws to use",
        "anonymous": "yes: no key at all",
        "addressing": "path or virtual: where the bucket stands in the server's URLs",
        "ca": "PEM file of the authority that signed the server's certificate",
        "timeout": "seconds of silence after which the server counts as gone; default 60",
    },
    "sftp": {
        "known_hosts": "file with the server's key; default ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts",
        "identity": "file with the private key; the password is its passphrase. Default: the agent's, ~/.ssh",
        "timeout": "seconds of silence after which the server counts as gone; default 60",
        "check": _CHECK,
    },
    "ftp": {
        "ca": "ftps: PEM file of the authority that signed the server's certificate",
        "timeout": "seconds of silence after which the server counts as gone; default 60",
        "encoding": "of file names; default utf-8",
        "check": _CHECK,
    },
    "hdfs": {
        "kerb_ticket": "file of the Kerberos ticket cache",
        "check": _CHECK,
    },
}
OPTIONS["ftps"] = OPTIONS["ftp"]
CHOICES = {"anonymous": SWITCHES, "addressing": ("path", "virtual"), "check": ("read", "size")}
PATHS = ("ca", "known_hosts", "identity", "kerb_ticket")
SECRET_OPTION = "secret_option"  # noqa: S105 - the name of an option
"""Of schemes that aren't known here: which of their options the password is; default `password`."""


class Destination(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A named place that files go to: `url` as in this module's head, or an absolute local path. `options`
    are those of `OPTIONS`, as text. An empty name is of a place that only a URL names. `engine` and
    `dask_scheduler`: where the parts of exports that go there are read, where they don't say it."""

    name: str
    url: str
    options: dict[str, str] = {}
    secret: SecretRef | None = None
    engine: Engine | None = None
    dask_scheduler: str | None = None

    def __post_init__(self) -> None:
        if self.name:
            check_name(self.name)
        self._check_url()
        check_scheduler(self.dask_scheduler, f"{self.whose}: ")
        for key, value in self.options.items():
            self._check_option(key, value)

    def _check_url(self) -> None:
        if self.url.startswith("/"):
            if "\0" in self.url:
                raise InvalidValue(f"{self.whose}: the path has a NUL in it.")
            if self.options or self.secret:
                raise InvalidValue(f"{self.whose}: a local directory has no options and no password.")
            return
        address = parts_of(self.url)
        if address.scheme == "file":
            raise InvalidValue(
                f"{self.whose}: a local directory is written as its path.", "Leave out file://."
            )
        if address.scheme in ("sftp", "ftp", "ftps") and not address.host:
            raise InvalidValue(
                f"{self.whose}: the URL names no host.", f"Write {address.scheme}://HOST/path."
            )
        if address.scheme == "s3" and not address.host:
            raise InvalidValue(f"{self.whose}: the URL names no bucket.", "Write s3://BUCKET/prefix.")
        if address.scheme == "s3" and (address.user or address.port):
            raise InvalidValue(
                f"{self.whose}: an s3 URL has a bucket and a prefix only.",
                "Give the key with --option key=ID, the server with --option endpoint=https://HOST:PORT.",
            )

    def _check_option(self, key: str, value: str) -> None:
        known = OPTIONS.get(self.scheme)
        if known is None:
            return
        if key not in known:
            raise InvalidValue(
                f"{self.whose}: {key!r} is no option of {self.scheme} destinations.",
                f"There are: {', '.join(known)}.",
            )
        if key in CHOICES and value not in CHOICES[key]:
            raise InvalidValue(
                f"{self.whose}: option {key} is {value!r}.", f"It is one of: {', '.join(CHOICES[key])}."
            )
        if key in PATHS and not value.startswith("/"):
            raise InvalidValue(f"{self.whose}: option {key}: path {value!r} must be absolute.")
        if key == "timeout" and not (value.isdecimal() and 0 < int(value) <= 86400):
            raise InvalidValue(f"{self.whose}: option timeout: {value!r} is no number of seconds.")
        if key == "endpoint" and not re.match(r"https?://[^/@\s]+/?$", value):
            raise InvalidValue(
                f"{self.whose}: option endpoint: {value!r} is no server.", "Write https://HOST:PORT."
            )

    @property
    def whose(self) -> str:
        """For messages."""
        return f"Destination {self.name!r}" if self.name else self.url

    @property
    def scheme(self) -> str:
        """`file` for a local directory."""
        return "file" if self.local else parts_of(self.url).scheme

    @property
    def local(self) -> bool:
        return self.url.startswith("/")

    @property
    def timeout(self) -> int:
        """Seconds of silence after which a server counts as gone."""
        return int(self.options.get("timeout", "60"))

    @property
    def reads_back(self) -> bool:
        """Whether what was sent is read back where the server vouches for nothing."""
        return self.options.get("check", "read") == "read"


def check_name(name: str) -> None:
    """Raises InvalidValue for what can't name a destination."""
    if not _NAME.fullmatch(name) or len(name) > 60 or name in RESERVED:
        raise InvalidValue(
            f"{name!r} can't name a destination.",
            "Use letters, digits, dots, dashes and underscores, and a letter or digit first.",
        )


class Address(NamedTuple):
    """What a URL says. `path` is decoded, without slashes around it."""

    scheme: str
    user: str | None
    host: str
    port: int | None
    path: str


def parts_of(url: str) -> Address:
    """Raises InvalidValue, never quoting a password."""
    if not _URL.match(url):
        raise InvalidValue(
            "The place is neither an absolute path nor a URL.", "Write /data/out, s3://bucket/prefix, …"
        )
    try:
        found = urlsplit(url)
        port = found.port
    except ValueError:
        raise InvalidValue("The URL's host or port can't be read.", "A port is 1 to 65535.") from None
    if ":" in found.netloc.rpartition("@")[0]:
        raise InvalidValue(
            "The URL has a password in it.",
            "Leave it out, and keep it with a destination: offramp destination add NAME URL --password-ask.",
        )
    if found.query or found.fragment or url.endswith(("?", "#")):
        raise InvalidValue("The URL has a ? or # in it.", "Write them as %3F and %23.")
    scheme = found.scheme.lower()
    if scheme in list(Mode):
        raise InvalidValue(f"{scheme}:// leads to a database, not to files.")
    path = unquote(found.path).strip("/")
    check_path(path)
    if any(not character.isprintable() for character in url):
        raise InvalidValue("The URL has characters in it that can't be shown.", "Percent-encode them.")
    host = found.netloc.rpartition("@")[2] if scheme == "s3" else found.hostname
    return Address(scheme, unquote(found.username) if found.username else None, host or "", port, path)


def check_path(path: str) -> None:
    """Raises InvalidValue for a path that would lead out of its destination."""
    if path and any(step in ("", ".", "..") or "\0" in step for step in path.split("/")):
        raise InvalidValue(f"{path!r} is no path below a destination.", "Leave out `.`, `..` and `//`.")


class Place(NamedTuple):
    """Where something is: `path` below the destination called `name`, or below the root of `url`. A local
    place has neither, and an absolute path."""

    name: str
    url: str
    path: str

    @property
    def local(self) -> bool:
        return not self.name and not self.url


def place_of(text: str) -> Place:
    """What a stored place says. Raises InvalidValue."""
    if text.startswith("/"):
        return Place("", "", text)
    if _URL.match(text):
        address = parts_of(text)
        root = text[: len(text) - len(urlsplit(text).path)]
        return Place("", f"{root}/", address.path)
    found = _NAMED.fullmatch(text)
    if found is None or found["name"] in RESERVED:
        raise InvalidValue(
            f"{text!r} is no place for files.",
            "Write an absolute path, a URL, or NAME:path of a destination.",
        )
    path = found["path"].strip("/")
    check_path(path)
    return Place(found["name"], "", path)


def check_place(text: str) -> None:
    """Raises InvalidValue where a text is no place for files."""
    place = place_of(text)
    if place.url:
        of_place(text, {})


def leaves(text: str) -> bool:
    """Whether a stored place is one that files leave this machine for: a URL, or below a destination."""
    found = _NAMED.fullmatch(text)
    return bool(_URL.match(text)) or (found is not None and found["name"] not in RESERVED)


def is_local(text: str) -> bool:
    """Whether a stored place is an absolute path."""
    return text.startswith("/")


def below(place: str, *names: str) -> str:
    """The place that `names` lead to from a place: those of a URL are encoded."""
    if _URL.match(place):
        names = tuple(quote(name, safe=" /,;=+@!$&'()*") for name in names)
    inner = "/".join(names)
    return f"{place}{inner}" if place.endswith((":", "/")) else f"{place}/{inner}"


def above(place: str) -> str:
    """The place that the last name of a place is in."""
    head, slash, _ = place.rstrip("/").rpartition("/")
    if not slash:
        return f"{place.partition(':')[0]}:"
    return head or "/"


def resolved(text: str, destinations: Mapping[str, Destination]) -> str:
    """The same place, as an absolute path where it is below a destination that is a local directory. Raises
    InvalidValue; KeyError where there is no such destination."""
    place = place_of(text)
    if not place.name:
        return text
    destination = destinations[place.name]
    if not destination.local:
        return text
    return below(destination.url, place.path) if place.path else destination.url


def of_place(text: str, destinations: Mapping[str, Destination]) -> tuple[Destination, str]:
    """The destination that a place is at, and the path below its URL. One that only a URL names is made.
    Raises InvalidValue; KeyError where there is no such destination."""
    place = place_of(text)
    if place.name:
        return destinations[place.name], place.path
    if place.url:
        return Destination(name="", url=place.url), place.path
    return Destination(name="", url="/"), place.path.strip("/")

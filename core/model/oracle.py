"""What only Oracle's connections have: the ways of naming a database, wallets, and the client libraries."""

from __future__ import annotations

import re

import msgspec

from core.errors import InvalidValue

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class OracleSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """How an Oracle database is named and reached, beside host, port and service (the connection's
    `database`).

    `sid` names an instance where there is no service name. `tns` is an alias of tnsnames.ora, or a whole
    connect descriptor `(DESCRIPTION=…)`, in place of host, port, service and SID; `config_dir` is the
    directory of tnsnames.ora. `wallet` is the directory of ewallet.pem (thick mode: of cwallet.sso), and
    `wallet_password_env` the environment variable with its password, which is read where the engine runs.
    `thick` is the directory of Oracle's client libraries, which are then used ("thick mode"): native network
    encryption wants them.
    """

    sid: str | None = None
    tns: str | None = None
    config_dir: str | None = None
    wallet: str | None = None
    wallet_password_env: str | None = None
    thick: str | None = None

    PATHS = ("config_dir", "wallet", "thick")

    def __post_init__(self) -> None:
        for field in self.__struct_fields__:
            value = getattr(self, field)
            if value is not None and (not value or "\0" in value):
                raise InvalidValue(f"Oracle's {field} can't be {value!r}.")
        if self.wallet_password_env is not None and not _VARIABLE.fullmatch(self.wallet_password_env):
            raise InvalidValue(f"{self.wallet_password_env!r} is no name of an environment variable.")
        if self.wallet_password_env is not None and self.wallet is None:
            raise InvalidValue("A wallet's password was given, and no wallet.", "Name its directory.")

    def complaint(self, *, host: bool, service: bool) -> str | None:
        """What is wrong with the way to the database, given whether there is a host and a service name."""
        if self.tns is not None:
            if host or service or self.sid is not None:
                return "a TNS alias or descriptor says host, service and SID itself: leave these out"
            return None
        if not host:
            return "needs a host, or a TNS alias"
        if service == (self.sid is not None):
            return "needs either a service name (as its database) or a SID"
        return None

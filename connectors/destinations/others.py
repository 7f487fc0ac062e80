"""HDFS, and whatever else fsspec has a file system for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from connectors.destinations.filesystem import (
    PIECE,
    FilesystemFiles,
    MovingFiles,
    explain_system_error,
    said,
)
from connectors.elsewhere import Elsewhere, Told
from core.errors import ConnectError, OfframpError, OutputError, Unreachable, Unsupported
from core.model.destination import SECRET_OPTION, Destination, parts_of

OURS = (SECRET_OPTION, "check", "timeout")


class HdfsFiles(MovingFiles):
    """HDFS renames directories in one step, and never onto something that is there."""


class HdfsDestination(Elsewhere):
    """`hdfs://USER@HOST:PORT/path`, through pyarrow's file system over Hadoop's own libhdfs (which needs Java
    and CLASSPATH as `hadoop classpath --glob` prints it)."""

    def connect(self) -> HdfsFiles:
        address = parts_of(self.destination.url)
        arguments = {
            "host": address.host or "default",
            "port": address.port or 0,
            "user": address.user,
            "kerb_ticket": self.destination.options.get("kerb_ticket"),
        }
        system = _open("hdfs", arguments, self.destination)
        return HdfsFiles(self.destination, system, f"/{address.path}")


class OtherFiles(FilesystemFiles):
    """A file system that nothing more is known of: each file appears by itself, the manifest last."""

    def send(self, source: Path, at: str, told: Told) -> None:
        """What breaks off is dropped, by those file systems that can."""
        file = self.system.open(at, "wb", autocommit=False)
        with ExitStack() as undo:
            undo.callback(file.discard)
            with source.open("rb") as local:
                while piece := local.read(PIECE):
                    file.write(piece)
                    told(len(piece))
            file.close()
            undo.pop_all()
        file.commit()

    @contextmanager
    def words(self, path: str) -> Iterator[None]:
        try:
            yield
        except OfframpError:
            raise
        except Exception as error:
            # Each of fsspec's file systems raises what the library beneath it does.
            raise self.explain(error, path) from error

    def explain(self, error: Exception, path: str) -> OutputError:
        return explain_system_error(error, self.where(path), self.destination)


class OtherDestination(Elsewhere):
    """A URL of any scheme that fsspec knows. Options are the arguments of its file system: JSON where they
    are that (`true`, `3`), else text."""

    def connect(self) -> OtherFiles:
        from fsspec.core import url_to_fs  # noqa: PLC0415 - whoever opens it needs it
        from fsspec.registry import get_filesystem_class  # noqa: PLC0415

        scheme = parts_of(self.destination.url).scheme
        options = self.destination.options
        arguments: dict[str, Any] = {key: _value(text) for key, text in options.items() if key not in OURS}
        if self.password is not None:
            arguments[options.get(SECRET_OPTION, "password")] = self.password
        try:
            get_filesystem_class(scheme)
        except ValueError:
            raise Unsupported(
                f"There is no way to {scheme}:// destinations.", "See: fsspec's list."
            ) from None
        except ImportError as error:
            raise Unsupported(
                f"What {scheme}:// destinations need isn't installed: {said(error)}.", "Install it with pip."
            ) from None
        try:
            system, base = url_to_fs(
                self.destination.url, skip_instance_cache=True, use_listings_cache=False, **arguments
            )
        except Exception as error:
            # As above: anything may come from the library beneath.
            raise Unreachable(f"{self.destination.url} can't be opened: {said(error)}.") from error
        return OtherFiles(self.destination, system, base)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _open(scheme: str, arguments: dict[str, Any], destination: Destination) -> Any:
    from fsspec import filesystem  # noqa: PLC0415 - whoever opens it needs it

    try:
        return filesystem(scheme, skip_instance_cache=True, use_listings_cache=False, **arguments)
    except ImportError as error:
        raise Unsupported(
            f"What {scheme}:// destinations need isn't installed: {said(error)}.", "Install it."
        ) from error
    except OSError as error:
        raise ConnectError(
            f"{destination.url} can't be opened: {said(error)}.",
            "Hadoop's libhdfs, Java and CLASSPATH (hadoop classpath --glob) are needed here.",
        ) from error

"""Everything a face may ask: list, show, create, edit, run, abort, retry, delete, download, test."""

from core.service.facade import Service

__all__ = ["Service"]

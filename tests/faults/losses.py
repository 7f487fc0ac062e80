"""What a disk may have kept of what wasn't synced when the power went."""

from __future__ import annotations

import random

from tests.faults.power import File

BLOCK = 16
"""Bytes that are written whole or not at all; small, as the files here are."""


class Loss:
    """Everything is kept: the process died, not the machine."""

    def keeps_name(self) -> bool:
        return True

    def content(self, file: File) -> bytes:
        return bytes(file.seen)


class SyncedOnly(Loss):
    """What no fsync has asked for is gone."""

    def keeps_name(self) -> bool:
        return False

    def content(self, file: File) -> bytes:
        return file.synced


class NamesOnly(SyncedOnly):
    """Names are kept, unsynced content is gone."""

    def keeps_name(self) -> bool:
        return True


class Zeros(Loss):
    """Names and lengths are kept, unsynced content reads as zeros."""

    def content(self, file: File) -> bytes:
        kept = common(bytes(file.seen), file.synced)
        return kept.ljust(len(file.seen), b"\0")


class OldestLost(Loss):
    """The oldest name that wasn't synced is lost, all that came after it is kept."""

    def __init__(self) -> None:
        self._lost = False

    def keeps_name(self) -> bool:
        before, self._lost = self._lost, True
        return before


class Torn(Loss):
    """Any name and any block may have reached the disk, or not."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def keeps_name(self) -> bool:
        return self._chance.random() < 0.5

    def content(self, file: File) -> bytes:
        new, old = bytes(file.seen), file.synced
        kept = common(new, old)
        shortest, longest = len(kept), max(len(new), len(old))
        length = self._chance.choice([len(new), len(old), self._chance.randint(shortest, longest)])
        tail = b""
        while len(kept) + len(tail) < length:
            at = len(kept) + len(tail)
            block = self._chance.choice([new, old, b""])[at : at + BLOCK]
            tail += block.ljust(min(BLOCK, length - at), b"\0")
        return kept + tail


def common(one: bytes, other: bytes) -> bytes:
    """What both begin with."""
    shorter = min(len(one), len(other))
    return one[: next((n for n in range(shorter) if one[n] != other[n]), shorter)]


def losses(chance: random.Random) -> list[Loss]:
    return [Loss(), SyncedOnly(), NamesOnly(), Zeros(), OldestLost(), Torn(chance)]

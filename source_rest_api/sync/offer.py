"""Selects the streams that a connector offers: streams of a manifest may need others that are not offered."""

from __future__ import annotations

from collections.abc import Callable, Mapping  # noqa: TC003 -- msgspec reads the types of the fields
from typing import Any

from msgspec import Struct


class Offer(Struct, frozen=True):
    """The endpoints of a config that a connector offers, if not all. The others are only read for these."""

    streams: frozenset[str]
    """Names of the streams that `discover` lists."""
    checked: frozenset[str]
    """Names of the streams that `check` tests."""
    missing: Mapping[str, str] = {}
    """Reasons why further streams cannot be read, by name."""
    moved: Callable[[str, Mapping[str, Any]], dict[str, Any]] | None = None
    """Converts the state of a stream, if another connector saved it."""

    def state(self, name: str, saved: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """Returns the state of a stream in this connector's format."""
        return saved if saved is None or self.moved is None else self.moved(name, saved)

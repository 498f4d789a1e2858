"""Which of its streams a connector offers: those of a manifest may need others, which nobody asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping  # noqa: TC003 -- msgspec reads the types of the fields
from typing import Any

from msgspec import Struct


class Offer(Struct, frozen=True):
    """Which endpoints of a config a connector offers, if not all: the others are only read for these."""

    streams: frozenset[str]
    """Names of the streams that `discover` lists."""
    checked: frozenset[str]
    """Names of the streams that `check` asks."""
    missing: Mapping[str, str] = {}
    """Why further streams cannot be read, by name."""
    moved: Callable[[str, Mapping[str, Any]], dict[str, Any]] | None = None
    """Converts the state of a stream, if another connector saved it."""

    def state(self, name: str, saved: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """Returns the state of a stream as this connector has it."""
        return saved if saved is None or self.moved is None else self.moved(name, saved)

"""What the reader of a slice hands on: records, and what they move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msgspec import Raw

    from source_rest_api.state.progress_events import PageProgress, Swept


class Batch(Struct, frozen=True):
    """Records ready to be emitted, and what they move."""

    records: list[Raw]
    moved: PageProgress | Swept
    nulled: Mapping[int, tuple[str, ...]] = {}
    """By the index of a record: its fields that are null because it was too large."""


class Out(Protocol):
    """Where a reader's work goes."""

    def put(self, item: Batch) -> None:
        """Pass on a batch. Waits while the queue is full."""

    def changed(self) -> None:
        """Tell the workers that there is something new to ask for."""


class Partition(Struct, frozen=True):
    """One set of parent records, and of values from lists, to read a stream for."""

    records: Mapping[str, Any] = {}
    """Each parent's record (as far as templates use it) and each value, by their names in templates."""
    key: str = ""
    """What tells it from others, in state and logs: what the endpoint uses of it, as JSON."""
    copies: Mapping[str, Any] = {}
    """What is added to each record."""

"""Batches: the records that the reader of a slice hands on, with the progress they make."""

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
    """The receiver of a reader's batches."""

    def put(self, item: Batch) -> None:
        """Pass on a batch. Waits while the queue is full."""

    def changed(self) -> None:
        """Tell the workers that there is something new to ask for."""


class Partition(Struct, frozen=True):
    """One set of parent records, and of values from lists, to read a stream for."""

    records: Mapping[str, Any] = {}
    """Each parent's record (as far as templates use it) and each value, by their names in templates."""
    key: str = ""
    """The identity of the partition in state and logs: the values that the endpoint uses, as JSON."""
    copies: Mapping[str, Any] = {}
    """Fields to add to each record."""

"""Batches: records from a slice reader, with the progress that they represent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msgspec import Raw

    from source_rest_api.state.progress_events import PageProgress, Swept


class Batch(Struct, frozen=True):
    """Records ready to be emitted, and the progress that they represent."""

    records: list[Raw]
    moved: PageProgress | Swept
    nulled: Mapping[int, tuple[str, ...]] = {}
    """Fields set to null because the record was too large, by the index of the record."""


class Out(Protocol):
    """The receiver of a reader's batches."""

    def put(self, item: Batch) -> None:
        """Pass on a batch. Waits while the queue is full."""

    def changed(self) -> None:
        """Tell the workers that new pages can be requested."""


class Partition(Struct, frozen=True):
    """One combination of parent records and list values for which a stream is read."""

    records: Mapping[str, Any] = {}
    """The parents' records (only the fields that templates use) and the list values, by their names in templates."""
    key: str = ""
    """The identity of the partition in state and logs: the values that the endpoint uses, as JSON."""
    copies: Mapping[str, Any] = {}
    """Fields to add to each record."""
    version: str = ""
    """Digest of the parents' records with all their fields; it changes with the parents."""

    @property
    def in_version(self) -> str:
        """The identity of the partition together with the version of its parents."""
        return self.key + self.version

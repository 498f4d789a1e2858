"""What a response body holds: its records, and how many rows of the API they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msgspec import Raw

    from source_rest_api.model import Path


class OpenedBody(Struct, frozen=True):
    """A response body and its records."""

    root: Raw
    """The whole body, undecoded."""
    records: list[Raw]
    known: Mapping[Path, Raw | None] = {}
    """Values that the typed pass read beside the records, by path; None for absent values."""
    surplus: int = 0
    """Number of records, less the number of rows that `explode` made them of."""

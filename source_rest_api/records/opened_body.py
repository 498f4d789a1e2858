"""What a response body holds: its records, and how many rows of the API they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from source_rest_api.formats import raw_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from msgspec import Raw

    from source_rest_api.model import Path


class OpenedBody(NamedTuple):
    """A response body and its records."""

    root: Raw
    """The whole body, undecoded."""
    records: list[Raw]
    known: Mapping[Path, Raw | None] = {}
    """Values that the typed pass read beside the records, by path; None for absent values."""
    surplus: int = 0
    """Number of records, less the number of rows that `explode` made them of."""
    fewest: int | None = None
    """Fewest rows that the records may be, if they come from several lists: what holds these, or the longest."""


def fewest_rows(root: Raw, paths: Iterable[Path]) -> int:
    """Returns the fewest rows that the records at several paths may be, or at one that leads through lists."""
    star = raw_json.WILDCARD
    ends = [path[: path.index(star)] if star in path[:-1] else path for path in paths]
    return max(sum(1 for _ in raw_json.matches(root, (*end, star))) for end in ends)

"""One page of several responses, each with a group of the records' fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from source_rest_api.errors import ConfigError, TransientError
from source_rest_api.formats import raw_json
from source_rest_api.records import tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from msgspec import Raw

    from source_rest_api.config.field_groups import FieldGroups
    from source_rest_api.http.request import Request
    from source_rest_api.pagination.page import Page

_TRIES = 3


def read(groups: FieldGroups, request: Request, ask: Callable[[Request], Page]) -> Page:
    """Requests a page once for each group of fields, and returns it with merged records.

    Args:
        groups: The groups.
        request: The request without them.
        ask: Returns the page for one group.

    Raises:
        TransientError: The responses had different records each time, because rows come and go.
        ConfigError: A record has no key.
        SourceError: A request fails.
    """
    for _ in range(_TRIES):
        first, *others = map(ask, groups.requests(request))
        pages = [{_key(record, groups): record for record in page.records} for page in (first, *others)]
        if groups.allow_missing or all(page.keys() == pages[0].keys() for page in pages):
            return replace(first, records=_merged(pages) if others else first.records)
    raise TransientError(
        "The responses for the groups of fields have different records, so rows came or went between the requests. "
        "Try again later, or set `field_groups.allow_missing: true` if the API omits records without a value."
    )


def _key(record: Raw, groups: FieldGroups) -> tuple[bytes, ...]:
    found = [raw_json.find(record, path) for path in groups.merge_by]
    if None in found:
        raise ConfigError("A record has no `field_groups.merge_by`. Correct it, or name its fields in each group.")
    return tuple(bytes(value) for value in found if value is not None)


def _merged(pages: list[dict[tuple[bytes, ...], Raw]]) -> list[Raw]:
    """Returns the records of all pages, each with its fields from all of them, in the order in which they came."""
    merged: dict[tuple[bytes, ...], Any] = {}
    for page in pages:
        for key, record in page.items():
            merged[key] = _both(merged[key], record) if key in merged else record
    return [tree.raw(record) for record in merged.values()]


def _both(one: Any, other: Any) -> Any:
    """Returns two values as one: objects have the fields of both; of anything else, the later counts."""
    one, other = tree.opened(one), tree.opened(other)
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return other
    return {**one, **{name: _both(one[name], value) if name in one else value for name, value in other.items()}}

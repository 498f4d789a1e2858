"""Looks for the key and the cursor of a stream in a sample of its records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from msgspec import Raw

    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.model import Path

_MOST_NAMES = 20
"""Upper limit of the field names that a message lists."""


def check(endpoint: Endpoint, records: Sequence[Raw], problems: Sequence[str] = ()) -> None:
    """Checks that some record of a sample has the key and the cursor. An empty sample proves nothing.

    Args:
        endpoint: The endpoint of the records.
        records: Emitted records.
        problems: Further problems to report with these.

    Raises:
        ConfigError: No record has one of these fields.
    """
    if not records:
        return
    found = [*_missing(endpoint, records), *problems]
    if found:
        names = ", ".join(list(raw_json.fields(records[0]))[:_MOST_NAMES])
        raise ConfigError(f"{'; '.join(found)}. The records have the fields {names}.").at(f"Stream {endpoint.name}")


def without_value(records: Sequence[Raw]) -> list[str]:
    """Returns the names of the first fields that are null in all records that have them."""
    seen: dict[str, bool] = {}
    for record in records:
        for name, value in raw_json.fields(record).items():
            seen[name] = seen.get(name, False) or raw_json.kind(value) != "null"
    return [name for name, has_value in seen.items() if not has_value][:_MOST_NAMES]


def _missing(endpoint: Endpoint, records: Sequence[Raw]) -> Iterator[str]:
    for path in endpoint.primary_key:
        if _nobody_has(records, [path]):
            yield f"`primary_key` names `{'.'.join(path)}`, which no record has"
    field = None if endpoint.incremental is None else endpoint.incremental.cursor_field
    if field is not None and _nobody_has(records, emitted_at(endpoint, field)):
        yield f"`incremental.cursor_field` names `{'.'.join(field)}`, which no record has"


def emitted_at(endpoint: Endpoint, path: Path) -> list[Path]:
    """Returns the paths at which emitted records may have a field, of the API's records or added."""
    places = [endpoint.record_options.reshaping.place(keys) for keys in raw_json.cuts(path)]
    added = [path] if ".".join(path) in endpoint.add_fields else []
    return [*(place for place in places if place is not None), *added]


def _nobody_has(records: Sequence[Raw], paths: Sequence[Path]) -> bool:
    return all(raw_json.find(record, path) is None for record in records for path in paths)

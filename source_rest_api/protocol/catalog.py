"""The catalog that `discover` prints, and the configured catalog that `read` receives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from source_rest_api.config import validation
from source_rest_api.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from source_rest_api.config.endpoint import Endpoint


class _Stream(msgspec.Struct):
    name: str
    json_schema: Any = None


class _Configured(msgspec.Struct):
    stream: _Stream
    sync_mode: Literal["full_refresh", "incremental"] = "full_refresh"


class _Catalog(msgspec.Struct):
    streams: list[_Configured]


class ConfiguredStream(msgspec.Struct, frozen=True):
    """A stream that the user selected. The rest of its catalog entry concerns only the destination."""

    name: str
    incremental: bool
    json_schema: Mapping[str, Any] = {}
    """The schema that the destination knows; empty if the catalog has none."""


def load(value: Any) -> list[ConfiguredStream]:
    """Parses a configured catalog; unknown keys are ignored.

    Raises:
        ConfigError: The value is not a configured catalog, or it names a stream twice.
    """
    try:
        catalog = msgspec.convert(value, _Catalog)
    except msgspec.ValidationError as error:
        raise ConfigError(f"The catalog is not a configured Airbyte catalog: {error}.") from None
    names = [configured.stream.name for configured in catalog.streams]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ConfigError(f"The catalog contains a stream more than once: {', '.join(twice)}. Remove the duplicates.")
    return [
        ConfiguredStream(
            configured.stream.name,
            configured.sync_mode == "incremental",
            configured.stream.json_schema if isinstance(configured.stream.json_schema, dict) else {},
        )
        for configured in catalog.streams
    ]


def of_all(endpoints: Iterable[Endpoint], names: Collection[str] = ()) -> dict[str, Any]:
    """Returns a configured catalog of the endpoints themselves, for a read without a catalog.

    Args:
        endpoints: The endpoints of the config. Each is read incrementally if it has a cursor, or its parent's.
        names: The streams to read; if empty, all.

    Raises:
        ConfigError: There is no stream of such a name.
    """
    return {
        "streams": [
            {
                "stream": {"name": name, "json_schema": endpoint.json_schema or {}},
                "sync_mode": "incremental" if endpoint.is_incremental else "full_refresh",
            }
            for name, endpoint in chosen(endpoints, names).items()
        ]
    }


def chosen(endpoints: Iterable[Endpoint], names: Collection[str]) -> dict[str, Endpoint]:
    """Returns the endpoints of these names, or all if there are none.

    Raises:
        ConfigError: There is no stream of such a name.
    """
    known = {endpoint.name: endpoint for endpoint in endpoints}
    for name in names:
        if name not in known:
            raise ConfigError(f"Unknown stream `{name}`{validation.did_you_mean(name, list(known))}")
    return {name: known[name] for name in names or known}


def stream(endpoint: Endpoint, json_schema: dict[str, Any]) -> dict[str, Any]:
    """Returns the AirbyteStream that describes an endpoint."""
    endpoint = endpoint.spelled_by(json_schema)
    incremental = endpoint.is_incremental
    described: dict[str, Any] = {
        "name": endpoint.name,
        "json_schema": json_schema,
        "supported_sync_modes": ["full_refresh", "incremental"] if incremental else ["full_refresh"],
        "is_resumable": incremental,
    }
    if incremental:
        described["source_defined_cursor"] = True
        described["default_cursor_field"] = list(endpoint.cursor_place or ())
    if endpoint.primary_key:
        described["source_defined_primary_key"] = [list(path) for path in endpoint.primary_key]
    return described

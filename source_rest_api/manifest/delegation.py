"""Streams that read one way at first and another way from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from source_rest_api.errors import ConfigError

if TYPE_CHECKING:
    from source_rest_api.manifest.document import Component
    from source_rest_api.manifest.interpolation import Scope
    from source_rest_api.manifest.stream import Translated


def is_one(stream: Component) -> bool:
    """True if a stream reads in two ways."""
    return stream.get("type") == "StateDelegatingStream"


def changes(stream: Component, name: str) -> Component:
    """Returns the stream of the syncs after the first; of any other stream itself."""
    return {**stream["incremental_stream"], "name": name} if is_one(stream) else stream


def everything(stream: Component, name: str) -> Component:
    """Returns the stream of the first sync, which is also what other streams are read for; of any other itself."""
    return {**stream["full_refresh_stream"], "name": f"{name} (first sync)"} if is_one(stream) else stream


def first_sync(stream: Component, later: Translated, first: Translated, scope: Scope) -> dict[str, Any]:
    """Returns the `first_sync` of an endpoint.

    Raises:
        ConfigError: The state of one is not one of the other.
    """
    fields = [(each.endpoint.get("incremental") or {}).get("cursor_field") for each in (later, first)]
    if fields[0] is None or fields[0] != fields[1]:
        raise ConfigError("`StateDelegatingStream` of streams with different cursor fields has no equivalent here")
    retention = scope.known(stream.get("api_retention_period"), "`api_retention_period`")
    return {"endpoint": first.endpoint["name"], **({"retention": str(retention)} if retention else {})}

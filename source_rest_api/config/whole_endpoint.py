"""The endpoint with all records of a stream whose own endpoint has only changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_rest_api.config.config import Config
    from source_rest_api.config.endpoint import Endpoint


def of(config: Config, endpoint: Endpoint) -> Endpoint | None:
    """Returns the endpoint with all records, under the name of the stream; None if there is no other."""
    if endpoint.first_sync is None:
        return None
    named = endpoint.first_sync.endpoint
    found = next((each for each in config.streams if each.name == named), None)
    if found is None or found.incremental is None or endpoint.incremental is None:
        return None
    cursor = found.incremental.model_copy(update={"cursor_field": endpoint.incremental.cursor_field})
    update = {"name": endpoint.name, "primary_key": endpoint.primary_key, "incremental": cursor, "first_sync": None}
    return found.model_copy(update=update)


def problems(config: Config, endpoint: Endpoint) -> Iterator[str]:
    """Yields why a stream cannot be read from two endpoints."""
    if endpoint.first_sync is None:
        return
    other = next((each for each in config.streams if each.name == endpoint.first_sync.endpoint), None)
    if other is None or other.name == endpoint.name:
        yield f"first_sync.endpoint: there is no other endpoint `{endpoint.first_sync.endpoint}`"
    elif _cursor_field(other) is None or _cursor_field(other) != _cursor_field(endpoint):
        yield "first_sync: both endpoints need `incremental` with the same `cursor_field`"
    elif (other.url_base, other.authentication) != (endpoint.url_base, endpoint.authentication):
        yield "first_sync: both endpoints need the same `url_base` and `authentication`"


def _cursor_field(endpoint: Endpoint) -> object:
    return None if endpoint.incremental is None else endpoint.incremental.cursor_field

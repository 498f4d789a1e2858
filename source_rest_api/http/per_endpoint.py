"""Settings and services that an endpoint may override."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


class PerEndpoint(Struct, Generic[T], frozen=True):
    """One value for most endpoints of an API, and others for some."""

    others: T
    """The value for endpoints that `by_endpoint` does not name."""
    by_endpoint: Mapping[str, T] = {}

    def of(self, endpoint: str) -> T:
        """Return the value for one endpoint."""
        return self.by_endpoint.get(endpoint, self.others)

"""Requesters by the transport that they send with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_rest_api.http.connection_pool import ConnectionPool

if TYPE_CHECKING:
    from source_rest_api.http.connection_pool import OriginPool
    from source_rest_api.http.origins import Origin
    from source_rest_api.http.requester import Requester
    from source_rest_api.http.transport import TransportName

TRANSPORTS: list[TransportName] = ["own", "requests"]


def pools(requester: Requester) -> dict[Origin, OriginPool]:
    """Give the pools of a requester that sends by our own transport."""
    transport = requester.sender.connections.transport
    assert isinstance(transport, ConnectionPool)
    return {origin: pool for (origin, _), pool in transport.by_origin.items()}

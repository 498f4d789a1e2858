"""The transports that requesters may send with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from source_rest_api.http.transport import TransportName

TRANSPORTS: list[TransportName] = ["own", "requests"]

"""Everything that HTTP is told of a config."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from pydantic import SecretStr

    from source_rest_api.http.error_rules import ErrorPolicies
    from source_rest_api.http.origins import Origins
    from source_rest_api.http.retry import Retry
    from source_rest_api.http.tls import Tls
    from source_rest_api.http.transport import TransportName


class HttpSettings(Struct, frozen=True, kw_only=True):
    """Where requests may go, how long they may take, and what their answers mean; made by `Config.http`."""

    origins: Origins
    policies: ErrorPolicies
    retry: Retry
    connect_timeout: float
    """Seconds to wait for a connection."""
    read_timeout: float
    """Seconds to wait for the next bytes."""
    request_timeout: float
    """Seconds that one request may take in all."""
    largest_body: int
    """Bytes, content coding undone."""
    requests_per_second: float | None
    """How many requests may begin in a second; None for any number."""
    tls: Tls | None
    proxy_url: SecretStr | None
    transport: TransportName = "own"
    """How requests are sent; nothing else decides it."""

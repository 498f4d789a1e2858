"""The settings of the HTTP layer, taken from a config."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from source_rest_api.http.cookies import Cookies
from source_rest_api.http.request_log import RequestLog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import SecretStr

    from source_rest_api.http.error_rules import ErrorPolicy
    from source_rest_api.http.origins import Origins
    from source_rest_api.http.per_endpoint import PerEndpoint
    from source_rest_api.http.retry import Retry
    from source_rest_api.http.tls import Tls
    from source_rest_api.http.transport import TransportName


class HttpSettings(Struct, frozen=True, kw_only=True):
    """Allowed origins, timeouts, limits and error policies of one API; made by `Config.http`."""

    origins: PerEndpoint[Origins]
    policies: PerEndpoint[ErrorPolicy]
    retry: Retry
    connect_timeout: float
    """Seconds to wait for a connection."""
    read_timeout: float
    """Seconds to wait for the next bytes."""
    request_timeout: float
    """Seconds that one request may take in total."""
    largest_body: int
    """Maximum bytes of a response body, after decompression."""
    requests_per_second: float | None
    """Maximum number of requests started per second; None for no limit."""
    shared_rates: Sequence[tuple[Sequence[str], float]] = ()
    """Endpoints, and the maximum number of requests that they start per second together."""
    concurrent_jobs: int
    """Maximum number of report jobs that run at the same time."""
    tls: Tls | None
    proxy_url: SecretStr | None
    cookies: Cookies = field(default_factory=Cookies)
    """The cookies of the session, those of logins included."""
    log: RequestLog = field(default_factory=RequestLog)
    """Notes each request."""
    transport: TransportName = "own"
    """The transport that sends requests. No other setting influences this choice."""

"""Logs each request with its response: a debug line, and a list for the commands that show or count requests."""

from __future__ import annotations

import logging
from threading import Lock
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from source_rest_api.http.request import Request
    from source_rest_api.http.response import Response

_LOG = logging.getLogger("airbyte.source_rest_api.http.request_log")


class Exchange(Struct):
    """One request and its response. The URL may hold secrets: it has to be masked before it is shown."""

    endpoint: str
    """Name of the endpoint; empty for a token request."""
    method: str
    url: str
    """As it was sent, with parameters and credentials in the query."""
    status: int
    seconds: float
    """From sending the request to the end of the body, or to its beginning if the body is read while it arrives."""
    size: int | None
    """Bytes of the body after decompression; None if it is read while it arrives."""
    records: int | None = None
    """Records on the page; None if the response is not a page of records."""
    then: str = ""
    """Why paging continues or ends here."""

    def __str__(self) -> str:
        size = "" if self.size is None else f", {self.size:,} bytes"
        return f"{self.method} {self.url} {self.status}, {self.seconds * 1000:.0f} ms{size}"


class RequestLog:
    """The requests of one command. Safe to use from any thread.

    Args:
        keep: True to keep a list of the requests. A read does not, because it may send millions.
    """

    def __init__(self, *, keep: bool = False) -> None:
        self.keep = keep
        self.exchanges: list[Exchange] = []
        self.sent = 0
        """The number of requests, with those that got no response."""
        self._lock = Lock()

    def sending(self) -> None:
        """Counts a request."""
        with self._lock:
            self.sent += 1

    def answered(self, request: Request, response: Response, seconds: float, *, streamed: bool) -> None:
        """Notes a response."""
        if not self.keep and not _LOG.isEnabledFor(logging.DEBUG):
            return
        size = None if streamed else len(response.body)
        url = request.discreet(response.url)
        exchange = Exchange(request.endpoint, request.method, url, response.status, seconds, size)
        _LOG.debug("%s", exchange)
        if self.keep:
            with self._lock:
                self.exchanges.append(exchange)

    def paged(self, request: Request, records: int, then: str) -> None:
        """Notes the number of records in an endpoint's last response, and what follows it."""
        with self._lock:
            for exchange in reversed(self.exchanges):
                if exchange.endpoint == request.endpoint:
                    exchange.records, exchange.then = records, then
                    return

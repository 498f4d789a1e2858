"""Measures how far the API's clock is behind. Rows that change during a read get a time by that clock."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from source_rest_api.http import server_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LOG = logging.getLogger("airbyte.source_rest_api.streams.server_clock")
_NOTICED = timedelta(seconds=2)
"""Smaller differences have other causes: `Date` has whole seconds, and the response takes time to arrive."""
_BELIEVED = timedelta(days=1)
"""A larger difference means that the `Date` is wrong or belongs to a cached copy."""


class ServerClock:
    """Compares the `Date` of responses (RFC 9110, section 6.6.1) with the connector's clock.

    Args:
        stream: The name of the stream.
        now: Returns the current time.

    Attributes:
        behind: The largest lag of the API's clock so far; zero if it is not behind.
    """

    def __init__(self, stream: str, now: Callable[[], datetime]) -> None:
        self._stream = stream
        self._now = now
        self.behind = timedelta(0)

    def note(self, headers: Mapping[str, str]) -> None:
        """Reads the API's clock from a response that has just arrived. Any thread may call this."""
        ours = self._now()
        theirs = server_time.now(headers, ours.timestamp)
        behind = ours - datetime.fromtimestamp(theirs, timezone.utc)
        if not _NOTICED < behind < _BELIEVED or behind <= self.behind:
            return
        if not self.behind:
            _LOG.info(
                "Stream %s: the API's clock is %.0f seconds behind, so the state stays that far behind too.",
                self._stream,
                behind.total_seconds(),
            )
        self.behind = behind

"""How far the API's clock is behind ours: a row that changes during the read gets a time by the API's clock."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from source_rest_api.http import server_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LOG = logging.getLogger("airbyte.source_rest_api.streams.server_clock")
_NOTICED = timedelta(seconds=2)
"""Below this, a `Date` in whole seconds and the way of the response explain the difference."""
_BELIEVED = timedelta(days=1)
"""Beyond this, the `Date` is that of a cached copy, or nobody maintains it."""


class ServerClock:
    """Compares the `Date` of responses (RFC 9110, section 6.6.1) with our clock.

    Args:
        stream: The stream's name.
        now: Our clock.

    Attributes:
        behind: By how much the API's clock is behind; zero if it is not.
    """

    def __init__(self, stream: str, now: Callable[[], datetime]) -> None:
        self._stream = stream
        self._now = now
        self.behind = timedelta(0)

    def note(self, headers: Mapping[str, str]) -> None:
        """Reads the clock from a response that has just come. Safe to call from any thread: the last one counts."""
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

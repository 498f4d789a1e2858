"""Warns of records without a primary key, or with that of another record."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from source_rest_api.sync import record_keys
from source_rest_api.sync.record_keys import ADVICE, LOSS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msgspec import Raw

    from source_rest_api.model import Path

_LOG = logging.getLogger("airbyte.source_rest_api.sync.key_watch")
_MOST_RECORDS = 200
"""Upper limit of the records of a batch that are looked at."""


class KeyWatch:
    """Warns once of each problem of a stream's key.

    Args:
        stream: Name of the stream.
        key: The primary key in emitted records; empty if it has none.
    """

    def __init__(self, stream: str, key: Sequence[Path]) -> None:
        self._stream = stream
        self._key = key
        self._is_loose = self._is_shared = False

    def look(self, records: Sequence[Raw]) -> None:
        """Looks at the first records of a batch."""
        if not self._key:
            return
        some = records[:_MOST_RECORDS]
        keys = record_keys.of(some, self._key)
        loose = 0 if self._is_loose else record_keys.loose(keys)
        if loose:
            self._is_loose = True
            _LOG.warning(
                "Stream %s: %d of %d records have no value in the key %s: %s. Change `primary_key`.",
                self._stream,
                loose,
                len(some),
                record_keys.named(self._key),
                LOSS,
            )
        shared = None if self._is_shared else record_keys.shared(keys, some)
        if shared is not None:
            self._is_shared = True
            _LOG.warning(
                "Stream %s: different records on one page share the key %s, such as %s: %s. %s.",
                self._stream,
                record_keys.named(self._key),
                shared,
                LOSS,
                ADVICE,
            )

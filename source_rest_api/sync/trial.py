"""Reads the first records of one stream for `try`, and notes each request."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from source_rest_api.errors import SourceError, Stopped, as_source_error
from source_rest_api.protocol import schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msgspec import Raw

    from source_rest_api.http.request_log import Exchange, RequestLog
    from source_rest_api.streams.stream import Stream

MOST_REQUESTS = 20
"""Requests after which a trial stops, if they brought fewer records than it wants."""


class Trial(Struct, frozen=True):
    """The first records of a stream, and the requests for them."""

    stream: str
    records: Sequence[Raw]
    requests: Sequence[Exchange]
    seconds: float
    json_schema: dict[str, Any]
    """The JSON schema of the records, as `discover` infers it."""
    ended: str
    """The reason why reading ended."""
    problem: SourceError | None


def run(stream: Stream, log: RequestLog, limit: int) -> Trial:
    """Reads a stream from its start; an error becomes the trial's `problem`.

    Args:
        stream: The stream.
        log: The log of its requester.
        limit: Number of records to read.
    """
    began, before = time.monotonic(), len(log.exchanges)
    records: list[Raw] = []
    ended, problem = "all records were read", None
    try:
        for batch in stream.sample():
            records += batch.records
            if len(records) >= limit:
                ended = f"the limit of {limit} was reached"
                break
            if len(log.exchanges) - before >= MOST_REQUESTS:
                ended = f"{MOST_REQUESTS} requests were sent"
                break
    except Stopped:
        raise
    except Exception as error:  # noqa: BLE001 -- it is shown beside what came before it
        ended, problem = "an error", as_source_error(error)
    seconds = time.monotonic() - began
    shown = records[:limit]
    inferred = schema.infer(shown, stream.endpoint.primary_key)
    return Trial(stream.name, shown, log.exchanges[before:], seconds, inferred, ended, problem)

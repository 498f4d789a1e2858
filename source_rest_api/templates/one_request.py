"""What the clock and the random functions of templates return within one request: always the same.

A signature covers the timestamp and the nonce that stand in other headers, so all templates of a request must agree.
"""

from __future__ import annotations

import re
import uuid
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_VARYING = re.compile(r"now_utc|today_utc|today_with_timezone|day_delta|generate_uuid")
_current: ContextVar[tuple[datetime, str] | None] = ContextVar("_current", default=None)


@contextmanager
def one_request() -> Iterator[None]:
    """Within it, the time stands still, and all UUIDs are the same."""
    before = _current.set((datetime.now(timezone.utc), str(uuid.uuid4())))
    try:
        yield
    finally:
        _current.reset(before)


def now() -> datetime:
    """Returns the time of the current request, or else the current time; in UTC."""
    current = _current.get()
    return datetime.now(timezone.utc) if current is None else current[0]


def random_uuid() -> str:
    """Returns the UUID of the current request, or else a new one."""
    current = _current.get()
    return str(uuid.uuid4()) if current is None else current[1]


def varies(text: str) -> bool:
    """True if a template may return another text for each request, whatever its names stand for."""
    return _VARYING.search(text) is not None

"""A report job that the API works on, as the state keeps it."""

from __future__ import annotations

from typing import Any

import msgspec


class JobState(msgspec.Struct, omit_defaults=True):
    """One report job, by which a later run finds it again instead of creating another."""

    created_at: str
    """When the job was created, by the connector's clock."""
    answer: Any = None
    """The parts of the response to its creation that templates read, such as its id."""
    done: list[str] = []
    """Digests of the files that are delivered, by their URLs without signature."""

"""Holds an API to the order that the config says it has: oldest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_rest_api.errors import ConfigError

if TYPE_CHECKING:
    from source_rest_api.cursors import Mark, Observation


class OldestFirst:
    """Checks that the cursor values of a slice never go back, page after page."""

    def __init__(self) -> None:
        self.newest: Mark | None = None

    def check(self, seen: Observation) -> None:
        """Note a page.

        Raises:
            ConfigError: One of its records is older than one before it, or has no readable cursor.
        """
        known = [] if self.newest is None else [self.newest.value]
        known += [value for value in seen.values if value is not None]
        if None in seen.values or known != sorted(known):
            raise ConfigError(
                "`incremental.sorted` says that records come oldest first, and they do not. Remove it, or have the API "
                "sort by the cursor field (`params`)."
            )
        self.newest = seen.newest or self.newest

"""Holds an API to the order that the config says it has: oldest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_rest_api.errors import ConfigError

if TYPE_CHECKING:
    from source_rest_api.cursors.cursors import Mark, Observation


class OldestFirst:
    """Checks that the cursor values of a slice never go back, page after page, but where reading itself does."""

    def __init__(self) -> None:
        self.newest: Mark | None = None
        self._again = False

    def step_back(self) -> None:
        """Pages are read again, because rows have moved: until what follows is newer, they may be older."""
        self._again = True

    def check(self, seen: Observation) -> None:
        """Note a page.

        Raises:
            ConfigError: One of its records is older than one before it, or has no readable cursor.
        """
        values = [value for value in seen.values if value is not None]
        before = [] if self.newest is None else [self.newest.value]
        self._again = self._again and (not values or values[:1] < before)
        ordered = values if self._again else before + values
        if None in seen.values or ordered != sorted(ordered):
            raise ConfigError(
                "`incremental.sorted` says that records come oldest first, and they do not. Remove it, or have the API "
                "sort by the cursor field (`params`)."
            )
        if seen.newest is not None and (self.newest is None or seen.newest.value >= self.newest.value):
            self.newest = seen.newest

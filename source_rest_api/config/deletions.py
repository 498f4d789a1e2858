"""The option to tell which rows are gone, in an API that does not say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from source_rest_api.formats import datetimes
from source_rest_api.model import Model, NamedTexts, Text, texts_of

if TYPE_CHECKING:
    from datetime import datetime


DELETED_AT = "_ab_cdc_deleted_at"
"""The field by which Airbyte's destinations know a row that is gone."""


def _check_duration(text: str) -> str:
    datetimes.duration(text)
    return text


class Deletions(Model):
    """Tells which rows are gone: now and then a sweep asks for all rows once more, and keeps only their keys.

    It works in incremental syncs, and needs `primary_key` and `incremental`.
    """

    every: Annotated[str, AfterValidator(_check_duration)]
    """How much time lies between two sweeps, as an ISO 8601 duration such as `P1D`. A row is told as gone when two
    sweeps in succession did not have it."""
    path: Text | None = None
    """Path that a sweep asks; by default that of the endpoint."""
    params: NamedTexts = {}
    """Query parameters of a sweep, beside or in place of the endpoint's, such as `fields: id`; an empty list leaves one
    out."""

    @property
    def texts(self) -> list[str]:
        """All texts that may be templates."""
        return [*([] if self.path is None else [self.path]), *texts_of(self.params)]

    def due(self, last: datetime, now: datetime) -> bool:
        """True if it is time for a sweep, that much after the last; at once where the clock has been put back."""
        try:
            return not last <= now < datetimes.add(last, self.every)
        except OverflowError:
            return False

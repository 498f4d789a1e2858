"""The setting that detects deleted rows in an API that does not report them."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator

from source_rest_api.formats import datetimes
from source_rest_api.model import Model, NamedTexts, Text, texts_of

DELETED_AT = "_ab_cdc_deleted_at"
"""The field that marks a delete record for Airbyte's destinations."""


def _check_duration(text: str) -> str:
    datetimes.duration(text)
    return text


class Deletions(Model):
    """Detects deleted rows. At an interval, a sweep reads the whole stream again for its keys.

    A row that two sweeps in a row miss becomes a delete record. Needs `primary_key` and `incremental`, and runs in
    incremental syncs only.
    """

    every: Annotated[str, AfterValidator(_check_duration)]
    """Time between two sweeps, as an ISO 8601 duration such as `P1D`. A row becomes a delete record when two sweeps in
    a row miss it."""
    path: Text | None = None
    """Path of the sweep; by default the path of the endpoint."""
    params: NamedTexts = {}
    """Query parameters of the sweep, such as `fields: id`. They are added to those of the endpoint, or replace them. An
    empty list removes a parameter."""

    @property
    def texts(self) -> list[str]:
        """All texts that may be templates."""
        return [*([] if self.path is None else [self.path]), *texts_of(self.params)]

    def due(self, last: datetime, now: datetime) -> bool:
        """True if `every` has passed since the last sweep, or if the clock was set back since."""
        try:
            return not last <= now < datetimes.add(last, self.every)
        except OverflowError:
            return False

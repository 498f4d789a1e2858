"""What a read may take at most, where an API may need more or less. Beyond it is an error, never a silent end."""

from __future__ import annotations

from pydantic import PositiveInt

from source_rest_api.model import Model
from source_rest_api.pagination.page import LARGEST_BODY

_MEGABYTE = 1 << 20


class Limits(Model):
    """What a read may take at most. Whatever is beyond it is an error that names the option."""

    body_megabytes: PositiveInt = LARGEST_BODY // _MEGABYTE
    """The largest body, its compression undone. CSV and JSON Lines are read line by line and need none. Beyond an
    eighth of it, a body may inflate to 100 times what was sent."""

    record_megabytes: PositiveInt = 20
    """The largest record, as JSON. Of a larger one the largest fields are null (`meta.changes` names them), but never
    those of its `primary_key` and cursor. Airbyte's platform takes 20 MB."""

    pages: PositiveInt | None = None
    """Pages of one slice (an interval of one partition). By default an API may give as many as it has."""
    empty_pages: PositiveInt = 1000
    """Pages of a slice without any record, one after the other, that still lead to a next page."""

    @property
    def body(self) -> int:
        """Bytes."""
        return self.body_megabytes * _MEGABYTE

    @property
    def record(self) -> int:
        """Bytes."""
        return self.record_megabytes * _MEGABYTE

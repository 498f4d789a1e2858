"""The endpoint that the first sync of a stream reads, if its changes have another endpoint."""

from source_rest_api.cursors.datetime_cursor import DurationText
from source_rest_api.model import Model


class FirstSync(Model):
    """Reads another endpoint in the first sync: the one with all records, where this one has only changes.

    Both need `incremental` with the same cursor field, and the same API.
    """

    endpoint: str
    """Name of the endpoint with all records."""
    retention: DurationText | None = None
    """How long the API keeps changes, such as `P30D`. If the last sync is older, all records are read again."""

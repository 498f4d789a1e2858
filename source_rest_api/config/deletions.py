"""The option to tell which rows are gone, in an API that does not say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from source_rest_api.formats import datetimes
from source_rest_api.model import Model, NamedTexts, Text, texts_of
from source_rest_api.templates import templates

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from source_rest_api.config.endpoint import Endpoint
    from source_rest_api.pagination.paginators import Pagination

DELETED_AT = "_ab_cdc_deleted_at"
"""The field by which Airbyte's destinations know a row that is gone."""
_DECISIVE = ("path", "http_method", "params", "body", "selector", "partitions", "filter", "filter_after")
"""What of an endpoint decides which rows it has."""
_INTERVALS = frozenset({"stream_interval", "stream_slice"})


def _check_duration(text: str) -> str:
    datetimes.duration(text)
    return text


def _names(texts: Iterable[str]) -> set[str]:
    """All names that templates read."""
    return {name for text in texts for name in templates.names(text)}


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
        """Whether it is time for a sweep, that much after the last; at once where the clock has been put back."""
        try:
            return not last <= now < datetimes.add(last, self.every)
        except OverflowError:
            return False

    def swept(self, endpoint: Endpoint) -> Endpoint:
        """What a sweep reads: all rows, whatever their cursor, as far as their keys need.

        A row that does not pass the filters is there all the same.
        """
        keys = {".".join(path) for path in endpoint.primary_key}
        return endpoint.model_copy(
            update={
                "path": endpoint.path if self.path is None else self.path,
                "params": {**endpoint.params, **self.params},
                "incremental": None,
                "deletions": None,
                "filter": None,
                "filter_after": None,
                "add_fields": {name: value for name, value in endpoint.add_fields.items() if name in keys},
            }
        )

    def question(self, endpoint: Endpoint, above: Iterable[Endpoint]) -> str:
        """What decides which rows a sweep is to meet, as a text that changes with it.

        Args:
            endpoint: Whose rows they are.
            above: The streams that are read for it.
        """
        own = {name: value for name, value in endpoint.params.items() if name not in self.params}
        asked = [endpoint.model_copy(update={"params": own, "filter": None, "filter_after": None}), *above]
        return repr([[getattr(each, name) for name in _DECISIVE] for each in asked])

    def problems(self, endpoint: Endpoint, paginator: Pagination) -> Iterator[str]:
        """What is wrong with it beside the rest of the endpoint."""
        for needed in ("primary_key", "incremental"):
            if not getattr(endpoint, needed):
                yield f"deletions: needs `{needed}`"
        if getattr(paginator, "first_page_only", False):
            yield "deletions: a sweep has to see all rows, and `pagination.first_page_only` leaves most of them out"
        own = endpoint.model_copy(update={"deletions": None}).texts
        if templates.TOKEN in _names(self.texts) - _names(own):
            yield f"deletions: a template reads `{templates.TOKEN}`, and none of the endpoint's own does"
        reads = sorted(_names(self.swept(endpoint).texts) & _INTERVALS)
        if reads:
            yield (
                f"deletions: a sweep asks for all rows, and a template reads `{reads[0]}`; give the parameter in "
                "`deletions.params` another value, or an empty list to leave it out"
            )

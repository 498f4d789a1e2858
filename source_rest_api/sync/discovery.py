"""Describes each stream for `discover`: its schema, declared or inferred from its first pages, its keys and modes."""

from __future__ import annotations

import logging
from itertools import islice
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from source_rest_api.errors import InternalError, SourceError
from source_rest_api.protocol import catalog, schema
from source_rest_api.sync import sample_fields

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msgspec import Raw

    from source_rest_api.streams.stream import Stream

_LOG = logging.getLogger("airbyte.source_rest_api.sync.discovery")
_SAMPLED_PAGES = 3


class Description(Struct, frozen=True):
    """The catalog entry of a stream, or why it has none."""

    entry: dict[str, Any] | None = None
    problem: SourceError | None = None
    inferred: Any = None
    """The schema, if it was inferred from records."""

    @classmethod
    def of(cls, stream: Stream) -> Description:
        """Reads the first pages of a stream, unless its schema is declared; an error becomes the `problem`.

        Raises:
            InternalError: There is a bug in this connector.
        """
        try:
            return _described(stream)
        except InternalError:
            raise
        except SourceError as error:
            return cls(problem=error)


def entries(descriptions: Sequence[Description]) -> list[dict[str, Any]]:
    """Returns the catalog entries, and logs which streams have none and why.

    Raises:
        SourceError: No stream has one. It is the error of the first.
    """
    found = [each.entry for each in descriptions if each.entry is not None]
    problems = [each.problem for each in descriptions if each.problem is not None]
    if problems and not found:
        raise problems[0]
    for problem in problems:
        _LOG.warning("%s The stream is not in the catalog.", problem)
    return found


def inferred(descriptions: Sequence[Description]) -> dict[str, Any]:
    """Returns the inferred schemas by stream name."""
    return {each.entry["name"]: each.inferred for each in descriptions if each.entry and each.inferred}


def _described(stream: Stream) -> Description:
    endpoint = stream.endpoint
    described, found = endpoint.json_schema, None
    if described is None and endpoint.schema_by is not None:
        described = endpoint.schema_by.load()
    if described is None:
        sample = _sample(stream)
        sample_fields.check(endpoint, sample)
        described = schema.infer(sample, endpoint.primary_key)
        found = described if sample else None
    if endpoint.deletions is not None:
        described = schema.with_deletions(described)
    return Description(catalog.stream(endpoint, described), inferred=found)


def _sample(stream: Stream) -> list[Raw]:
    """Returns the records of the first pages, and logs what they cannot tell."""
    batches = islice((batch for batch in stream.sample() if batch.records), _SAMPLED_PAGES)
    sample = [record for batch in batches for record in batch.records]
    if not sample:
        _LOG.warning("Stream %s has no records to infer a schema from. Set `schema`.", stream.name)
    unknown = sample_fields.without_value(sample)
    if unknown:
        names = ", ".join(f"`{name}`" for name in unknown)
        _LOG.info(
            "Stream %s: no sampled record has a value in %s. The schema says `string`, which is a guess.",
            stream.name,
            names,
        )
    return sample

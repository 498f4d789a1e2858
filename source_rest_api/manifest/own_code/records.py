"""Extractors, decoders, filters, transformations and schemas of a connector's `components.py`, in the record path."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from source_rest_api.errors import ConfigError
from source_rest_api.http.response import Response
from source_rest_api.manifest import partitions
from source_rest_api.manifest.own_code.component import response_of
from source_rest_api.manifest.own_code.components import stream_slice
from source_rest_api.manifest.rewriting import UNKNOWN
from source_rest_api.model import Model
from source_rest_api.records.decoders import RecordDecoder
from source_rest_api.templates import templates

_JSON_STARTS = (b"{", b"[")


class OwnRecords(RecordDecoder):
    """Reads the records of a body with the connector's extractor, and a decoder before it."""

    type: Literal["components.py"] = "components.py"
    extractor: Any
    decoder: Any = None

    def text(self, response: Response) -> bytes:
        """Returns the body as JSON: what the connector's decoder gives first; null for a body in another format."""
        if self.decoder is not None:
            return _json(self._first(response))
        body = super().text(response)
        is_json = "json" in response.content_type or body.lstrip()[:1] in _JSON_STARTS
        return body if is_json else b"null"

    def _first(self, response: Response) -> Any:
        return self.decoder.call(lambda decoder: next(iter(decoder.decode(response_of(response))), None))

    def records(self, response: Response) -> list[dict[str, Any]]:
        """Returns the records.

        Raises:
            SourceError: The class fails, or the body is a web page without records.
        """
        found = self.extractor.call(lambda extractor: list(map(dict, extractor.extract_records(response_of(response)))))
        if not found and response.content_type == "text/html":
            response.json()
        return list(found)


class OwnTransformation(Model):
    """Filters and changes records with components of the CDK, in the order in which the CDK does.

    It stands for all filters and transformations of a stream that has one in its own code.
    """

    type: Literal["components.py"] = "components.py"
    record_filter: Any
    transformations: tuple[Any, ...]
    transform_first: bool
    normalization: Any
    json_schema: dict[str, Any]
    slice: dict[str, Any]
    config: dict[str, Any]

    @property
    def texts(self) -> list[str]:
        """The templates of the slice."""
        return [f"{{{{ {expression} }}}}" for expression in partitions.expressions(self.slice)]

    def apply(self, records: list[dict[str, Any]], names: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Returns the records that are kept, changed.

        Raises:
            SourceError: A class fails.
        """
        read = self._slice(names)
        if not self.transform_first:
            records = self._kept(records, read)
        for each in self.transformations:
            each.call(lambda changes: self._change(changes, records, read))
        if self.transform_first:
            records = self._kept(records, read)
        if self.normalization is not None:
            self.normalization.call(lambda of: [of.transform(record, schema=self.json_schema) for record in records])
        return [msgspec.json.decode(_json(dict(record))) for record in records]

    def _kept(self, records: list[dict[str, Any]], read: Any) -> list[dict[str, Any]]:
        if self.record_filter is None:
            return records
        return list(
            self.record_filter.call(
                lambda keeps: list(keeps.filter_records(records, stream_state={}, stream_slice=read))
            )
        )

    def _change(self, changes: Any, records: list[dict[str, Any]], read: Any) -> None:
        for record in records:
            changes.transform(record, config=self.config, stream_state={}, stream_slice=read)

    def _slice(self, names: Mapping[str, Any]) -> Any:
        values = _filled(self.slice, names)
        extra = values.pop("extra_fields", {})
        times = {name: values.pop(name) for name, of in self.slice.items() if is_time(of) and name in values}
        return stream_slice(values, times, extra)


def is_time(expression: Any) -> bool:
    """True if an expression of a slice is a bound of its interval."""
    return isinstance(expression, str) and expression.startswith("stream_interval.")


def _filled(tree: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a slice with its values. What this partition does not have is left out."""
    found: dict[str, Any] = {}
    for name, expression in tree.items():
        if isinstance(expression, dict):
            found[name] = _filled(expression, names)
        elif not expression.startswith(UNKNOWN):
            try:
                found[name] = templates.evaluate(f"{{{{ {expression} }}}}", names)
            except ConfigError:
                continue
    return found


def _json(value: Any) -> bytes:
    """Writes what a class gives as JSON: dates as RFC 3339, and what JSON does not have as text."""
    return msgspec.json.encode(value, enc_hook=lambda other: dict(other) if hasattr(other, "keys") else str(other))

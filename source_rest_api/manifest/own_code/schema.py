"""Schemas that the API describes, and schema loaders of a connector's `components.py`. They run in `discover` only."""

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from source_rest_api.model import Model

_NOBODY_READS = {
    "type": "SimpleRetriever",
    "requester": {"type": "HttpRequester", "url_base": "https://nothing.invalid"},
    "record_selector": {"type": "RecordSelector", "extractor": {"type": "DpathExtractor", "field_path": []}},
}


class OwnSchema(Model):
    """Asks a schema loader of the CDK, or one of the connector, for the schema.

    The requests of a `DynamicSchemaLoader` are sent by this connector, as those of any stream.
    """

    type: Literal["components.py"] = "components.py"
    component: Any
    retriever: Any = None
    """The retriever of a `DynamicSchemaLoader`."""
    listed: Any = None
    """Returns the records that a retriever reads."""

    def load(self) -> dict[str, Any]:
        """Returns the schema.

        Raises:
            SourceError: It cannot be read, or a class fails.
        """
        records = None if self.retriever is None else self.listed(self.retriever)

        def found(loader: Any) -> dict[str, Any]:
            if records is not None:
                loader.retriever = _Read(records)
            return dict(loader.get_json_schema())

        made: dict[str, Any] = self.component.call(found)
        return made


def without_retriever(loader: dict[str, Any]) -> dict[str, Any]:
    """Returns a `DynamicSchemaLoader` whose retriever the CDK can build, but never uses."""
    return {**loader, "retriever": _NOBODY_READS}


class _Read:
    """A retriever whose records are read."""

    def __init__(self, records: Iterable[dict[str, Any]]) -> None:
        self._records = records

    def read_records(self, *_: object) -> Iterator[dict[str, Any]]:
        """Yields the records."""
        yield from self._records

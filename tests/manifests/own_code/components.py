"""Classes such as connectors bring along, one of each kind."""
# mypy: disable-error-code="override"

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping  # noqa: TC003 -- the CDK reads the types of the fields
from dataclasses import InitVar, dataclass
from typing import Any

import requests  # noqa: TC002
from airbyte_cdk.sources.declarative.auth.declarative_authenticator import DeclarativeAuthenticator
from airbyte_cdk.sources.declarative.decoders import Decoder
from airbyte_cdk.sources.declarative.extractors.dpath_extractor import DpathExtractor
from airbyte_cdk.sources.declarative.extractors.record_extractor import RecordExtractor
from airbyte_cdk.sources.declarative.extractors.record_filter import RecordFilter
from airbyte_cdk.sources.declarative.migrations.state_migration import StateMigration
from airbyte_cdk.sources.declarative.requesters.error_handlers.backoff_strategy import BackoffStrategy
from airbyte_cdk.sources.declarative.requesters.paginators.strategies.pagination_strategy import PaginationStrategy
from airbyte_cdk.sources.declarative.schema.schema_loader import SchemaLoader
from airbyte_cdk.sources.declarative.transformations import RecordTransformation


@dataclass
class OddRows(RecordExtractor):
    """Every second row, with its place."""

    config: Mapping[str, Any]
    parameters: InitVar[Mapping[str, Any]]
    field: str = "place"

    def extract_records(self, response: requests.Response) -> Iterable[Mapping[str, Any]]:
        """Yields the rows."""
        for place, row in enumerate(response.json()["data"]):
            if place % 2:
                yield {**row, self.field: place, "status": response.status_code}


@dataclass
class Wrapped(DpathExtractor):
    """What a path gives, each with its length."""

    def extract_records(self, response: requests.Response) -> Iterable[Mapping[str, Any]]:
        """Yields the records."""
        for record in super().extract_records(response):
            yield {"row": record, "fields": len(record)}


@dataclass
class Upper(RecordTransformation):
    """Writes a name in capitals, with what the slice says."""

    name: str

    def transform(self, record: dict[str, Any], config: Any = None, stream_slice: Any = None, **_: Any) -> None:
        """Changes the record."""
        record[self.name] = str(record[self.name]).upper()
        record["user"] = (config or {}).get("user")
        record["slice"] = dict(stream_slice or {}).get("project")


@dataclass
class Seen(RecordTransformation):
    """Gives the time another name."""

    def transform(self, record: dict[str, Any], **_: Any) -> None:
        """Changes the record."""
        record["seen"] = record.pop("at")


@dataclass
class OnlyOdd(RecordFilter):
    """Keeps records whose ID is odd, and the condition."""

    def filter_records(self, records: Iterable[Any], **others: Any) -> Iterator[Any]:
        """Yields the records that stay."""
        for record in super().filter_records(records, **others):
            if record["id"] % 2:
                yield record


@dataclass
class ByNumber(PaginationStrategy):
    """Goes on until a page has no rows, by the number in the response."""

    config: Mapping[str, Any]
    parameters: InitVar[Mapping[str, Any]]
    page_size: int = 10

    @property
    def initial_token(self) -> Any:
        """The first page."""
        return 1

    def next_page_token(
        self, response: requests.Response, last_page_size: int, last_record: Any, last_page_token_value: Any
    ) -> Any:
        """The next page."""
        if not response.json()["data"] or last_page_size < self.page_size or last_record is None:
            return None
        return last_page_token_value + 1

    def get_page_size(self) -> int:
        """The rows of a page."""
        return self.page_size


@dataclass
class BySearch(PaginationStrategy):
    """Goes on behind the last ID where the results of one search end."""

    config: Mapping[str, Any]
    parameters: InitVar[Mapping[str, Any]]
    most: int
    page_size: int = 5

    @property
    def initial_token(self) -> Any:
        """The first page."""
        return {"after": 0}

    def next_page_token(
        self, response: requests.Response, last_page_size: int, last_record: Any, last_page_token_value: Any
    ) -> Any:
        """The next page."""
        following = response.json()["next"]
        if following is None or not last_page_size:
            return None
        if following >= self.most:
            return {"after": 0, "id": int(last_record["id"]) + 1}
        return {"after": following, "id": last_page_token_value.get("id", 0)}

    def get_page_size(self) -> int:
        """The rows of a page."""
        return self.page_size


@dataclass
class Signed(DeclarativeAuthenticator):
    """A header, from the user and the password."""

    config: Mapping[str, Any]
    parameters: InitVar[Mapping[str, Any]]

    @property
    def auth_header(self) -> str:
        """The name of the header."""
        return "X-Key"

    @property
    def token(self) -> str:
        """Its value."""
        return f"{self.config['user']}-{self.config['password']}"


@dataclass
class Lines(Decoder):
    """Lines of `id;name`."""

    parameters: InitVar[Mapping[str, Any]]

    def is_stream_response(self) -> bool:
        """The body is read at once."""
        return False

    def decode(self, response: requests.Response) -> Generator[Any, None, None]:
        """Yields one object with all rows."""
        rows = [line.split(";") for line in response.text.splitlines()[1:]]
        yield {"data": [{"id": int(row[0]), "name": row[1]} for row in rows]}


@dataclass
class Soon(BackoffStrategy):
    """A fraction of what the header says."""

    parameters: InitVar[Mapping[str, Any]]
    part: float

    def backoff_time(self, response_or_exception: Any, attempt_count: int) -> float:
        """The seconds."""
        return float(response_or_exception.headers["X-Wait"]) * self.part * attempt_count


@dataclass
class TwoFields(SchemaLoader):
    """A schema of two fields."""

    config: Mapping[str, Any]

    def get_json_schema(self) -> Mapping[str, Any]:
        """The schema."""
        return {"type": "object", "properties": {"id": {"type": "integer"}, "at": {"type": "string"}}}


class Renamed(StateMigration):
    """A state whose field had another name."""

    def should_migrate(self, stream_state: Mapping[str, Any]) -> bool:
        """True for the old name."""
        return "last_seen" in stream_state

    def migrate(self, stream_state: Mapping[str, Any]) -> Mapping[str, Any]:
        """Returns the state with the new name."""
        return {"at": stream_state["last_seen"]}

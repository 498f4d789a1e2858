"""`ManifestSource` in the idioms of connectors' own tests: builders, mocked HTTP, frozen time, the entrypoint."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from unittest import TestCase

import freezegun
import pytest
from airbyte_cdk.models import AirbyteStateBlob, AirbyteStreamStatus, ConfiguredAirbyteCatalog, FailureType, SyncMode
from airbyte_cdk.test.catalog_builder import CatalogBuilder
from airbyte_cdk.test.entrypoint_wrapper import EntrypointOutput, discover, read
from airbyte_cdk.test.mock_http import HttpMocker, HttpRequest, HttpResponse
from airbyte_cdk.test.state_builder import StateBuilder
from airbyte_cdk.test.utils.reading import read_records

from source_rest_api.source import ManifestSource

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests_mock

Test = TypeVar("Test", bound="Callable[..., None]")
LOG = logging.getLogger("airbyte")
NOW = datetime(2024, 3, 1, tzinfo=timezone.utc)
URL = "https://api.acme.example/v1"
MANIFEST = """
version: 6.48.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [accounts]}
definitions:
  requester: &requester
    type: HttpRequester
    url_base: https://api.acme.example/v1/
    authenticator: {type: BearerAuthenticator, api_token: "{{ config['api_key'] }}"}
    error_handler:
      type: DefaultErrorHandler
      response_filters:
        - {http_codes: [403], action: IGNORE}
        - {http_codes: [401], action: FAIL, failure_type: config_error, error_message: The key is not valid.}
  selector: &selector {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [data]}}
  pages: &pages
    type: DefaultPaginator
    page_token_option: {type: RequestOption, inject_into: request_parameter, field_name: page}
    page_size_option: {type: RequestOption, inject_into: request_parameter, field_name: per_page}
    pagination_strategy: {type: PageIncrement, page_size: 2, start_from_page: 1}
streams:
  - &accounts
    type: DeclarativeStream
    name: accounts
    primary_key: [id]
    retriever:
      type: SimpleRetriever
      requester: {<<: *requester, path: accounts}
      record_selector: *selector
      paginator: *pages
    schema_loader: {type: InlineSchemaLoader, schema: {type: object, properties: {id: {type: integer}}}}
  - type: DeclarativeStream
    name: events
    primary_key: [id]
    retriever:
      type: SimpleRetriever
      requester: {<<: *requester, path: events}
      record_selector: *selector
    incremental_sync:
      type: DatetimeBasedCursor
      cursor_field: at
      datetime_format: "%Y-%m-%dT%H:%M:%SZ"
      start_datetime: "{{ config['start_date'] }}"
      end_datetime: "{{ now_utc().strftime('%Y-%m-%dT%H:%M:%SZ') }}"
      start_time_option: {type: RequestOption, inject_into: request_parameter, field_name: since}
      end_time_option: {type: RequestOption, inject_into: request_parameter, field_name: until}
    schema_loader: {type: InlineSchemaLoader, schema: {type: object, properties: {id: {type: integer}}}}
  - type: DeclarativeStream
    name: notes
    retriever:
      type: SimpleRetriever
      requester: {<<: *requester, path: "accounts/{{ stream_partition.account }}/notes"}
      record_selector: *selector
      partition_router:
        type: SubstreamPartitionRouter
        parent_stream_configs:
          - {type: ParentStreamConfig, stream: *accounts, parent_key: id, partition_field: account}
    schema_loader: {type: InlineSchemaLoader, schema: {type: object, properties: {id: {type: integer}}}}
spec:
  type: Spec
  documentation_url: https://docs.acme.example
  connection_specification:
    type: object
    required: [api_key, start_date]
    properties:
      api_key: {type: string, airbyte_secret: true}
      start_date: {type: string, format: date-time}
"""


class ConfigBuilder:
    """Builds a config."""

    def __init__(self) -> None:
        self._config: dict[str, Any] = {"api_key": "key-of-acme", "start_date": "2024-01-01T00:00:00Z"}

    def with_start_date(self, start: str) -> ConfigBuilder:
        """Sets the start date."""
        self._config["start_date"] = start
        return self

    def build(self) -> dict[str, Any]:
        """Returns the config."""
        return self._config


@pytest.fixture(scope="module", autouse=True)
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest, in a file."""
    global _PATH  # noqa: PLW0603 -- connectors' tests have it as a constant
    _PATH = tmp_path_factory.mktemp("acme") / "manifest.yaml"
    _PATH.write_text(MANIFEST, encoding="utf-8")
    return _PATH


_PATH = Path()


def get_source(config: dict[str, Any], state: Any = None) -> ManifestSource:
    """The source, as the `conftest.py` of a connector makes it."""
    return ManifestSource(
        path_to_yaml=str(_PATH), catalog=CatalogBuilder().build(), config=config, state=state or StateBuilder().build()
    )


def find_stream(name: str, config: dict[str, Any]) -> Any:
    """A stream by its name."""
    return next(stream for stream in get_source(config).streams(config=config) if stream.name == name)


def catalog(name: str, mode: SyncMode = SyncMode.full_refresh) -> ConfiguredAirbyteCatalog:
    """A catalog with one stream."""
    return CatalogBuilder().with_stream(name, mode).build()


def mocked(test: Test) -> Test:
    """`@HttpMocker()`, with a type: the test fails if a request is not mocked, or if a mocked one is not sent."""
    made: Test = HttpMocker()(test)
    return made


def page(number: int | None = None) -> HttpRequest:
    """The request for a page of accounts."""
    query = {"per_page": "2", **({} if number is None else {"page": str(number)})}
    return HttpRequest(f"{URL}/accounts", query, {"Authorization": "Bearer key-of-acme"})


def data(*ids: int, **more: Any) -> HttpResponse:
    """A response with records."""
    return HttpResponse(json.dumps({"data": [{"id": each, **more} for each in ids]}))


def ids(output: EntrypointOutput) -> list[int]:
    """The IDs of the records, in their order."""
    return [message.record.data["id"] for message in output.records if message.record]


@freezegun.freeze_time(NOW)
class TestAccounts(TestCase):
    """A stream with pages."""

    @mocked
    def test_all_pages_are_read(self, http_mocker: HttpMocker) -> None:
        """Each is requested once, and none beyond the last."""
        http_mocker.get(page(), data(1, 2))
        for number in range(2, 6):
            http_mocker.get(page(number), data(number * 2 - 1, number * 2))
        http_mocker.get(page(6), data(11))
        config = ConfigBuilder().build()
        output = read(get_source(config), config, catalog("accounts"))
        assert ids(output) == list(range(1, 12))
        assert output.errors == []
        assert output.get_stream_statuses("accounts") == [
            AirbyteStreamStatus.STARTED,
            AirbyteStreamStatus.RUNNING,
            AirbyteStreamStatus.COMPLETE,
        ]
        assert output.is_in_logs("accounts")

    @mocked
    def test_an_ignored_status_is_an_empty_stream(self, http_mocker: HttpMocker) -> None:
        """A response filter with IGNORE."""
        http_mocker.get(page(), HttpResponse("{}", 403))
        config = ConfigBuilder().build()
        output = read(get_source(config), config, catalog("accounts"))
        assert ids(output) == []
        assert output.errors == []

    @mocked
    def test_a_refusal_fails_the_stream(self, http_mocker: HttpMocker) -> None:
        """The message of the response filter is that of the error; it is a config error."""
        http_mocker.get(page(), HttpResponse("{}", 401))
        config = ConfigBuilder().build()
        output = read(get_source(config), config, catalog("accounts"), expecting_exception=True)
        assert output.get_stream_statuses("accounts")[-1] == AirbyteStreamStatus.INCOMPLETE
        first = output.errors[0].trace
        assert first is not None
        assert first.error is not None
        assert first.error.failure_type == FailureType.config_error
        assert "The key is not valid." in first.error.message

    @mocked
    def test_children_are_read_for_each_parent(self, http_mocker: HttpMocker) -> None:
        """Each request once."""
        http_mocker.get(page(), data(1, 2))
        http_mocker.get(page(2), data())
        http_mocker.get(HttpRequest(f"{URL}/accounts/1/notes"), data(11))
        http_mocker.get(HttpRequest(f"{URL}/accounts/2/notes"), data(21, 22))
        config = ConfigBuilder().build()
        output = read_records(get_source(config), config, "notes", SyncMode.full_refresh)  # type: ignore[arg-type]
        assert sorted(ids(output)) == [11, 21, 22]

    @mocked
    def test_a_server_error_is_retried(self, http_mocker: HttpMocker) -> None:
        """The answers of a list come one after the other."""
        http_mocker.get(page(), [HttpResponse("{}", 503, {"Retry-After": "0"}), data(1)])
        config = ConfigBuilder().build()
        assert ids(read(get_source(config), config, catalog("accounts"))) == [1]


@freezegun.freeze_time(NOW)
class TestEvents(TestCase):
    """An incremental stream."""

    @mocked
    def test_a_sync_reads_from_the_start_to_now(self, http_mocker: HttpMocker) -> None:
        """The interval ends at the frozen time, and the state is that of the last record."""
        query = {"since": "2024-02-01T00:00:00Z", "until": "2024-03-01T00:00:00Z"}
        http_mocker.get(HttpRequest(f"{URL}/events", query), data(1, at="2024-02-02T00:00:00Z"))
        config = ConfigBuilder().with_start_date("2024-02-01T00:00:00Z").build()
        output = read(get_source(config), config, catalog("events", SyncMode.incremental))
        assert ids(output) == [1]
        assert output.most_recent_state is not None
        assert output.most_recent_state.stream_descriptor.name == "events"
        saved = vars(output.most_recent_state.stream_state)
        assert saved["cursor"] == "2024-02-02T00:00:00Z"

    @mocked
    def test_a_state_of_the_cdk_is_continued(self, http_mocker: HttpMocker) -> None:
        """Its value is requested again."""
        query = {"since": "2024-02-10T00:00:00Z", "until": "2024-03-01T00:00:00Z"}
        http_mocker.get(HttpRequest(f"{URL}/events", query), data(2, at="2024-02-12T00:00:00Z"))
        config = ConfigBuilder().build()
        state = StateBuilder().with_stream_state("events", AirbyteStateBlob(at="2024-02-10T00:00:00Z")).build()
        output = read(get_source(config, state), config, catalog("events", SyncMode.incremental), state)
        assert ids(output) == [2]

    @mocked
    def test_its_own_state_is_continued(self, http_mocker: HttpMocker) -> None:
        """From the last record, whose time is requested again."""
        first = {"since": "2024-01-01T00:00:00Z", "until": "2024-03-01T00:00:00Z"}
        http_mocker.get(HttpRequest(f"{URL}/events", first), data(1, at="2024-02-02T00:00:00Z"))
        second = {"since": "2024-02-02T00:00:00Z", "until": "2024-03-02T00:00:00Z"}
        http_mocker.get(HttpRequest(f"{URL}/events", second), data(2, at="2024-03-01T12:00:00Z"))
        config = ConfigBuilder().build()
        output = read(get_source(config), config, catalog("events", SyncMode.incremental))
        assert output.most_recent_state is not None
        state = StateBuilder().with_stream_state("events", output.most_recent_state.stream_state).build()
        with freezegun.freeze_time("2024-03-02"):
            output = read(get_source(config, state), config, catalog("events", SyncMode.incremental), state)
        assert ids(output) == [2]


def test_the_spec_is_the_manifests() -> None:
    """With the documentation."""
    found = get_source({}).spec(LOG)
    assert found.documentationUrl == "https://docs.acme.example"
    assert found.connectionSpecification["required"] == ["api_key", "start_date"]


def test_discover_offers_the_streams() -> None:
    """With their keys, and whether they are incremental."""
    config = ConfigBuilder().build()
    output = discover(get_source(config), config)
    assert output.catalog.catalog is not None
    streams = {stream.name: stream for stream in output.catalog.catalog.streams}
    assert streams.keys() == {"accounts", "events", "notes"}
    assert streams["accounts"].source_defined_primary_key == [["id"]]
    assert streams["events"].supported_sync_modes == [SyncMode.full_refresh, SyncMode.incremental]
    assert streams["events"].default_cursor_field == ["at"]


@pytest.mark.parametrize(("status", "expected"), [(200, True), (401, False)])
def test_check_connection(status: int, expected: bool, requests_mock: requests_mock.Mocker) -> None:
    """As `check`, as a pair of success and message."""
    requests_mock.get(f"{URL}/accounts", json={"data": [{"id": 1}]}, status_code=status)
    config = ConfigBuilder().build()
    ok, message = get_source(config).check_connection(LOG, config)
    assert ok is expected
    assert (message is None) is expected


def test_streams_can_be_read_one_by_one(requests_mock: requests_mock.Mocker) -> None:
    """By their partitions, as those of the CDK."""
    requests_mock.get(f"{URL}/accounts", json={"data": [{"id": 1}]})
    stream = find_stream("accounts", ConfigBuilder().build())
    found = [dict(record) for partition in stream.generate_partitions() for record in partition.read()]
    assert found == [{"id": 1}]
    assert requests_mock.last_request is not None
    assert requests_mock.last_request.headers["Authorization"] == "Bearer key-of-acme"


def test_a_stream_describes_itself() -> None:
    """Its name, key, cursor and schema."""
    config = ConfigBuilder().build()
    stream = find_stream("events", config)
    assert stream.cursor_field == "at"
    assert stream.primary_key == "id"
    assert stream.get_json_schema()["properties"].keys() == {"id"}
    assert stream.as_airbyte_stream().name == "events"
    assert find_stream("accounts", config).cursor_field is None


def test_the_manifest_can_be_looked_at() -> None:
    """With its references resolved."""
    streams = get_source({}).resolved_manifest["streams"]
    assert [stream["name"] for stream in streams] == ["accounts", "events", "notes"]

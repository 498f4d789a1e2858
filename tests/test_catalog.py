"""The catalog that is offered is the CDK's, and the configured one is read whatever else it says."""

from __future__ import annotations

from typing import Any

import pytest
from airbyte_cdk.models import (
    AirbyteStream,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
    ConfiguredAirbyteStream,
    DestinationSyncMode,
    SyncMode,
)
from serpyco_rs import Serializer

from source_rest_api.config.endpoint import Endpoint
from source_rest_api.errors import ConfigError
from source_rest_api.protocol import catalog
from source_rest_api.protocol.catalog import ConfiguredStream

SCHEMA = {"type": "object", "properties": {}}


def described(**settings: Any) -> dict[str, Any]:
    """The stream of an endpoint, after the CDK has read it."""
    stream = catalog.stream(Endpoint.model_validate({"name": "a", "path": "/", **settings}), SCHEMA)
    serializer = Serializer(AirbyteStream, omit_none=True)
    assert serializer.dump(serializer.load(stream)) == stream
    return stream


def test_a_stream_without_cursor() -> None:
    """Such a stream supports only full refresh."""
    assert described() == {
        "name": "a",
        "json_schema": SCHEMA,
        "supported_sync_modes": ["full_refresh"],
        "is_resumable": False,
    }


def test_a_stream_with_cursor_and_key() -> None:
    """Nested paths are paths; the cursor is the connector's own."""
    assert described(primary_key=["id", "meta.lang"], incremental={"cursor_field": "meta.updated_at"}) == {
        "name": "a",
        "json_schema": SCHEMA,
        "supported_sync_modes": ["full_refresh", "incremental"],
        "is_resumable": True,
        "source_defined_cursor": True,
        "default_cursor_field": ["meta", "updated_at"],
        "source_defined_primary_key": [["id"], ["meta", "lang"]],
    }


def test_a_read_without_a_catalog_is_incremental_where_it_can_be() -> None:
    """A stream is read incrementally by its own cursor, and by its parent's."""
    parent = {"name": "threads", "path": "threads", "primary_key": "id", "incremental": {"cursor_field": "at"}}
    changed = {"name": "texts", "path": "threads/{{ threads.id }}/text", "only_changed_parents": True}
    plain = {"name": "boards", "path": "boards"}
    endpoints = [Endpoint.model_validate(each) for each in (parent, changed, plain)]
    modes = {each.name: each.incremental for each in catalog.load(catalog.of_all(endpoints))}
    assert modes == {"threads": True, "texts": True, "boards": False}


def configured(name: str, mode: SyncMode) -> ConfiguredAirbyteStream:
    """A stream that a user chose."""
    return ConfiguredAirbyteStream(
        stream=AirbyteStream(name=name, json_schema=SCHEMA, supported_sync_modes=[mode]),
        sync_mode=mode,
        destination_sync_mode=DestinationSyncMode.append_dedup,
        cursor_field=["updated_at"],
        primary_key=[["id"]],
        generation_id=3,
        minimum_generation_id=3,
        sync_id=9,
    )


def test_a_configured_catalog_of_the_cdk() -> None:
    """Generations, keys and destination modes are the destination's business."""
    streams = [configured("a", SyncMode.incremental), configured("b", SyncMode.full_refresh)]
    dumped = ConfiguredAirbyteCatalogSerializer.dump(ConfiguredAirbyteCatalog(streams))
    expected = [ConfiguredStream("a", True, SCHEMA), ConfiguredStream("b", False, SCHEMA)]
    assert catalog.load(dumped) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"streams": []}, []),
        ({"streams": [{"stream": {"name": "a"}}]}, [ConfiguredStream("a", incremental=False)]),
        (
            {"streams": [{"stream": {"name": "ü", "x": 1}, "sync_mode": "incremental", "y": {}}], "z": 0},
            [ConfiguredStream("ü", incremental=True)],
        ),
    ],
)
def test_only_names_modes_and_schemas_count(value: Any, expected: list[ConfiguredStream]) -> None:
    """Unknown keys are ignored, missing ones are not needed."""
    assert catalog.load(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "streams",
        {},
        {"streams": None},
        {"streams": {}},
        {"streams": [{}]},
        {"streams": [{"name": "a"}]},
        {"streams": [{"stream": {"name": 5}}]},
        {"streams": [{"stream": {"name": "a"}, "sync_mode": "sometimes"}]},
        {"type": "CATALOG", "catalog": {"streams": []}},
    ],
)
def test_what_is_no_catalog(value: Any) -> None:
    """An invalid catalog is a config error."""
    with pytest.raises(ConfigError, match=r"^The catalog is not a configured Airbyte catalog: "):
        catalog.load(value)


def test_a_stream_stands_there_once() -> None:
    """Two reads of one stream would share its state and have two ends."""
    with pytest.raises(ConfigError, match=r"more than once: a, c\. Remove the duplicates\.$"):
        catalog.load({"streams": [{"stream": {"name": name}} for name in "acbac"]})

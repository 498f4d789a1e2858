"""The four verbs, from a config as the user wrote it to lines."""

from __future__ import annotations

import json
import time
from threading import Event
from threading import enumerate as threads
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api import Connector
from source_rest_api.errors import ConfigError, Stopped, TransientError
from tests.api import Answer, Api

if TYPE_CHECKING:
    from collections.abc import Iterable


pytestmark = pytest.mark.usefixtures("no_proxy")


def config(api: Api, *endpoints: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """Make a config of a few endpoints."""
    named = [{"path": endpoint["name"], **endpoint} for endpoint in endpoints or ({"name": "items"},)]
    return {"url_base": api.url, "retry": {"max_attempts": 1}, "endpoints": named, **settings}


def catalog(*names: str, sync_mode: str = "full_refresh") -> dict[str, Any]:
    """Make a configured catalog."""
    return {"streams": [{"stream": {"name": name}, "sync_mode": sync_mode} for name in names]}


def decoded(blocks: Iterable[bytes]) -> list[Any]:
    """Decode lines."""
    return [json.loads(line) for block in blocks for line in block.splitlines()]


def test_spec_is_one_message() -> None:
    """The form needs no config and no network."""
    [message] = decoded(Connector().spec())
    assert message["type"] == "SPEC"
    assert {"url_base"} <= set(message["spec"]["connectionSpecification"]["required"])


@pytest.mark.parametrize("raw", [None, [], "text", 5, {}, {"url_base": 5}, {"endpoints": "x"}])
def test_what_is_no_config_is_refused(raw: Any) -> None:
    """Whatever a file contains, the error is a config error."""
    with pytest.raises(ConfigError):
        Connector().session(raw)


def test_discover_infers_from_the_first_pages(api: Api) -> None:
    """Three pages tell what fields there are; a long stream is not read to its end."""
    api.get("/items")(lambda call: [{"id": call.number, f"field{call.number}": "x"}])
    [message] = decoded(
        Connector().session(config(api, {"name": "items", "pagination": {"type": "page_number"}})).discover()
    )
    [stream] = message["catalog"]["streams"]
    assert set(stream["json_schema"]["properties"]) == {"id", "field0", "field1", "field2"}
    assert len(api.requests) <= 4


def test_discover_asks_nothing_for_a_declared_schema(api: Api) -> None:
    """A declared schema needs no sample records."""
    schema = {"type": "object", "properties": {"id": {"type": "integer"}}}
    [message] = decoded(Connector().session(config(api, {"name": "items", "schema": schema})).discover())
    assert message["catalog"]["streams"][0]["json_schema"] == schema
    assert api.requests == []


def test_discover_keeps_the_order_and_tells_what_streams_can(api: Api) -> None:
    """Streams stand as in the config, with keys, cursors and sync modes."""
    api.get("/a")(lambda _: Answer([{"id": 1, "at": "2024-01-01T00:00:00Z"}], delay=0.1))
    api.get("/b")(lambda _: [{"id": 1}])
    first = {"name": "a", "primary_key": "id", "incremental": {"cursor_field": "at"}}
    [message] = decoded(Connector().session(config(api, first, {"name": "b"})).discover())
    a, b = message["catalog"]["streams"]
    assert (a["name"], b["name"]) == ("a", "b")
    assert a["supported_sync_modes"] == ["full_refresh", "incremental"]
    assert (a["source_defined_primary_key"], a["default_cursor_field"]) == ([["id"]], ["at"])
    assert b["supported_sync_modes"] == ["full_refresh"]


def test_discover_fails_with_its_first_error(api: Api) -> None:
    """A schema that was guessed from nothing would be worse than none."""
    api.get("/items")(lambda _: Answer(status=500))
    with pytest.raises(TransientError, match=r"^Stream items, page 1, GET"):
        list(Connector().session(config(api)).discover())


def test_discovered_schemas_know_copied_fields(api: Api) -> None:
    """Fields copied from the parent are part of the schema."""
    api.get("/repos")(lambda _: [{"name": "a"}])
    api.get("/repos/a/items")(lambda _: [{"id": 1}])
    child = {"name": "items", "path": "repos/{{ repos.name }}/items", "include_from_parent": {"repo": "name"}}
    [message] = decoded(Connector().session(config(api, {"name": "repos"}, child)).discover())
    assert set(message["catalog"]["streams"][1]["json_schema"]["properties"]) == {"id", "repo"}


def test_read_tells_whether_all_is_complete(api: Api) -> None:
    """The session knows if its last read was complete."""
    api.get("/items")(lambda _: [{"id": 1}])
    session = Connector().session(config(api, {"name": "items"}, {"name": "gone"}))
    decoded(session.read(catalog("items"), {}))
    assert session.complete
    decoded(session.read(catalog("items", "gone"), {}))
    assert not session.complete


def test_only_configured_streams_are_read(api: Api) -> None:
    """An endpoint that was deselected costs no request."""
    api.get("/a")(lambda _: [])
    decoded(Connector().session(config(api, {"name": "a"}, {"name": "b"})).read(catalog("a"), {}))
    assert {call.path for call in api.requests} == {"/a"}


def test_a_stream_without_a_cursor_is_read_in_full_whatever_the_catalog_says(api: Api) -> None:
    """Incremental mode on a stream that cannot do it still ends with a state."""
    api.get("/items")(lambda _: [{"id": 1}])
    messages = decoded(Connector().session(config(api)).read(catalog("items", sync_mode="incremental"), {}))
    assert [m["type"] for m in messages] == ["TRACE", "TRACE", "RECORD", "STATE", "LOG", "TRACE"]


@pytest.mark.parametrize("configured", [None, {}, [], {"streams": [{"stream": {}}]}, {"streams": "x"}])
def test_a_catalog_that_is_none_is_refused(api: Api, configured: Any) -> None:
    """It is rejected before the first request."""
    with pytest.raises(ConfigError, match="not a configured Airbyte catalog"):
        list(Connector().session(config(api)).read(configured, {}))
    assert api.requests == []


def test_url_base_may_be_a_template(api: Api) -> None:
    """The config's own values fill it, for the requests and for the origin that they are bound to."""
    api.get("/v2/items")(lambda _: [{"id": 1}])
    raw = config(api, url_base="http://127.0.0.1:{{ config['_port'] }}/v2", _port=api.port)
    session = Connector().session(raw)
    decoded(session.read(catalog("items"), {}))
    assert session.complete


@pytest.mark.parametrize("verb", ["check", "discover"])
def test_a_stop_ends_the_other_verbs(api: Api, verb: str) -> None:
    """A stop is not reported as a failure of the API or as a bug."""
    stop = Event()
    stop.set()
    with pytest.raises(Stopped):
        list(getattr(Connector().session(config(api), stop), verb)())
    assert api.requests == []


def test_a_config_is_not_changed_by_its_use(api: Api) -> None:
    """The raw config is the user's."""
    api.get("/items")(lambda _: [])
    raw = config(api, headers=[{"name": "X-A", "value": "1"}])
    before = json.dumps(raw)
    session = Connector().session(raw)
    for verb in (session.check(), session.discover(), session.read(catalog("items"), {})):
        list(verb)
    assert json.dumps(raw) == before


def test_a_read_that_is_given_up_leaves_no_threads(api: Api) -> None:
    """When the caller stops iterating, threads that wait for a retry end at once."""
    api.get("/rows")(lambda _: Answer("", 503))
    others = set(threads())
    blocks = Connector().session({**config(api, {"name": "rows"}), "retry": {}}).read(catalog("rows"), {})
    next(blocks)
    while not api.requests:
        time.sleep(0.01)
    blocks.close()  # type: ignore[attr-defined]
    deadline = time.monotonic() + 5
    while any(thread.name.startswith("reader-") for thread in set(threads()) - others):
        assert time.monotonic() < deadline
        time.sleep(0.01)

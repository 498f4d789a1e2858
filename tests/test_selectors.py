"""Records are found where they are, or it is an error: never an empty page, never something else for records."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from source_rest_api.errors import ConfigError
from source_rest_api.records.selectors import RecordSelector
from tests.reading import sampled

if TYPE_CHECKING:
    from tests.api import Api

A, B = {"id": 1}, {"id": 2}


def select(body: Any, path: str | None = None, *, missing: bool = False) -> list[Any]:
    """Select, and decode."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    settings = {} if path is None else {"records_path": path}
    selector = RecordSelector.model_validate({**settings, "allow_missing_records": missing})
    return [json.loads(bytes(record)) for record in selector.select(Raw(raw))]


@pytest.mark.parametrize(
    ("body", "records"),
    [
        ([], []),
        ([A, B], [A, B]),
        ([{}], [{}]),
        ({"data": [A, B]}, [A, B]),
        ({"data": [{}, {}]}, [{}, {}]),
        ({"data": [], "page": 1}, []),
        ({"data": [], "included": []}, []),
        ({"data": [A], "meta": {"columns": [{"name": "id"}]}}, [A]),
        ({"data": [A], "columns": ["id", "name"]}, [A]),
        ({"data": [A], "errors": []}, [A]),
        ({"data": [], "errors": [], "error": None}, []),
    ],
)
def test_without_a_path_the_only_array_of_objects_is_taken(body: Any, records: list[Any]) -> None:
    """The body if it is an array, else its only array of objects."""
    assert select(body) == records


@pytest.mark.parametrize(
    "body",
    [
        {},
        A,
        {"data": {"items": [A]}},
        {"data": [A], "included": [B]},
        {"data": [], "included": [B]},  # the last page of JSON:API: what is included is not data
        {"orders": [], "warnings": [A]},
        {"data": [], "result": {"items": [A]}},
        {"data": [], "result": {"rows": [[1]]}},
        {"data": [1, 2]},
        {"data": [None, A]},
        {"data": None},
        {"errors": []},
        "text",
        7,
        True,
        None,
    ],
)
def test_without_a_path_what_is_not_clear_is_an_error(body: Any) -> None:
    """If several places, or none, may hold the records, the user must name one."""
    with pytest.raises(ConfigError, match="Set `records_path`"):
        select(body)


@pytest.mark.parametrize("body", [None, False, "", {}, {"data": None}, {"data": False}, {"data": ""}])
@pytest.mark.parametrize("path", [None, "data"])
def test_nothing_in_place_of_the_records_is_an_empty_page_if_allowed(body: Any, path: str | None) -> None:
    """Some languages write null, false or an empty text for an empty list."""
    if path is None and body:
        path = "data"
    assert select(body, path, missing=True) == []


def test_the_error_for_null_names_the_setting() -> None:
    """It may be how the API writes an empty list."""
    with pytest.raises(ConfigError, match="If null means no records, set `allow_missing_records: true`"):
        select(None)


def test_the_error_shows_what_was_seen() -> None:
    """The keys and the kinds of their values, not the values."""
    with pytest.raises(ConfigError, match=r"keys orders \(array\), lines \(array\), page \(number\)") as caught:
        select({"orders": [{"card": "4111"}], "lines": [A], "page": 77})
    assert "4111" not in str(caught.value)
    assert "77" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "path", "records"),
    [
        ({"data": {"items": [A, B]}}, "data.items", [A, B]),
        ({"data": [], "other": [A]}, "data", []),
        ({"data": A}, "data", [A]),
        ({"data": {}}, "data", [{}]),
        ({"results": [{"rows": [A]}]}, "results.0.rows", [A]),
        ({"results": [{"rows": [B]}, {"rows": [A]}]}, "results.-1.rows", [A]),
        ({"a.b": {"c": [A]}}, "a.b.c", [A]),
        ([A, B], "$", [A, B]),
        (A, "$", [A]),
        ({}, "$", [{}]),
        ({"errors": [A]}, "errors", [A]),
        ({"error": {"log": [A]}}, "error.log", [A]),
    ],
)
def test_an_explicit_path_is_followed(body: Any, path: str, records: list[Any]) -> None:
    """Keys, indexes, keys with dots, `$` for all of it; an object is one record."""
    assert select(body, path) == records


@pytest.mark.parametrize(
    ("body", "path", "found"),
    [
        ({"items": [A]}, "data", "is not in the response; the response has the keys items"),
        ({}, "data", "is not in the response; the response is an empty object"),
        ({"data": None}, "data", "leads to null"),
        ({"data": "x"}, "data", "leads to a string"),
        ({"data": ""}, "data", "leads to an empty string"),
        ({"data": 0}, "data", "leads to a number"),
        ({"data": False}, "data", "leads to a boolean"),
        ({"data": [A]}, "data.items", "is not in the response"),
        ([A], "data", "is not in the response; the response is an array"),
        (None, "data", "is not in the response; the response is null"),
        ("x", "$", "leads to a string"),
    ],
)
def test_a_path_that_leads_nowhere_is_an_error(body: Any, path: str, found: str) -> None:
    """It is never an empty page; the error says what is there instead."""
    with pytest.raises(ConfigError) as caught:
        select(body, path)
    assert f"`records_path: {path}` {found}" in str(caught.value)


@pytest.mark.parametrize(
    "body", [{}, {"data": None}, {"data": {}}, {"data": []}, {"data": {"items": None}}, {"data": {"items": []}}, None]
)
def test_missing_records_may_be_allowed(body: Any) -> None:
    """If the API omits empty lists, absent and null mean no records."""
    assert select(body, "data.items", missing=True) == []


@pytest.mark.parametrize(
    "body",
    [
        [A],
        "Service busy",
        7,
        True,
        {"data": [A]},
        {"data": "x"},
        {"data": 5},
        {"data": {"items": "x"}},
        {"data": {"items": 5}},
        {"data": {"items": [5]}},
        {"error": "x"},
    ],
)
def test_allowed_missing_records_hide_nothing_else(body: Any) -> None:
    """A response of another shape is still an error."""
    with pytest.raises(ConfigError):
        select(body, "data.items", missing=True)


def test_an_index_may_be_missing_too() -> None:
    """A path through an array is missing where the array is shorter."""
    assert select({"results": [{"id": 1}]}, "results.1.rows", missing=True) == []
    assert select({"results": [{"id": 1}]}, "results.0.rows", missing=True) == []


@pytest.mark.parametrize("record", [None, 1, "x", True, [A], []])
@pytest.mark.parametrize("path", [None, "$"])
def test_a_record_that_is_not_an_object_is_an_error(record: Any, path: str | None) -> None:
    """The error gives its index, and no record of the page is emitted."""
    with pytest.raises(ConfigError, match=r"Record 2 of the page is .*, not an object. Check `records_path`"):
        select([A, B, record], path)


@pytest.mark.parametrize("key", ["error", "errors"])
@pytest.mark.parametrize("value", ["quota exceeded", {"code": 7}, [{"message": "quota exceeded"}], 7, True, [[]]])
@pytest.mark.parametrize("path", [None, "data", "$"])
def test_an_error_with_status_200_is_an_error(key: str, value: Any, path: str | None) -> None:
    """A response that reports a failure is not read, whatever other fields it has."""
    with pytest.raises(ConfigError, match=f"returned an error .*`{key}` is"):
        select({"data": [A], key: value}, path)
    with pytest.raises(ConfigError, match=f"returned an error .*`{key}` is"):
        select({key: value}, path, missing=True)


@pytest.mark.parametrize("value", [b"null", b"false", b"[]", b"[ ]", b"[\n]", b"{}", b"{ }", b'""', b"0"])
def test_an_empty_error_is_none(value: bytes) -> None:
    """APIs that always send the field say with its emptiness that all is well."""
    assert select(b'{"data":[{"id":1}],"errors":%b,"error":%b}' % (value, value)) == [A]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["data", "items", "x", "error"]), inner)
    ),
    max_leaves=8,
)


@given(JSON, st.sampled_from([None, "data", "data.items", "$", "x.0"]), st.booleans())
def test_any_body_gives_objects_or_an_error(body: Any, path: str | None, missing: bool) -> None:
    """Any response gives objects from the body, or a config error."""
    try:
        records = select(body, path, missing=missing)
    except ConfigError:
        return
    assert all(isinstance(record, dict) for record in records)
    assert all(json.dumps(record) in json.dumps(body) for record in records)


def read(api: Api, body: Any, **endpoint: Any) -> list[Any]:
    """Read what the API answers."""
    api.get("/items")(lambda _: body)
    raw = {
        "url_base": api.url,
        "name": "data.items",
        "endpoints": [{"name": "items", "path": "items", **endpoint}],
    }
    return sampled(raw)


@pytest.mark.usefixtures("no_proxy")
@pytest.mark.parametrize(
    "option",
    [
        {"records_path": "{{ config.name }}"},
        {"records_path": "data.{{ 'items' }}"},
        {"records_path": ["data", "{{ config['name'][5:] }}"]},
        {"records_paths": ["{{ config.name }}", "more"]},
        {"records_path": "data.items"},
    ],
)
def test_a_path_may_be_a_template(api: Api, option: Any) -> None:
    """It is rendered from the config, then split at its dots."""
    assert read(api, {"data": {"items": [A]}, "more": []}, **option) == [A]


@pytest.mark.usefixtures("no_proxy")
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("{{ config.nothing }}", "the config has no `nothing`"),
        ("{{ '' }}", "does not give a path: it must be keys"),
        ("data.{{ 'a..b' }}", "does not give a path"),
        ("{{ items.x }}", "records_path: its template reads `items`, but may read only `config`"),
        ("{{ config. }}", "records_path: template error"),
    ],
)
def test_a_template_that_gives_no_path(api: Api, path: str, message: str) -> None:
    """It is an error before the first request."""
    with pytest.raises(ConfigError, match=message):
        read(api, [A], records_path=path)
    assert not api.requests

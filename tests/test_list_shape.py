"""The list of records occurs once in a body, and stays a list: nothing is lost, and nothing else becomes a record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json
from source_rest_api.http.response import Response
from source_rest_api.records.decoders import Json
from source_rest_api.records.envelope import Envelope
from source_rest_api.records.selectors import RecordSelector

if TYPE_CHECKING:
    from source_rest_api.records.opened_body import OpenedBody

ROWS = [{"id": n, "name": f"row {n}"} for n in range(1000)]


def envelope(path: str | None = "data") -> Envelope:
    """Make one for records at a path."""
    selector = RecordSelector.model_validate({} if path is None else {"records_path": path})
    return Envelope(Json(), selector, [("meta", "total")])


def opened(of: Envelope, body: str) -> OpenedBody:
    """Open a body."""
    return of.open(Response(200, {}, body.encode(), "https://h/"))


def dumped(value: Any, separators: tuple[str, str] = (",", ":")) -> str:
    """JSON."""
    return json.dumps(value, separators=separators)


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (",\n   ", ": ")])
@pytest.mark.parametrize("count", [2, 1000])
@pytest.mark.parametrize(("first", "second"), [(True, False), (True, True), (False, True)])
def test_a_list_that_stands_there_twice_is_an_error(
    separators: tuple[str, str], count: int, first: bool, second: bool
) -> None:
    """A parser takes the last one in silence, and the rows of the other are lost."""
    lists = [dumped(ROWS[:count] if full else [], separators) for full in (first, second)]
    with pytest.raises(ConfigError, match="has the field `data` twice"):
        opened(envelope(), f'{{"data":{lists[0]},"data":{lists[1]}}}')
    with pytest.raises(ConfigError, match=r"has the field `result\.data` twice"):
        opened(envelope("result.data"), f'{{"result":{{"data":{lists[0]}, "x":1,"data" :{lists[1]}}}}}')


@given(
    st.lists(st.fixed_dictionaries({"id": st.integers(), "data": st.text() | st.lists(st.text())}), max_size=20),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,  ", ":")]),
    st.dictionaries(st.text(), st.recursive(st.text(), lambda inner: st.dictionaries(st.text(), inner)), max_size=5),
)
def test_other_fields_of_that_name_are_no_second_list(
    rows: list[Any], separators: tuple[str, str], more: dict[str, Any]
) -> None:
    """The key may occur in records and in other objects of the body any number of times."""
    body = {**{name: value for name, value in more.items() if name != "data"}, "other": {"data": 1}, "data": rows}
    body.pop("error", None)
    body.pop("errors", None)
    found = opened(envelope(), dumped(body, separators))
    assert [raw_json.decode(record) for record in found.records] == rows


@pytest.mark.parametrize(
    "value", [{"message": "no more results"}, {"0": {"id": 1, "name": "a"}, "1": {"id": 2, "name": "b"}}]
)
def test_an_object_in_place_of_the_list_is_no_record(value: Any) -> None:
    """Once the path held a list, an object with other fields is an error, and not one record of garbage."""
    of = envelope()
    opened(of, dumped({"data": ROWS[:2]}))
    with pytest.raises(ConfigError, match="was a list on earlier pages"):
        opened(of, dumped({"data": value}))


def test_an_empty_object_in_place_of_the_list_is_an_empty_page() -> None:
    """Some languages write an empty list so."""
    of = envelope()
    opened(of, dumped({"data": ROWS[:2]}))
    assert opened(of, '{"data":{}}').records == []


def test_one_record_without_its_list_is_a_record() -> None:
    """APIs that were made from XML write a list of one as the one."""
    of = envelope()
    opened(of, dumped({"data": ROWS[:2]}))
    assert len(opened(of, dumped({"data": ROWS[2]})).records) == 1

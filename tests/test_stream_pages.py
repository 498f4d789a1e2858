"""A stream as pages for other programs: undecoded records, their state, and an error if it is not complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.connector import Connector
from source_rest_api.errors import ConfigError
from source_rest_api.stream_pages import StreamPages
from tests.api import Answer, Api, Call

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = [f'{{"id": {n}, "at": "2024-01-{n + 1:02}T00:00:00Z", "amount": 1.10}}' for n in range(20)]


@pytest.fixture
def api() -> Iterator[Api]:
    """Twenty rows, by pages of five and by `since`."""
    with Api() as api:

        @api.get("/rows")
        def rows(call: Call) -> Answer:
            found = [row for n, row in enumerate(ROWS) if f"2024-01-{n + 1:02}T00:00:00Z" >= call.arg("since")]
            page = int(call.arg("page"))
            return Answer(f"[{','.join(found[page * 5 - 5 : page * 5])}]")

        yield api
    assert api.errors == []


def pages(api: Api, state: dict[str, Any] | None = None) -> StreamPages:
    """The stream from a state."""
    incremental = {"cursor_field": "at", "start_param": "since"}
    paging = {"type": "page_number", "page_size": 5, "stop_on_short_page": True}
    endpoint = {"name": "rows", "path": "rows", "primary_key": "id", "pagination": paging, "incremental": incremental}
    raw = {"url_base": api.url, "retry": {"max_attempts": 1}, "endpoints": [endpoint]}
    [found] = Connector().session(raw).offered
    return StreamPages(found, raw, [], state or {})


def test_records_are_the_bytes_of_the_api(api: Api) -> None:
    """All rows in their order, and the state of them; from that state nothing is new."""
    read = pages(api)
    assert [bytes(record).decode() for page in read for record in page] == ROWS
    assert read.state["cursor"] == "2024-01-20T00:00:00Z"
    again = pages(api, read.state)
    assert [record for page in again for record in page] == []
    assert again.state["cursor"] == read.state["cursor"]


def test_a_stream_that_is_not_complete_is_an_error(api: Api) -> None:
    """The records before it were yielded, and the error says why no more came."""
    rows = api.handler("GET", "/rows")
    api.get("/rows")(lambda call: Answer("no", 400) if call.arg("page") == "3" else rows(call))
    received: list[Any] = []
    with pytest.raises(ConfigError, match=r"Stream rows.*HTTP 400"):
        received.extend(page for page in pages(api))
    assert sum(map(len, received)) == 10

"""An error rule may restart a list that the API breaks off, a limited number of times, without the loss of a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.errors import TransientError
from tests.api import Answer
from tests.reading import Reading

if TYPE_CHECKING:
    from tests.api import Api, Call

pytestmark = pytest.mark.usefixtures("no_proxy")

ROWS = [{"id": number} for number in range(9)]
SCROLL = {"type": "cursor", "cursor_path": "scroll", "cursor_param": "scroll"}
RULE = {"status": 404, "path": "type", "values": "scroll_missing", "action": "restart"}


def _read(api: Api, breaks: int) -> Reading:
    """Reads a scroll of pages of three, which forgets itself after its second page, this often."""
    left = [breaks]

    @api.get("/items")
    def items(call: Call) -> Any:
        run, _, first = call.arg("scroll", f"{call.number}:0").partition(":")
        if first == "6" and left[0]:
            left[0] -= 1
            return Answer({"type": "scroll_missing"}, 404)
        after = int(first) + 3
        return {"data": ROWS[int(first) : after], "scroll": f"{run}:{after}" if after < len(ROWS) else None}

    return Reading(api.url, {"errors": [RULE]}, pagination=SCROLL)


@pytest.mark.parametrize("breaks", [0, 1, 3])
def test_a_broken_scroll_begins_again(api: Api, breaks: int) -> None:
    """All rows arrive; those before the break arrive again."""
    reading = _read(api, breaks)
    assert reading.error is None
    assert {row["id"] for row in reading.records} == set(range(9))
    assert len(reading.records) == 9 + 6 * breaks


@pytest.mark.parametrize("status", [400, 404, 416])
def test_an_error_after_the_last_page_names_the_rule(api: Api, status: int) -> None:
    """Some APIs have a status for a page number beyond the end."""

    @api.get("/items")
    def items(call: Call) -> Any:
        return {"data": ROWS[:3]} if call.arg("page") == "1" else Answer({"detail": "Invalid page."}, status)

    paged = {"type": "page_number"}
    failed = Reading(api.url, {"pagination": paged})
    assert failed.error is not None
    rule = {"status": status, "action": "stop"}
    assert f"add `errors: [{{status: {status}, action: stop}}]`" in failed.error.message
    reading = Reading(api.url, {"pagination": paged, "errors": [rule]})
    assert (reading.error, reading.records) == (None, ROWS[:3])


def test_a_sync_token_that_a_rule_rejects_is_forgotten(api: Api) -> None:
    """The list begins again without the token, so everything is read."""

    @api.get("/items")
    def items(call: Call) -> Any:
        if call.arg("sync"):
            return Answer({"type": "scroll_missing"}, 409)
        return {"data": ROWS[:2], "next_sync": "new"}

    token = {"type": "token", "token_path": "next_sync", "start_param": "sync"}
    settings = {"incremental": token, "errors": [{**RULE, "status": 409}]}
    reading = Reading(api.url, settings, saved={"version": 2, "cursor": "old"})
    assert reading.error is None
    assert reading.records == ROWS[:2]
    assert reading.states[-1]["cursor"] == "new"


def test_a_scroll_that_always_breaks_is_an_error(api: Api) -> None:
    """The slice begins again three times; then the stream fails with the API's error."""
    reading = _read(api, 100)
    assert isinstance(reading.error, TransientError)
    assert "scroll_missing" in reading.error.message
    assert reading.error.message.endswith("the list ended early again after each restart.")
    assert len(api.requests) == 4 * 3

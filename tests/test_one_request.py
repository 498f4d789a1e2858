"""The templates of one request agree on time and nonce, and a retry has new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.api import Answer
from tests.reading import Reading
from tests.test_request_builder import build

if TYPE_CHECKING:
    from tests.api import Api, Call

pytestmark = pytest.mark.usefixtures("no_proxy")

SIGNED = {
    "X-Time": "{{ format_datetime(now_utc(), '%s.%f') }}",
    "X-Nonce": "{{ generate_uuid() }}",
    "X-Signature": "{{ format_datetime(now_utc(), '%s.%f') }} {{ generate_uuid() }}",
}


def test_a_signature_and_its_timestamp_agree() -> None:
    """So do the nonces; the next request has others."""
    first, second = (build({"headers": SIGNED}).headers for _ in range(2))
    assert first["X-Signature"] == f"{first['X-Time']} {first['X-Nonce']}"
    assert first["X-Nonce"] != second["X-Nonce"]


def test_a_nonce_does_not_hide_that_the_position_is_sent() -> None:
    """Without a template for it, `pagination` adds the page number."""
    assert build({"headers": SIGNED, "pagination": {"type": "page_number"}}, position=2).params == {"page": "2"}


@pytest.mark.parametrize("status", [429, 503])
def test_a_retry_has_a_new_timestamp_and_keeps_the_rest(api: Api, status: int) -> None:
    """An API may refuse a nonce that it has seen, and a timestamp that is old after a wait."""

    @api.get("/items")
    def items(call: Call) -> Any:
        if call.number == 0:
            return Answer({}, status, {"Retry-After": "0"})
        return {"data": [{"id": 1}] if call.arg("page") == "1" else []}

    settings = {"headers": SIGNED, "params": {"a": "b"}, "pagination": {"type": "page_number"}}
    reading = Reading(api.url, settings, retry={"max_attempts": 2})
    assert reading.error is None
    refused, again = api.requests[:2]
    assert refused.headers["X-Nonce"] != again.headers["X-Nonce"]
    assert again.headers["X-Signature"] == f"{again.headers['X-Time']} {again.headers['X-Nonce']}"
    assert (again.arg("a"), again.arg("page")) == ("b", "1")

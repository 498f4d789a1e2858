"""Each response gets the right verdict: who has to act, and how long to wait."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from source_rest_api.errors import ConfigError, TransientError
from source_rest_api.http.error_policy import Verdict, judge
from source_rest_api.http.response import Response
from source_rest_api.http.retry import Retry


def verdict(status: int, headers: dict[str, str] | None = None, body: bytes = b"{}") -> Verdict | None:
    """Judge an answer."""
    return judge(Response(status, CaseInsensitiveDict(headers or {}), body, "https://h/"))


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204, 206, 226, 299])
def test_a_success_is_not_judged(status: int) -> None:
    """All of 2xx is read."""
    assert verdict(status) is None


@pytest.mark.parametrize(
    "status", [300, 304, 400, 401, 402, 403, 404, 405, 406, 407, 409, 410, 415, 422, 428, 431, 451, 499]
)
def test_what_the_user_has_to_change_is_not_tried_again(status: int) -> None:
    """Other client errors, and redirects that lead nowhere, are config errors at the first attempt."""
    judged = verdict(status)
    assert judged is not None
    assert isinstance(judged.error, ConfigError)
    assert not judged.retry


@pytest.mark.parametrize(
    ("status", "setting"),
    [
        (401, "`authentication`"),
        (403, "`authentication`"),
        (404, "`path`"),
        (405, "`http_method`"),
        (407, "proxy"),
    ],
)
def test_the_error_names_the_setting_and_what_was_seen(status: int, setting: str) -> None:
    """Status, beginning of the body, and where to look."""
    judged = verdict(status, {"Content-Type": "application/json"}, b'{"message":"no such thing"}')
    assert judged is not None
    for part in (f"HTTP {status}", "application/json", "no such thing", setting):
        assert part in judged.error.message


@pytest.mark.parametrize("status", [408, 425, 500, 501, 502, 503, 504, 508, 520, 524, 599, 999])
def test_what_may_pass_is_tried_again(status: int) -> None:
    """Server errors, whatever their number, are transient and not a rate limit."""
    judged = verdict(status)
    assert judged is not None
    assert isinstance(judged.error, TransientError)
    assert (judged.retry, judged.limited, judged.wait) == (True, False, None)


@pytest.mark.parametrize(
    ("status", "headers", "refused"),
    [
        (429, {}, True),
        (408, {}, True),
        (425, {}, True),
        (503, {"retry-after": "1"}, True),
        (503, {}, False),
        (500, {"retry-after": "1"}, False),
        (502, {}, False),
        (504, {}, False),
    ],
)
def test_whether_a_post_may_have_been_done(status: int, headers: dict[str, str], refused: bool) -> None:
    """Only where the API surely did nothing, a POST may be sent again without being declared safe."""
    judged = verdict(status, headers)
    assert judged is not None
    assert judged.refused is refused


@pytest.mark.parametrize(
    ("status", "headers", "body", "wait"),
    [
        (429, {}, b"", None),
        (429, {"retry-after": "7"}, b"", 7),
        (429, {"ratelimit-reset": "7"}, b"", 7),
        (429, {"x-ratelimit-reset": "7", "x-ratelimit-remaining": "3"}, b"", None),
        (403, {"retry-after": "7"}, b"", 7),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "7"}, b"", 7),
        (403, {}, b'{"message": "You have exceeded a secondary rate limit"}', None),
        (403, {}, b'{"error": {"errors": [{"reason": "userRateLimitExceeded"}]}}', None),
    ],
)
def test_a_rate_limit_is_waited_out(status: int, headers: dict[str, str], body: bytes, wait: float | None) -> None:
    """429 is a rate limit, and so is a 403 that names one, as GitHub's and Google's do."""
    judged = verdict(status, headers, body)
    assert judged is not None
    assert isinstance(judged.error, TransientError)
    assert (judged.retry, judged.limited, judged.refused) == (True, True, True)
    assert judged.wait == wait


@pytest.mark.parametrize("status", [500, 502, 503, 408])
def test_a_failure_is_not_waited_for_until_a_rate_limit_ends(status: int) -> None:
    """Rate-limit headers in every response do not turn a short failure into an hour; `Retry-After` counts."""
    judged = verdict(status, {"x-ratelimit-reset": "3600"})
    assert judged is not None
    assert judged.wait is None


@given(st.integers(min_value=1), st.floats(0, 1))
def test_the_backoff_grows_to_a_minute(attempt: int, jitter: float) -> None:
    """However often it was tried, the next attempt comes within 90 s, and not at once."""
    assert 1 <= Retry().backoff(attempt, jitter) <= 90
    assert Retry().backoff(attempt, 0) <= Retry().backoff(attempt + 1, 0)


def test_the_backoff_doubles() -> None:
    """1, 2, 4, ... 60 seconds, plus up to half of it."""
    waits = [Retry().backoff(attempt, 0) for attempt in range(1, 9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert [Retry().backoff(attempt, 1) for attempt in range(1, 9)] == [wait * 1.5 for wait in waits]


@pytest.mark.parametrize("settings", [{"max_attempts": 0}, {"max_seconds": -1}, {"rate_limit_seconds": -1}])
def test_patience_has_bounds(settings: dict[str, Any]) -> None:
    """No attempt at all, or negative time, is refused."""
    with pytest.raises(ValueError, match="validation error"):
        Retry(**settings)

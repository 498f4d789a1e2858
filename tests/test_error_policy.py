"""Each answer is judged by whose turn it is, and the wait is what the API asks for, whatever it asks for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from source_rest_api.error_policy import Retry, Verdict, judge, retry_after
from source_rest_api.errors import ConfigError, TransientError
from source_rest_api.page import Response


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
        (400, "`params`"),
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


@pytest.mark.parametrize(("status", "headers"), [(429, {}), (429, {"retry-after": "7"}), (403, {"retry-after": "7"})])
def test_a_rate_limit_is_waited_out(status: int, headers: dict[str, str]) -> None:
    """429 is a rate limit, and so is a 403 that says when to come back, as GitHub's is; nobody has to act."""
    judged = verdict(status, headers)
    assert judged is not None
    assert isinstance(judged.error, TransientError)
    assert (judged.retry, judged.limited, judged.refused) == (True, True, True)
    assert judged.wait == (7 if headers else None)


NOW = "Wed, 01 Jan 2020 00:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "3"}, 3),
        ({"retry-after": " 120 "}, 120),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": ".5"}, 0.5),
        ({"Retry-After": "100000"}, 100_000),
        ({"Retry-After": "9" * 30}, 1e9),
        ({"Retry-After": "9" * 5000}, 1e9),
        # not what the RFC allows
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "+5"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "1e9"}, None),
        ({"Retry-After": "1_000"}, None),
        ({"Retry-After": "0x10"}, None),
        ({"Retry-After": "1.2.3"}, None),
        ({"Retry-After": "."}, None),
        ({"Retry-After": "٣"}, None),
        ({"Retry-After": "²"}, None),
        ({"Retry-After": "abc"}, None),
        ({"Retry-After": "3, 3"}, None),
        ({"Retry-After": "3 seconds"}, None),
        # dates, by the server's own clock
        ({"Retry-After": "Wed, 01 Jan 2020 00:00:04 GMT", "Date": NOW}, 4),
        ({"Retry-After": "Wednesday, 01-Jan-20 00:00:04 GMT", "Date": NOW}, 4),
        ({"Retry-After": "Wed Jan  1 00:00:04 2020", "Date": "Wed Jan  1 00:00:00 2020"}, 4),
        ({"Retry-After": "Wed, 01 Jan 2020 01:00:04 +0100", "Date": NOW}, 4),
        ({"Retry-After": NOW, "Date": "Wed, 01 Jan 2020 00:00:04 GMT"}, 0),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT", "Date": NOW}, 1e9),
        ({"Retry-After": NOW}, None),
        ({"Retry-After": NOW, "Date": "garbage"}, None),
        ({"Retry-After": "Wed, 32 Jan 2020 00:00:04 GMT", "Date": NOW}, None),
        ({"Retry-After": "Wed, 01 Jan 99999999999999999999 00:00:00 GMT", "Date": NOW}, None),
        ({"Retry-After": "Wed, 01 Jan 2020 00:00:04 +99999999999999", "Date": NOW}, None),
        ({"Retry-After": "Wed, 01 Jan 2020 00:00:04 -0000", "Date": NOW}, None),
    ],
)
def test_the_wait_that_the_api_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds or a date; what is neither is as if it were not there."""
    assert retry_after(CaseInsensitiveDict(headers)) == seconds


WORDS = st.sampled_from(
    [
        "Mon,",
        "Jan",
        "01",
        "2024",
        "00:00:00",
        "GMT",
        "-0000",
        "+9999",
        "-99999999999",
        "9" * 20,
        "24:60:61",
        "1:2:3:4",
        "PM",
    ]
) | st.sampled_from("05-+:./,\"'()")
ODD = st.text() | st.lists(WORDS).map(" ".join) | st.lists(WORDS).map("".join)


@given(ODD, ODD)
def test_any_wait_is_understood_or_left_out(value: str, date: str) -> None:
    """Whatever the header holds, the result is none or a number from nothing to for ever, never an error."""
    for headers in ({"Retry-After": value}, {"Retry-After": value, "Date": date}, {"Retry-After": value, "Date": NOW}):
        seconds = retry_after(headers)
        assert seconds is None or 0 <= seconds <= 1e9


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

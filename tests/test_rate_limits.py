"""The wait is the one that the API demands, in any spelling, but never an absurd one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from source_rest_api.http import rate_limits
from source_rest_api.http.rate_limits import Allowance

NOW = "Wed, 01 Jan 2020 00:00:00 GMT"
EPOCH = 1577836800  # the same in seconds


def clock() -> float:
    """Our own time, which is four seconds behind."""
    return EPOCH - 4.0


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
        ({"Retry-After": NOW}, 4),
        ({"Retry-After": NOW, "Date": "garbage"}, 4),
        ({"Retry-After": "2020-01-01T00:00:07Z", "Date": NOW}, 7),
        ({"Retry-After": str(EPOCH + 9), "Date": NOW}, 9),
        ({"Retry-After": f"{EPOCH + 9}.5", "Date": NOW}, 9.5),
        ({"Retry-After": str(EPOCH + 9)}, 13),
        ({"Retry-After": f"{EPOCH + 9}250", "Date": NOW}, 9.25),
        ({"Retry-After": str(EPOCH - 9), "Date": NOW}, 0),
        ({"X-Retry-After": "3"}, 3),
        ({"Retry-After": "Wed, 32 Jan 2020 00:00:04 GMT", "Date": NOW}, None),
        ({"Retry-After": "Wed, 01 Jan 99999999999999999999 00:00:00 GMT", "Date": NOW}, None),
        ({"Retry-After": "Wed, 01 Jan 2020 00:00:04 +99999999999999", "Date": NOW}, None),
        ({"Retry-After": "Wed, 01 Jan 2020 00:00:04 -0000", "Date": NOW}, 4),
    ],
)
def test_the_wait_that_the_api_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds or a date; what is neither is as if it were not there."""
    assert rate_limits.retry_after(CaseInsensitiveDict(headers), clock) == seconds


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
    """Any header gives None or a number of seconds, never an error."""
    for headers in ({"Retry-After": value}, {"Retry-After": value, "Date": date}, {"Retry-After": value, "Date": NOW}):
        seconds = rate_limits.wait(headers, clock)
        assert seconds is None or 0 <= seconds <= 1e9


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, (None, None)),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "50"}, (0, 50)),
        ({"X-RateLimit-Remaining": "12", "X-RateLimit-Reset": str(EPOCH + 30), "Date": NOW}, (12, 30)),
        ({"X-RateLimit-Remaining": "12", "X-RateLimit-Reset": f"{EPOCH + 30}000", "Date": NOW}, (12, 30)),
        ({"X-Rate-Limit-Remaining": "1", "X-Rate-Limit-Reset": "2020-01-01T00:00:30+00:00", "Date": NOW}, (1, 30)),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "1.25"}, (0, 1.25)),
        ({"RateLimit": "limit=100, remaining=50, reset=5"}, (50, 5)),
        ({"RateLimit": '"default";r=50;t=30'}, (50, 30)),
        ({"RateLimit": '"burst";r=9;t=2, "daily";r=3;t=40000'}, (3, 40000)),
        ({"RateLimit": '"burst";r=9, "daily";r=3;t=40000'}, (3, None)),
        ({"RateLimit": '"default";r=50'}, (50, None)),
        ({"RateLimit": "limit=100"}, (None, None)),
        ({"RateLimit": "reset=5.5, remaining=-3"}, (None, None)),
        ({"X-RateLimit-Remaining": "-1", "X-RateLimit-Reset": "-1"}, (None, None)),
        ({"X-RateLimit-Remaining": "nan", "X-RateLimit-Reset": "nan"}, (None, None)),
        ({"X-RateLimit-Remaining": "9" * 5000, "X-RateLimit-Reset": "9" * 5000}, (None, 1e9)),
        ({"X-RateLimit-Remaining": "3, 7", "X-RateLimit-Reset": "1, 60"}, (None, None)),
    ],
)
def test_what_is_left(headers: dict[str, str], expected: tuple[int | None, float | None]) -> None:
    """Remaining requests and the time until there are more, of the tightest limit."""
    assert rate_limits.allowance(CaseInsensitiveDict(headers), clock) == Allowance(*expected)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"RateLimit-Reset": "50"}, 50),
        ({"RateLimit-Reset": "50", "RateLimit-Remaining": "0"}, 50),
        ({"RateLimit-Reset": "50", "RateLimit-Remaining": "7"}, None),
        ({"RateLimit-Reset": "50", "RateLimit-Remaining": "7", "Retry-After": "2"}, 2),
        ({"RateLimit-Reset": "50", "Retry-After": "soon"}, 50),
        ({"RateLimit": '"default";r=0;t=30'}, 30),
    ],
)
def test_how_long_a_limit_lasts(headers: dict[str, str], seconds: float | None) -> None:
    """`Retry-After` wins; a reset counts if no request is left, or if the number left is unknown."""
    assert rate_limits.wait(CaseInsensitiveDict(headers), clock) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "2", "RateLimit-Limit": "2"}, 2.1),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(EPOCH + 10), "Date": NOW}, 10.5),
        ({"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": f"{EPOCH + 60}000", "Date": NOW}, 61),
        ({"RateLimit": '"default";r=0;t=30'}, 31),
        ({"RateLimit": '"burst";r=9;t=2, "daily";r=0;t=40000'}, 40_001),
        ({"RateLimit-Remaining": "1", "RateLimit-Reset": "2"}, None),
        ({"RateLimit-Remaining": "0"}, None),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "0"}, None),
        ({"RateLimit-Reset": "50"}, None),
        ({"X-RateLimit-Limit": "0", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "3600"}, None),
        ({"X-RateLimit-Limit": "-1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "3600"}, None),
        ({"Retry-After": "3"}, None),
    ],
)
def test_a_quota_that_is_used_up(headers: dict[str, str], seconds: float | None) -> None:
    """No request is left, and the headers say until when."""
    assert rate_limits.pause(CaseInsensitiveDict(headers), clock) == seconds


@given(ODD | st.text('0123456789rt=remainingreset;," ').map(str), ODD)
def test_any_head_is_understood_or_left_out(value: str, date: str) -> None:
    """Any rate-limit headers give numbers within their bounds, or nothing."""
    for name in ("RateLimit", "RateLimit-Reset", "X-RateLimit-Remaining"):
        remaining, reset = rate_limits.allowance({name: value, "Date": date}, clock)
        assert remaining is None or remaining >= 0
        assert reset is None or 0 <= reset <= 1e9


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("API rate limit exceeded for 1.2.3.4", True),
        ("ratelimited", True),
        ('{"code": "rateLimitExceeded"}', True),
        ("rate_limit_exceeded", True),
        ("RATE-LIMIT", True),
        ("Too Many Requests", True),
        ("Request was throttled.", True),
        ("SlowDown", True),
        ("invalid token", False),
        ("limit must be less than 100", False),
        ("exchange rates", False),
    ],
)
def test_words_of_rate_limits(text: str, *, expected: bool) -> None:
    """Texts by which APIs report a rate limit without the status 429."""
    assert rate_limits.named_in(text) is expected

"""Incremental filters are checked: one log line if the API ignores the start or omits the saved cursor value."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from tests.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api import Api, Call

pytestmark = pytest.mark.usefixtures("no_proxy")

SINCE = {"cursor_field": "at", "start_param": "since"}
DATES = [{"id": day, "at": f"2024-01-{day:02}T08:00:00Z"} for day in range(1, 20)]
NUMBERS = [{"id": number, "at": number} for number in range(1, 20)]


def _lines(
    api: Api,
    caplog: pytest.LogCaptureFixture,
    keeps: Callable[[str, str], bool],
    incremental: dict[str, Any],
    rows: list[dict[str, Any]] = DATES,
) -> list[str]:
    """Reads twice from an API that keeps the rows which a function of their value and the parameter says."""

    @api.get("/items")
    def items(call: Call) -> Any:
        since = call.arg("since")
        return [row for row in rows if not since or keeps(str(row["at"]), since)]

    endpoint = {"primary_key": "id", "incremental": incremental}
    first = Reading(api.url, endpoint)
    with caplog.at_level(logging.INFO):
        second = Reading(api.url, endpoint, saved=first.states[-1])
    assert (first.error, second.error) == (None, None)
    return [f"{record.levelname} {record.getMessage()}" for record in caplog.records]


@pytest.mark.parametrize("kind", [{}, {"type": "integer"}])
def test_an_ignored_filter_is_one_warning(api: Api, caplog: pytest.LogCaptureFixture, kind: dict[str, Any]) -> None:
    """Rows far older than the start show that the API ignores the parameter, for example because it is misspelled."""
    rows = NUMBERS if kind else DATES
    [line] = _lines(api, caplog, lambda _, __: True, {**SINCE, **kind}, rows)
    assert line.startswith("WARNING Stream items: the request was for records from `")
    assert "It seems to ignore the filter" in line


def test_a_filter_by_whole_days_is_no_warning(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """An API may cut the time off, so rows of the same day are older than the start and rightly there."""
    assert _lines(api, caplog, lambda at, since: at[:10] >= since[:10], SINCE) == []


def test_a_filter_that_leaves_out_the_start_is_one_line(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """An empty response means that the row at the cursor did not change, so the filter is exclusive."""
    [line] = _lines(api, caplog, lambda at, since: at > since, SINCE)
    assert line.startswith("WARNING Stream items: the API did not return the records at the saved cursor `2024-01-19")
    assert "`start_exclusive: true`" in line


def test_what_works_says_nothing(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """An inclusive filter, and an exclusive one that the config declares."""
    assert _lines(api, caplog, lambda at, since: at >= since, SINCE) == []
    assert _lines(api, caplog, lambda at, since: at > since, {**SINCE, "start_exclusive": True}) == []


@pytest.mark.parametrize(
    ("versions", "lookback", "told"),
    [
        ([5, 1, 4, 2, 6, 3], {}, True),
        ([5, 1, 4, 2, 6, 3], {"lookback": 10}, False),
        ([1, 2, 3, 4, 5, 6], {}, False),
        ([6, 5, 4, 3, 2, 1], {}, False),
    ],
)
def test_an_unordered_integer_cursor_is_one_warning(
    api: Api, caplog: pytest.LogCaptureFixture, versions: list[int], lookback: dict[str, Any], told: bool
) -> None:
    """A number does not tell whether a row changed during the read, so the order or a lookback has to."""
    rows = [{"id": index, "at": version} for index, version in enumerate(versions)]

    @api.get("/items")
    def items(call: Call) -> Any:
        first = 2 * (int(call.arg("page")) - 1)
        return rows[first : first + 2]

    incremental = {"type": "integer", "cursor_field": "at", **lookback}
    with caplog.at_level(logging.WARNING):
        Reading(api.url, {"primary_key": "id", "incremental": incremental}, pagination={"type": "page_number"})
    assert ("rows come in no order of their integer cursor" in caplog.text) == told

"""The progress of a read, as somebody on a terminal sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api import Connector
from source_rest_api.cli.progress_display import picture
from source_rest_api.protocol import catalog
from source_rest_api.protocol.catalog import ConfiguredStream
from source_rest_api.read_stats import ReadStats
from source_rest_api.sync.stream_read import StreamRun

if TYPE_CHECKING:
    from tests.api import Api, Call

WIDE, NOW = 120, 1000.0


def run(name: str, records: int = 0, *, expected: int | None = None, seconds: float = 10, **state: Any) -> StreamRun:
    """A run that began so many seconds ago."""
    made = StreamRun(ConfiguredStream(name, incremental=False), lambda _: None, None, 1)
    made.stats = stats = ReadStats()
    stats.add(records=records)
    made.began = NOW - seconds
    for key, value in state.items():
        setattr(made, key, value)
    if expected is not None:
        stats.add(expected=expected, totals=1)
        made._planned, made._slices = True, 1
    return made


def test_records_rate_and_what_is_left() -> None:
    """The API told the total, so the rest is estimated; no time is shown for a stream without one."""
    lines = picture([run("a", 1000, expected=3000), run("events", 20)], NOW - 12.4, NOW, WIDE, 9)
    assert lines == [
        "a       1,000 of 3,000 records  100/s  20 s left",
        "events  20 records              2/s",
        "0 of 2 streams done, 1,020 records, 12 s",
    ]


@pytest.mark.parametrize(
    ("expected", "left"), [(1000, "0 s left"), (10_000, "90 s left"), (60_000, "10 min left"), (10**6, "2.8 h left")]
)
def test_the_time_that_is_left(expected: int, left: str) -> None:
    """To two digits. Rows that were created meanwhile do not make it negative."""
    [line, _] = picture([run("a", 1000, expected=expected)], NOW, NOW, WIDE, 9)
    assert line.endswith(f"  {left}".replace("90 s", "2 min"))


def test_a_wait_takes_the_place_of_the_estimate() -> None:
    """Until the wait is over, nobody knows."""
    waiting = run("a", 1000, expected=3000)
    assert waiting.stats
    with waiting.stats.waiting("for rate limits", lambda: 0):
        [line, _] = picture([waiting], NOW, NOW, WIDE, 9)
    assert line.endswith("100/s  waiting for rate limits")


def test_what_has_ended_stands_below_and_a_failure_is_told() -> None:
    """What still runs is what people look for."""
    ended = {"finished": True}
    runs = [run("a", 1, **ended), run("b", 5, **ended, failures=1), run("c", seconds=0), run("d", stats=None)]
    assert picture(runs, NOW - 3, NOW, WIDE, 9) == [
        "c  0 records",
        "a  1 record     done",
        "b  5 records    incomplete",
        "1 of 4 streams done, 1 incomplete, 6 records, 3 s",
    ]


def test_no_line_is_wider_than_the_terminal() -> None:
    """A long name is cut, so that its numbers are seen."""
    lines = picture([run("x" * 200, 1000, expected=3000), run("y", 1)], NOW - 3, NOW, 79, 9)
    assert lines[0] == f"{'x' * 18}…  1,000 of 3,000 records  100/s  20 s left"
    assert all(len(line) <= 20 for line in picture([run("x" * 200, 1000)], NOW - 3, NOW, 20, 9))


@pytest.mark.parametrize(("height", "streams"), [(3, 3), (50, 12), (-1, 0)])
def test_no_more_lines_than_the_terminal_has(height: int, streams: int) -> None:
    """The cursor cannot go above its first line."""
    assert len(picture([run(str(n)) for n in range(20)], NOW, NOW, WIDE, height)) == streams + 1


def test_before_the_read_there_is_nothing() -> None:
    """Not even a line."""
    assert picture([], NOW, NOW, WIDE, 9) == []


ROWS = [{"id": n} for n in range(25)]


@pytest.mark.usefixtures("no_proxy")
@pytest.mark.parametrize(
    ("total", "lists", "expected"), [(True, ["a"], 25), (True, ["a", "b"], 50), (False, ["a"], None)]
)
def test_how_many_records_are_expected(total: bool, lists: list[str], expected: int | None, api: Api) -> None:
    """As many as the API says for all slices together; None if it does not say so."""

    @api.get("/rows")
    def rows(call: Call) -> Any:
        page = int(call.arg("page"))
        return {"data": ROWS[(page - 1) * 10 : page * 10], **({"total": 25} if total else {})}

    endpoint = {"name": "rows", "path": "rows", "params": {"of": "{{ of }}"}, "partitions": {"of": lists}}
    config = {"url_base": api.url, "endpoints": [{**endpoint, "pagination": {"type": "page_number"}}]}
    session = Connector().session(config)
    list(session.read(catalog.of_all(session.offered), {}))
    assert [each.expected for each in session.runs] == [expected]

"""The closing line of a stream tells what came, what it took, and how the end was recognised."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.errors import TransientError
from source_rest_api.read_stats import ReadStats
from tests.api import Answer
from tests.process import catalog, run
from tests.reading import Reading

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api import Api

pytestmark = pytest.mark.usefixtures("no_proxy")


def test_the_summary_says_how_it_ended() -> None:
    """One line with the counts and the reason of the end."""
    stats = ReadStats()
    stats.add(pages=3, records=7, partitions=2)
    for reason in ("empty page", "total reached", "empty page"):
        stats.end(reason)
    assert stats.summary(1.26) == "7 records, 3 pages, 2 partitions, 1.3 s; end: empty page (2x), total reached"
    assert ReadStats().summary(0).endswith("end: nothing to request")


def test_an_end_that_was_not_reached_is_said() -> None:
    """A failed or stopped stream also lists the slices that ended."""
    stats = ReadStats()
    assert stats.summary(0, complete=False).endswith("end: stopped before the end")
    stats.end("empty page")
    assert stats.summary(0, complete=False).endswith("end: empty page, stopped before the end")


def test_waiting_counts_once_however_many_wait() -> None:
    """Concurrent waits for the same reason count once; each reason has its own time."""
    now = [0.0]
    stats = ReadStats()

    def wait(why: str) -> Any:
        return stats.waiting(why, lambda: now[0])

    with wait("for rate limits"):
        now[0] = 1
        with wait("for rate limits"), wait("for retries"):
            now[0] = 3
        now[0] = 4
    with wait("for rate limits"):
        now[0] = 5
    assert stats.summary(6).endswith(", 6.0 s (5.0 s for rate limits, 2.0 s for retries); end: nothing to request")


def test_a_wait_that_is_stopped_counts_as_far_as_it_went() -> None:
    """The line is written then too."""
    now = [0.0]
    stats = ReadStats()
    with suppress(TransientError), stats.waiting("for retries", lambda: now[0]):
        now[0] = 2
        raise TransientError("stopped")
    assert "(2.0 s for retries)" in stats.summary(2, complete=False)


@pytest.mark.parametrize(
    ("body", "decoder"),
    [(b'[{"id": 1}, {"id": 2}]', {"type": "json"}), (b"id\n1\n2\n", {"type": "csv"})],
    ids=["whole", "as it arrives"],
)
def test_bytes_are_counted(api: Api, body: bytes, decoder: dict[str, str]) -> None:
    """The bytes of decompressed bodies."""
    kind = "text/csv" if decoder["type"] == "csv" else "application/json"
    api.get("/items")(lambda _: Answer(body, headers={"Content-Type": kind}))
    stats = Reading(api.url, {"decoder": decoder}).stream.stats
    assert stats["bytes"] == len(body)
    assert "2 records, 1 page, 1 partition, 0.0 kB" in stats.summary(0)


def test_a_read_tells_what_it_took(api: Api, tmp_path: Path) -> None:
    """Retries, and seconds waited by their reason, on each stream's own account; also of one that fails."""
    faults = [Answer(status=503), Answer(status=429, headers={"Retry-After": "1"})]
    api.get("/slow")(lambda call: faults[call.number] if call.number < 2 else [{"id": 1}])
    api.get("/fast")(lambda _: [{"id": n} for n in range(5)])
    api.get("/gone")(lambda _: Answer(status=410))
    names = ("slow", "fast", "gone")
    endpoints = [{"name": name, "path": name} for name in names]
    endpoints[1]["filter"] = "record.id > 1"
    config = {"url_base": api.url, "endpoints": endpoints, "max_requests_per_second": 5}
    done = run(tmp_path, "read", config=config, catalog=catalog(**dict.fromkeys(names, "full_refresh")))
    told = {name: m for log in done.bodies("LOG") for name in names if "; end:" in (m := log["message"]) and name in m}
    assert re.search(
        r"1 record, 1 page, 1 partition, 0\.0 kB, 2 retries, .* s \(.*[1-9]\.\d s for retries, .*[1-9]\.\d s for "
        r"rate limits.*\); end: ",
        told["slow"],
    )
    assert "5 records, 2 of them filtered out, 1 page" in told["fast"]
    assert "retries" not in told["fast"]
    assert told["gone"].endswith("end: stopped before the end.")
    assert "`max_requests_per_second`" in " ".join(told.values())

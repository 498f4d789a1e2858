"""A read warns of records without a key, or with that of another record, without slowing down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec import Raw

from source_rest_api.sync.batch_watch import BatchWatch
from source_rest_api.sync.key_watch import KeyWatch
from tests.process import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api import Api

KEY = (("id",), ("o", "k"))


def raws(*records: dict[str, Any]) -> list[Raw]:
    """The records as bytes."""
    return [Raw(msgspec.json.encode(record)) for record in records]


def row(key: Any, inner: Any = 1, **more: Any) -> dict[str, Any]:
    """A record with a key of two fields."""
    return {"id": key, "o": {"k": inner}, **more}


@pytest.mark.parametrize(
    "records",
    [[row(1), row(2)], [row(1), row(1, 2)], [row(1), row(1)], [row(0), row("0")], []],
    ids=["different", "one part differs", "the same row twice", "a number and a text", "none"],
)
def test_what_is_no_problem(records: list[dict[str, Any]], caplog: pytest.LogCaptureFixture) -> None:
    """A row that comes twice is one row."""
    KeyWatch("rows", KEY).look(raws(*records))
    assert caplog.messages == []


@pytest.mark.parametrize("loose", [{"id": 1}, row(None), row(1, ""), {}, {"id": 1, "o": None}], ids=repr)
def test_a_record_without_a_key(loose: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """Absent, null or empty, in any part of the key."""
    KeyWatch("rows", KEY).look(raws(row(1), loose))
    [message] = caplog.messages
    assert message.startswith("Stream rows: 1 of 2 records have no value in the key `id`, `o.k`: ")


def test_two_records_with_one_key(caplog: pytest.LogCaptureFixture) -> None:
    """They differ elsewhere, so a destination would lose one."""
    KeyWatch("rows", KEY).look(raws(row(1, n=1), row(2), row(1, n=2)))
    [message] = caplog.messages
    assert message.startswith("Stream rows: different records on one page share the key `id`, `o.k`, such as `1, 1`: ")
    assert message.endswith("Add to `primary_key` the field that tells them apart.")


def test_each_problem_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """However many pages have it."""
    watch = KeyWatch("rows", KEY)
    for _ in range(3):
        watch.look(raws(row(1, n=1), row(1, n=2), {}))
    assert len(caplog.messages) == 2


def test_a_stream_without_a_key(caplog: pytest.LogCaptureFixture) -> None:
    """There is nothing to watch."""
    KeyWatch("rows", ()).look(raws({}, {}))
    assert caplog.messages == []


def test_ever_fewer_batches_are_looked_at() -> None:
    """So a long read costs no more than a short one."""
    seen: list[int] = []

    class Noted(KeyWatch):
        def look(self, records: Any) -> None:
            seen.append(len(records))

    watch = BatchWatch(Noted("rows", KEY))
    for number in range(1, 101):
        watch.look([Raw(b"{}")] * number)
        watch.look([])
    assert seen == [1, 2, 4, 8, 16, 32, 64]


def test_a_read_warns_and_goes_on(api: Api, tmp_path: Path) -> None:
    """The records are emitted all the same."""
    api.get("/rows")(lambda _: [{"id": 1, "n": 1}, {"id": 1, "n": 2}, {"n": 3}])
    config = {"url_base": api.url, "endpoints": [{"name": "rows", "path": "rows", "primary_key": "id"}]}
    done = run(tmp_path, "read", config=config)
    assert (done.code, len(done.data("rows"))) == (0, 3)
    told = [log["message"] for log in done.bodies("LOG") if log["level"] == "WARN"]
    assert [message[:22] for message in told] == ["Stream rows: 1 of 3 re", "Stream rows: different"]

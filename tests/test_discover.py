"""`discover` gives every stream that answers, and says what is wrong with the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.api import Answer, Api
from tests.process import Run, run

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [{"id": 1, "at": "2024-01-01T00:00:00Z", "by_id": {"17": {"n": 1}, "18": {"n": 2}}, "big": 2**64}]


def discover(api: Api, folder: Path, *endpoints: dict[str, Any]) -> Run:
    """Discover these streams; nothing is retried."""
    named = [{"path": endpoint["name"], **endpoint} for endpoint in endpoints]
    return run(folder, "discover", config={"url_base": api.url, "retry": {"max_attempts": 1}, "endpoints": named})


def names(done: Run) -> list[str]:
    """The streams in the catalog."""
    [catalog] = done.bodies("CATALOG")
    return [stream["name"] for stream in catalog["streams"]]


def warnings(done: Run) -> list[str]:
    """What the log warns of."""
    return [log["message"] for log in done.bodies("LOG") if log["level"] == "WARN"]


@pytest.mark.parametrize(
    "answer",
    [
        Answer({"message": "no"}, status=403),
        Answer("", status=404),
        Answer({}, status=401),
        Answer({}, status=500),
        Answer(reset=True),
        Answer("<html>", headers={"Content-Type": "text/html"}),
        Answer({"a": [{"id": 1}], "b": [{"id": 2}]}),
    ],
    ids=repr,
)
def test_one_stream_does_not_take_the_catalog_away(answer: Answer, api: Api, tmp_path: Path) -> None:
    """The others are there in their order; the log names the stream that is not, and why."""
    api.get("/first")(lambda _: ROWS)
    api.get("/bad")(lambda _: answer)
    api.get("/last")(lambda _: ROWS)
    done = discover(api, tmp_path, {"name": "first"}, {"name": "bad"}, {"name": "last"})
    assert (done.code, names(done)) == (0, ["first", "last"])
    [warning] = warnings(done)
    assert warning.startswith("Stream bad, ")
    assert warning.endswith("The stream is not in the catalog.")


def test_no_stream_at_all_is_an_error(api: Api, tmp_path: Path) -> None:
    """An empty catalog would hide what is wrong."""
    done = discover(api, tmp_path, {"name": "a"}, {"name": "b"})
    assert (done.code, done.bodies("CATALOG")) == (1, [])
    [error] = done.errors
    assert (error["failure_type"], "Stream a" in error["message"]) == ("config_error", True)


@pytest.mark.parametrize(
    "setting",
    [{"primary_key": "uid"}, {"incremental": {"cursor_field": "changed"}}],
    ids=lambda setting: next(iter(setting)),
)
def test_a_key_or_a_cursor_that_no_record_has(setting: dict[str, Any], api: Api, tmp_path: Path) -> None:
    """The destination would look for a column that is not there, so the stream is not offered."""
    api.get("/rows")(lambda _: ROWS)
    api.get("/bad")(lambda _: ROWS)
    done = discover(api, tmp_path, {"name": "rows"}, {"name": "bad", **setting})
    assert names(done) == ["rows"]
    warning = warnings(done)[-1]
    assert "which no record has. The records have the fields id, at, by_id, big" in warning


def test_some_record_has_the_key(api: Api, tmp_path: Path) -> None:
    """It need not be the first."""
    api.get("/rows")(lambda _: [{"n": 1}, {"n": 2, "id": 1}])
    done = discover(api, tmp_path, {"name": "rows", "primary_key": "id"})
    assert (names(done), warnings(done)) == (["rows"], [])


def test_types_that_a_destination_can_store(api: Api, tmp_path: Path) -> None:
    """An integer beyond 64 bits is a number, and a map is no object of a thousand fields."""
    api.get("/rows")(lambda _: ROWS)
    [catalog] = discover(api, tmp_path, {"name": "rows"}).bodies("CATALOG")
    properties = catalog["streams"][0]["json_schema"]["properties"]
    assert properties["big"] == {"type": ["null", "number"]}
    assert properties["by_id"].keys() == {"type", "additionalProperties"}


def test_fields_without_a_value_are_named(api: Api, tmp_path: Path) -> None:
    """The schema has to say some type; the log says that nothing supports it."""
    api.get("/rows")(lambda _: [{"id": 1, "a": None, "b": None}, {"id": 2, "a": None, "b": 0, "c": None}])
    done = discover(api, tmp_path, {"name": "rows"})
    told = [log["message"] for log in done.bodies("LOG") if "no sampled record" in log["message"]]
    assert told == [
        "Stream rows: no sampled record has a value in `a`, `c`. The schema says `string`, which is a guess."
    ]

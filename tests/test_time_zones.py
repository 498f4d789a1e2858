"""Requests, records and states are the same on hosts in any time zone, and when clocks change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.api import Api
from tests.process import PROGRAM, arguments, catalog, finish, launch

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("no_proxy")

HOSTS = ["UTC", "America/New_York", "Asia/Kolkata"]
# New York's clocks changed on 10 March 2024 at 07:00 UTC and on 3 November 2024 at 06:00 UTC.
END = "2024-11-04T05:30:00Z"
DAYS = {"end_param": "until", "end_inclusive": True, "end_date": "2024-11-04"}
STREAMS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "zoneless": (
        ["2024-03-09T23:30:00", "2024-03-10T02:30:00", "2024-03-10T07:30:00", "2024-11-03T01:30:00"],
        {"start_param": "since", "step": "P1M", "end_param": "until", "end_date": END},
    ),
    "days": (
        ["2024-03-09", "2024-03-10", "2024-03-11", "2024-11-03"],
        {"start_param": "since", "format": "%Y-%m-%d", "step": "P7D", **DAYS},
    ),
    "written": (
        ["10/03/2024 01:59:59", "10/03/2024 02:30:00", "03/11/2024 01:30:00"],
        {"record_format": "%d/%m/%Y %H:%M:%S", "start_param": "since", "lookback": "P1D"},
    ),
    "epochs": (
        [1710053999, 1710054000, 1730611800],
        {"record_format": "%s", "format": "%s", "start_param": "since", "lookback": "PT3H"},
    ),
    "offsets": (
        ["2024-03-10T01:59:59-05:00", "2024-03-10T03:00:00-04:00", "2024-11-03T01:30:00-05:00"],
        {"start_param": "since", "start_exclusive": True, "lookback": "P1M"},
    ),
    "here": (["2024-03-10T02:30:00", "2024-11-03T01:30:00"], {"mode": "client_filter", "lookback": "PT1H"}),
}
CONFIG: dict[str, Any] = {
    "start_date": "2024-03-09",
    "endpoints": [
        {
            "name": name,
            "path": name,
            "primary_key": "id",
            "params": {"today": "{{ format_datetime('2024-03-10T06:59:59Z', '%Y-%m-%d %H:%M') }}"},
            "incremental": {"cursor_field": "at", **settings},
        }
        for name, (_, settings) in STREAMS.items()
    ],
}


def seen(folder: Path, zone: str, states: list[dict[str, Any]]) -> tuple[list[str], list[Any], dict[str, Any]]:
    """Returns the requests of a host in a zone, its records, and the last state of each stream."""
    with Api() as api:
        for name, (values, _) in STREAMS.items():
            answer(api, name, values)
        files = {
            "config": {**CONFIG, "url_base": api.url},
            "catalog": catalog(**dict.fromkeys(STREAMS, "incremental")),
            "state": states,
        }
        folder.mkdir()
        process = launch([*PROGRAM, *arguments(folder, "read", **files)], {"TZ": zone})
        done = finish(process, "read", files["catalog"])
        assert done.code == 0, done.errors
        asked = sorted(call.target for call in api.requests)
    records = [json.dumps([record["stream"], record["data"]]) for record in done.bodies("RECORD")]
    return asked, sorted(records), {name: last(done.states, name) for name in STREAMS}


def answer(api: Api, name: str, values: list[Any]) -> None:
    """Serve a row for each value."""
    api.get(f"/{name}")(lambda _: [{"id": number, "at": value} for number, value in enumerate(values)])


def last(states: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The last state of a stream; when it is written, and so what it counts, is a matter of time."""
    [*_, found] = [state["stream"] for state in states if state["stream"]["stream_descriptor"]["name"] == name]
    return {"type": "STREAM", "stream": found}


def test_the_hosts_time_zone_plays_no_part(tmp_path: Path) -> None:
    """Two syncs, the second from the states of the first: requests, records and states are equal in all zones."""
    first = {zone: seen(tmp_path / f"first {number}", zone, []) for number, zone in enumerate(HOSTS)}
    assert first["America/New_York"] == first["UTC"] == first["Asia/Kolkata"]
    asked, records, states = first["UTC"]
    assert {json.loads(record)[0] for record in records} == set(STREAMS)
    assert any("since=2024-03-09&until=2024-03-15" in target for target in asked)
    saved = list(states.values())
    second = {zone: seen(tmp_path / f"second {number}", zone, saved) for number, zone in enumerate(HOSTS)}
    assert second["America/New_York"] == second["UTC"] == second["Asia/Kolkata"]
    assert any("since=1730601000" in target for target in second["UTC"][0])

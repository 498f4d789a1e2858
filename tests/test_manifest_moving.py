"""A connection moves from the CDK to this connector: nothing that the server has is missing, and little comes twice."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from airbyte_cdk.sources.declarative.datetime.datetime_parser import DatetimeParser

from tests.api import Api, Call
from tests.manifests import engines

if TYPE_CHECKING:
    from pathlib import Path

DATES = DatetimeParser()
START = datetime(2024, 1, 1, 12, tzinfo=timezone.utc)
ISO = "%Y-%m-%dT%H:%M:%SZ"
PARTITIONS = ("a", "b")

LIST = {
    "type": "ListPartitionRouter",
    "values": list(PARTITIONS),
    "cursor_field": "group",
    "request_option": {"type": "RequestOption", "inject_into": "request_parameter", "field_name": "group"},
}


class Table(Api):
    """A table that grows, which the API filters by time, in some format, and by group."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form = form
        self.rows: list[dict[str, Any]] = []
        self.get("/rows")(self._asked)
        self.get("/groups")(lambda _: {"data": [{"id": group} for group in PARTITIONS]})
        for day in range(1, 9):
            self.add(day)

    def add(self, day: float) -> None:
        """Adds a row to each group."""
        text = DATES.format(START + timedelta(days=day), self.form)
        at = int(text) if self.form in {"%s", "%ms"} else text
        self.rows += [{"id": f"{group}{len(self.rows)}", "group": group, "at": at} for group in PARTITIONS]

    def _asked(self, call: Call) -> Any:
        rows = [row for row in self.rows if call.arg("group") in {"", row["group"]}]
        since, until = (call.arg(name) for name in ("since", "until"))
        kept = [row for row in rows if not since or self._moment(row["at"]) >= self._moment(since)]
        return {"data": [row for row in kept if not until or self._moment(row["at"]) <= self._moment(until)]}

    def _moment(self, value: Any) -> datetime:
        return DATES.parse(value, self.form)


def manifest(api: Api, form: str, router: dict[str, Any] | None, **cursor: Any) -> str:
    """A manifest with one incremental stream."""

    def option(name: str) -> dict[str, Any]:
        return {"type": "RequestOption", "inject_into": "request_parameter", "field_name": name}

    requester = {"type": "HttpRequester", "url_base": api.url, "path": "rows"}
    retriever = {
        "type": "SimpleRetriever",
        "requester": requester,
        "record_selector": {"type": "RecordSelector", "extractor": {"type": "DpathExtractor", "field_path": ["data"]}},
        **({"partition_router": router} if router else {}),
    }
    incremental = {
        "type": "DatetimeBasedCursor",
        "cursor_field": "at",
        "datetime_format": form,
        "start_datetime": {"type": "MinMaxDatetime", "datetime": "2024-01-01", "datetime_format": "%Y-%m-%d"},
        "start_time_option": option("since"),
        **cursor,
    }
    stream = {
        "type": "DeclarativeStream",
        "name": "rows",
        "primary_key": "id",
        "retriever": retriever,
        "incremental_sync": incremental,
    }
    whole = {
        "version": "6.48.0",
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": ["rows"]},
        "streams": [stream],
        "spec": {"type": "Spec", "connection_specification": {"type": "object", "properties": {}}},
    }
    return yaml.safe_dump(whole)


def groups(api: Api) -> dict[str, Any]:
    """A router that reads the groups from the API."""
    requester = {"type": "HttpRequester", "url_base": api.url, "path": "groups"}
    selector = {"type": "RecordSelector", "extractor": {"type": "DpathExtractor", "field_path": ["data"]}}
    retriever = {"type": "SimpleRetriever", "requester": requester, "record_selector": selector}
    parent = {"type": "DeclarativeStream", "name": "groups", "primary_key": "id", "retriever": retriever}
    config = {
        "type": "ParentStreamConfig",
        "stream": parent,
        "parent_key": "id",
        "partition_field": "group",
        "request_option": LIST["request_option"],
    }
    return {"type": "SubstreamPartitionRouter", "parent_stream_configs": [config]}


STEP = {
    "step": "P3D",
    "cursor_granularity": "PT1S",
    "end_time_option": {"type": "RequestOption", "inject_into": "request_parameter", "field_name": "until"},
    "end_datetime": {"type": "MinMaxDatetime", "datetime": "2024-01-20", "datetime_format": "%Y-%m-%d"},
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the CDK
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("form", "router", "cursor"),
    [
        (ISO, None, {}),
        ("%Y-%m-%d", None, {}),
        ("%s", None, {}),
        ("%ms", None, {}),
        ("%d/%m/%Y %H:%M:%S", None, {}),
        ("%Y-%m-%dT%H:%M:%S.%f%z", None, {"lookback_window": "P1D"}),
        (ISO, None, STEP),
        (ISO, "list", {}),
        (ISO, "list", STEP),
        ("%s", "groups", {}),
        (ISO, "groups", {"global_substream_cursor": True}),
    ],
    ids=[
        "plain",
        "days",
        "epoch",
        "milliseconds",
        "own format",
        "lookback",
        "slices",
        "list",
        "slices of a list",
        "parents",
        "global",
    ],
)
def test_a_moved_connection_loses_nothing(
    form: str, router: str | None, cursor: dict[str, Any], tmp_path: Path
) -> None:
    """After a sync of the CDK, rows with the last value and later ones arrive; most old ones do not."""
    path = tmp_path / "manifest.yaml"
    with Table(form) as api:
        chosen = {None: None, "list": LIST, "groups": groups(api)}[router]
        path.write_text(manifest(api, form, chosen, **cursor), encoding="utf-8")
        first = engines.cdk(path, api, {})
        assert len(first.records["rows"]) == len(api.rows) == 16
        old = len(api.rows)
        for day in (8, 8.5, 10):
            api.add(day)
        saved = [
            {"type": "STREAM", "stream": {"stream_descriptor": {"name": "rows"}, "stream_state": first.states["rows"]}}
        ]
        second = engines.ours(path, api, {}, json.loads(json.dumps(saved, default=vars)))
    assert second.failed == []
    read = {json.loads(record)["id"] for record in second.records["rows"]}
    assert {row["id"] for row in api.rows[old:]} <= read
    assert len(read) < len(api.rows) - 8

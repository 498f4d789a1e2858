"""The option `deletions`: its requirements, and the requests of a sweep."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.config import loading, sweep_endpoint
from source_rest_api.errors import ConfigError

if TYPE_CHECKING:
    from source_rest_api.config.config import Config

ENDPOINT = {
    "name": "e",
    "path": "e",
    "primary_key": "id",
    "incremental": {"cursor_field": "at", "start_param": "since"},
    "deletions": {"every": "P1D"},
}


def load(**endpoint: Any) -> Config:
    """A config of one endpoint."""
    return loading.load({"url_base": "http://h", "endpoints": [{**ENDPOINT, **endpoint}]})


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ({"primary_key": []}, "deletions: needs `primary_key`"),
        ({"incremental": None}, "deletions: needs `incremental`"),
        (
            {"pagination": {"type": "none", "first_page_only": True}},
            "`pagination.first_page_only` skips most",
        ),
        ({"deletions": {"path": "p"}}, "deletions.every: is missing"),
        ({"deletions": {"every": "daily"}}, "deletions.every: not an ISO 8601 duration"),
        ({"deletions": {"every": "P1D", "parms": {}}}, "did you mean `params`?"),
        ({"deletions": {"every": "P1D", "params": {"a": "{{ confg.b }}"}}}, "the unknown name `confg`"),
        ({"params": {"from": "{{ stream_interval.start_time }}"}}, "a template reads `stream_interval`"),
        (
            {"deletions": {"every": "P1D", "params": {"p": "{{ next_page_token or 1 }}"}}},
            "no template of the endpoint itself",
        ),
        ({"path": "e/{{ stream_slice.start_time }}"}, "`deletions.params`"),
    ],
)
def test_what_it_needs_is_said_when_the_config_is_read(endpoint: dict[str, Any], said: str) -> None:
    """Every mistake is an error that names the setting."""
    with pytest.raises(ConfigError) as error:
        load(**endpoint)
    assert said in str(error.value)


def test_a_parameter_for_the_interval_may_be_left_out() -> None:
    """A template that reads the interval is no obstacle where a sweep has another value, or none."""
    params = {"from": "{{ stream_interval.start_time }}", "until": "{{ stream_interval.end_time }}"}
    endpoint = load(params=params, deletions={"every": "P1D", "params": {"from": "1970", "until": []}}).streams[0]
    assert endpoint.deletions
    assert sweep_endpoint.swept(endpoint, endpoint.deletions).params == {"from": "1970", "until": []}


def test_a_sweep_has_neither_cursor_nor_filters() -> None:
    """A sweep sees all rows, and applies only options that change keys."""
    endpoint = load(
        filter="record.a", filter_after="record.b", add_fields={"id": "x", "other": "y"}, rename_fields={"a": "b"}
    ).streams[0]
    assert endpoint.deletions
    swept = sweep_endpoint.swept(endpoint, endpoint.deletions)
    assert (swept.incremental, swept.deletions, swept.filter, swept.filter_after) == (None, None, None, None)
    assert (swept.add_fields, swept.rename_fields) == ({"id": "x"}, {"a": "b"})


def test_it_is_due_after_its_time() -> None:
    """Months are the calendar's. A sweep that is yet to come, by a clock that was put back, holds nothing up."""
    deletions = load(deletions={"every": "P1M"}).streams[0].deletions
    assert deletions
    last = datetime(2024, 1, 31, tzinfo=timezone.utc)
    assert not deletions.due(last, datetime(2024, 2, 28, 23, tzinfo=timezone.utc))
    assert deletions.due(last, datetime(2024, 2, 29, tzinfo=timezone.utc))
    assert deletions.due(last, datetime(2024, 1, 30, tzinfo=timezone.utc))
    assert not deletions.model_copy(update={"every": "P9000Y"}).due(last, datetime(2999, 1, 1, tzinfo=timezone.utc))

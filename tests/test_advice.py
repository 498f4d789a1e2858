"""Errors that say what to change: a key that is missing, a page that repeats, a time that the API no longer has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api import Connector
from tests.api import Answer
from tests.reading import Reading

if TYPE_CHECKING:
    from tests.api import Api

pytestmark = pytest.mark.usefixtures("no_proxy")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (
            "{{ customers.idd }}",
            "No record of `customers` has the field `idd`, which a template reads, did you mean `id`? Correct the name",
        ),
        ("{{ customers['nmae'] }}", "has the field `nmae`, which a template reads, did you mean `name`?"),
        (
            "{{ customers.zzz }}",
            "No record of `customers` has the field `zzz`, which a template reads. Correct the name",
        ),
        ("{{ customers.owner.lgoin }}", "has the field `owner.lgoin`, which a template reads, did you mean `login`?"),
        ("{{ customers.id }}/{{ config.start_date }}", "the config has no `start_date`: set it, or give a default"),
        ("{{ customers.id }}/{{ config['_regoin'] }}", "the config has no `_regoin`, did you mean `_region`? Set it"),
        ("{{ customers.id }}/{{ stream_interval.start_time }}", "set `incremental` and `start_date`"),
    ],
)
def test_a_key_that_is_missing_is_named_with_the_one_that_is_meant(api: Api, template: str, said: str) -> None:
    """No value is shown, and nothing is requested."""
    api.get("/customers")(lambda _: [{"id": 1, "name": "hush", "owner": {"login": "hush"}}])
    reading = Reading(api.url, {"name": "customers", "path": "customers"}, {"path": template}, _region="hush")
    assert said in str(reading.error)
    assert "hush" not in str(reading.error)
    assert len(api.requests) == 1


def test_a_page_that_repeats_the_first_says_that_the_parameter_is_ignored(api: Api) -> None:
    """If it was sent."""
    api.get("/items")(lambda _: [{"id": 1}, {"id": 2}])
    said = str(Reading(api.url, {"pagination": {"type": "page_number"}}).error)
    assert "The API seems to ignore `page`. Check `pagination.page_param`." in said


def test_a_page_that_repeats_a_later_one_does_not(api: Api) -> None:
    """The parameter is right, since the pages before differ; the end is not known."""
    api.get("/items")(lambda call: [{"id": min(int(call.arg("page")), 3)}])
    said = str(Reading(api.url, {"pagination": {"type": "page_number"}}).error)
    assert "page 4" in said.lower()
    assert "`stop_when`" in said
    assert "ignore" not in said


def test_a_token_in_a_template_alone_is_named(api: Api) -> None:
    """The parameter of `pagination` was not sent, so that the API cannot ignore it."""
    api.get("/items/{token}")(lambda _: {"items": [{"id": 1}], "next": "t"})
    paging = {"type": "cursor", "cursor_path": "next"}
    endpoint = {"path": "items/{{ next_page_token or 'first' }}", "records_path": "items", "pagination": paging}
    said = str(Reading(api.url, endpoint).error)
    assert (
        "The request did not have `cursor`. Check where the templates of the endpoint write `next_page_token`." in said
    )


@pytest.mark.parametrize(
    ("reason", "is_limit"),
    [
        ("startDate is outside of the retention of 90 days", True),
        ("start_date must not be older than 365 days", True),
        ("The date is too far in the past", True),
        ("only the last 30 days are available", True),
        ("sort must be one of id, name", False),
        ("limit must be less than 100", False),
    ],
)
def test_a_time_that_the_api_no_longer_has(api: Api, reason: str, is_limit: bool) -> None:
    """The advice is a later start, beside what was sent."""
    api.get("/items")(lambda _: Answer({"error": reason}, 400))
    incremental = {"cursor_field": "at", "start_param": "since"}
    said = str(Reading(api.url, {"incremental": incremental}, start_date="2020-01-01T00:00:00Z").error)
    assert "?since=2020-01-01" in said
    assert ("day_delta(-89" in said) == is_limit


@pytest.mark.parametrize(
    "changes",
    [
        {"snake_case": True},
        {"rename_fields": {"Day": "d"}},
        {"flatten": True},
        {"lower_case": True},
    ],
    ids=str,
)
def test_check_finds_a_cursor_that_add_fields_makes(api: Api, changes: dict[str, Any]) -> None:
    """It is never both missing and among the fields of the records."""
    api.get("/items")(lambda _: [{"id": 1, "Day": "2023-01-01"}])
    endpoint = {
        "name": "items",
        "path": "items",
        "primary_key": "id",
        **changes,
        "add_fields": {"Day": "2024-01-01"},
        "incremental": {"cursor_field": "Day", "mode": "server_filter"},
    }
    raw = {"url_base": api.url, "start_date": "2024-01-01T00:00:00Z", "endpoints": [endpoint]}
    [said] = Connector().session(raw).check()
    assert b"SUCCEEDED" in said


@pytest.mark.parametrize(
    ("reason", "advised"),
    [
        ("The time range specified is too large, it must be less than 186 days", True),
        ("Time window between min_created and max_created must be no more than 2678400 seconds (31 days).", True),
        ("the maximum number of days in the range of the `from` and `to` properties is 120 days", True),
        ("Start time and end time must be less than or equal to 24 hours apart", True),
        ("Unknown field `range`", False),
        ("The period is required", False),
    ],
)
def test_an_interval_that_is_too_long_leads_to_the_step(api: Api, reason: str, advised: bool) -> None:
    """The API's reason decides."""
    api.get("/items")(lambda _: Answer({"message": reason}, 400))
    error = Reading(api.url).error
    assert error is not None
    assert ("`incremental.step`" in error.message) is advised


def test_a_body_without_records_is_quoted_with_its_reason(api: Api) -> None:
    """Some APIs report errors by a code of their own, with a success status."""
    api.get("/items")(lambda _: {"code": 40002, "message": "Unknown advertiser.", "data": {}})
    error = Reading(api.url, {"records_path": "data.list"}).error
    assert error is not None
    assert "The API says: Unknown advertiser. Correct `records_path`" in error.message

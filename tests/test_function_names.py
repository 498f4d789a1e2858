"""Functions of templates and streams of the same name: a function stays one, and the error says what to rename."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from source_rest_api.config.loading import load
from source_rest_api.errors import ConfigError
from source_rest_api.templates import templates
from tests.reading import Reading

if TYPE_CHECKING:
    from tests.api import Api

pytestmark = pytest.mark.usefixtures("no_proxy")


@pytest.mark.parametrize(
    ("text", "functions"),
    [
        ("{{ duration.id }}", {"duration"}),
        ("{{ timestamp }}/{{ max }}", {"timestamp", "max"}),
        ("{{ now_utc() - duration('P1D') }}", set()),
        ("{{ max(1, 2) }}", set()),
        ("{% set max = 3 %}{{ max }}", set()),
        ("{{ config.duration }}", set()),
        ("duration", set()),
    ],
)
def test_a_function_that_is_not_called(text: str, functions: set[str]) -> None:
    """It is a value only where the template gave its name to one."""
    assert templates.functions_as_values(text) == functions


def test_a_parent_under_a_functions_name_is_an_error_that_says_what_to_rename() -> None:
    """Otherwise its children would be read once, for nobody."""
    child = {"name": "b", "path": "{{ duration.id }}"}
    with pytest.raises(ConfigError, match="`duration`, which is a function of templates; rename what is called"):
        load({"url_base": "https://h", "endpoints": [{"name": "duration", "path": "d"}, child]})
    with pytest.raises(ConfigError, match=r"`now_utc`, which is a function of templates; call it: `now_utc\(…\)`"):
        load({"url_base": "https://h", "endpoints": [{"name": "a", "path": "{{ now_utc }}"}]})


def test_a_stream_may_have_a_functions_name(api: Api) -> None:
    """By its longer name it is a parent too, and hides nothing."""
    api.get("/timestamp")(lambda _: [{"id": 7}])
    api.get("/7/60")(lambda _: [{"id": 1}])
    child = {"path": "{{ stream_partition.timestamp.id }}/{{ timestamp('1970-01-01T00:01:00Z') }}"}
    reading = Reading(api.url, {"name": "timestamp", "path": "timestamp"}, child)
    assert (reading.error, reading.records) == (None, [{"id": 1}])

"""Lists of values have one meaning, whichever way they are written."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from source_rest_api.config.endpoint import Endpoint


def lists(given: Any) -> list[dict[str, Any]]:
    """The lists of an endpoint, without what they leave out."""
    made = Endpoint.model_validate({"name": "a", "path": "/a", "partitions": given}).partitions
    return [of.model_dump(exclude_defaults=True) for of in made]


@pytest.mark.parametrize(
    ("short", "form"),
    [
        ({"repo": ["a", "b"]}, [{"name": "repo", "values": ["a", "b"]}]),
        ({"repo": "{{ config.repos }}"}, [{"name": "repo", "values": ["{{ config.repos }}"]}]),
        ({"year": [2023, 2024]}, [{"name": "year", "values": [2023, 2024]}]),
        ({"year": 2024}, [{"name": "year", "values": [2024]}]),
        (
            {"id": {"values": "{{ config.ids }}", "otherwise": "{{ users.id }}", "batch": 50}, "kind": ["x"]},
            [
                {"name": "id", "values": ["{{ config.ids }}"], "otherwise": ["{{ users.id }}"], "batch": 50},
                {"name": "kind", "values": ["x"]},
            ],
        ),
    ],
)
def test_both_spellings(short: Any, form: Any) -> None:
    """A file may have a mapping; the form gives an array of objects."""
    assert lists(short) == lists(form)
    assert [of["name"] for of in lists(short)] == [of["name"] for of in form]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"v": []}, "at least 1 item"),
        ({"v": [None]}, "must be texts, numbers, booleans, or templates"),
        ({"v": [["a"]]}, "must be texts, numbers"),
        ({"v": [{"a": 1}]}, "must be texts, numbers"),
        ({"v": ["{{ x"]}, "template error in line 1"),
        ({"v": {"values": ["a"], "batch": 0}}, "greater than 0"),
        ({"v": {"value": ["a"]}}, "Extra inputs"),
        ({"v w": ["a"]}, "should match pattern"),
        ([{"name": "v", "values": ["a"]}, {"name": "v", "values": ["b"]}], "two lists have the name `v`; rename one"),
        (["a", "b"], "valid dictionary"),
    ],
)
def test_what_is_no_list(given: Any, said: str) -> None:
    """It is reported with the config, not when the stream is read."""
    with pytest.raises(ValidationError, match=said):
        lists(given)

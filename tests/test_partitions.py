"""A parent's name in a template is the relation, and no two parent records that differ in it look the same."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_rest_api import config, partitions
from source_rest_api.config import Config
from source_rest_api.endpoint import Endpoint


def configured(**paths: str) -> Config:
    """A config with these endpoints, unchecked."""
    endpoints = [Endpoint(name=name, path=path) for name, path in paths.items()]
    return Config(url_base="https://h", endpoints=endpoints)


def parent(loaded: Config, name: str) -> str | None:
    """The name of an endpoint's parent."""
    found = partitions.parent_of(loaded, loaded.by_variable[name])
    return None if found is None else found.name


def problems(loaded: Config, name: str) -> list[str]:
    """What is wrong with an endpoint."""
    return list(partitions.problems(loaded, loaded.by_variable[name]))


def key(path: str, **records: Any) -> str:
    """The key of an endpoint's partition for these parents' records."""
    return partitions.partition(Endpoint(name="x", path=path), records).key


def test_a_stream_without_parent_has_one_partition() -> None:
    """Its key is empty."""
    loaded = configured(a="/a", b="/{{ config.x }}")
    assert parent(loaded, "a") is parent(loaded, "b") is None
    assert (partitions.Partition().key, partitions.Partition().records) == ("", {})
    assert problems(loaded, "a") == problems(loaded, "b") == []


def test_the_parent_is_whom_a_template_names() -> None:
    """Wherever the template stands: path, parameters, headers or body."""
    for place in (
        {"path": "/{{ orgs.id }}"},
        {"path": "/", "params": {"o": ["x", "{{ orgs.id }}"]}},
        {"path": "/", "headers": {"o": "{{ orgs.id }}"}},
        {"path": "/", "body": {"type": "json", "value": {"a": [{"b": "{{ orgs.id }}"}]}}},
    ):
        loaded = config.load(
            {"url_base": "https://h", "endpoints": [{"name": "orgs", "path": "/orgs"}, {"name": "child", **place}]}
        )
        assert parent(loaded, "child") == "orgs"


def test_grandparents_may_be_named_too() -> None:
    """The parent is the one that is below all others."""
    loaded = configured(
        a="/a", b="/{{ a.id }}", c="/{{ a.id }}/{{ b.id }}", d="/{{ a.id }}/{{ c.id }}", e="/{{ d.id }}{{ b.id }}"
    )
    assert {name: parent(loaded, name) for name in "abcde"} == {"a": None, "b": "a", "c": "b", "d": "c", "e": "d"}
    assert [problems(loaded, name) for name in "abcde"] == [[]] * 5


def test_two_parents_that_do_not_know_each_other() -> None:
    """A product of two streams is not offered, and that is said."""
    loaded = configured(a="/a", b="/b", c="/{{ a.id }}/{{ b.id }}")
    assert problems(loaded, "c") == ["its templates read `a`, `b`, none of which is a child of the others"]


@pytest.mark.parametrize(
    "paths",
    [
        {"a": "/{{ a.id }}"},
        {"a": "/{{ b.id }}", "b": "/{{ a.id }}"},
        {"a": "/{{ b.id }}", "b": "/{{ c.id }}", "c": "/{{ a.id }}"},
    ],
)
def test_cycles(paths: dict[str, str]) -> None:
    """Every stream of a cycle is told so; nothing runs for ever."""
    loaded = configured(**paths)
    for name in paths:
        assert problems(loaded, name) == ["its templates make it a parent of itself"]


def test_a_child_of_a_cycle_is_not_in_it() -> None:
    """The error is where the mistake is."""
    loaded = configured(a="/{{ b.id }}", b="/{{ a.id }}", c="/{{ a.id }}")
    assert problems(loaded, "c") == []


def test_names_with_other_characters() -> None:
    """Templates know `my-repos` as `my_repos`."""
    loaded = configured(**{"my-repos": "/r", "issues": "/{{ my_repos.id }}"})
    assert parent(loaded, "issues") == "my-repos"
    assert problems(configured(**{"my-repos": "/r", "issues": "/{{ my_repo.id }}"}), "issues") == [
        "a template reads the unknown name `my_repo`, did you mean `my_repos`?"
    ]


@pytest.mark.parametrize(
    ("path", "record", "used"),
    [
        ("/{{ r.id }}", {"id": 7, "x": 1}, {"r.id": 7}),
        ("/{{ r.owner.login }}", {"owner": {"login": "me"}}, {"r.owner.login": "me"}),
        ("/{{ r['a.b'] }}", {"a.b": 1}, {"r.a.b": 1}),
        ("/{{ r.b }}/{{ r.a }}", {"a": 1, "b": 2}, {"r.a": 1, "r.b": 2}),
        ("/{{ r.id }}", {"id": 12345678901234567890123}, {"r.id": 12345678901234567890123}),
        ("/{{ r.x | default('y') }}", {"id": 1}, {"r.x": None}),
        ("/{{ r.owner.x | default('y') }}", {"owner": None}, {"r.owner.x": None}),
        ("/{{ r.tags[1] }}", {"tags": ["a", "b"]}, {"r.tags.1": "b"}),
        ("/{{ r.tags[0].id }}", {"tags": [{"id": 5}]}, {"r.tags.0.id": 5}),
        ("/{{ r.tags[0] | default('y') }}", {"tags": []}, {"r.tags.0": None}),
        # what a method is called on counts, or all records would be the same
        ("/{{ r.name.upper() }}", {"name": "a", "x": 1}, {"r.name.upper": "a"}),
        ("/{{ r.get('id') }}", {"id": 1}, {"r.get": {"id": 1}}),
        ("/{{ r.items }}", {"items": "i"}, {"r.items": "i"}),
        ("/{{ r.tags.index('a') }}", {"tags": ["a"]}, {"r.tags.index": ["a"]}),
        ("/{{ r.name[:3] }}", {"name": "abcdef"}, {"r.name": "abcdef"}),
    ],
)
def test_the_key_is_what_the_templates_use(path: str, record: dict[str, Any], used: dict[str, Any]) -> None:
    """The fields of the parent that are read, in a fixed order, and no others."""
    assert json.loads(key(path, r=record)) == used


def test_the_key_counts_all_parents() -> None:
    """A grandparent's field that is used is a part of it, an unused one is not."""
    records = {"o": {"id": 1}, "r": {"id": 2}}
    assert json.loads(key("/{{ o.id }}/{{ r.id }}", **records)) == {"o.id": 1, "r.id": 2}
    assert json.loads(key("/{{ r.id }}", **records)) == {"r.id": 2}


def test_the_key_does_not_depend_on_order() -> None:
    """State of the last sync is found again, whatever the order of keys in the API's answer."""
    assert key("/{{ r.a }}", r={"a": {"x": 1, "y": 2}}) == key("/{{ r.a }}", r={"a": {"y": 2, "x": 1}})


VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False, allow_infinity=False)


@given(VALUES, VALUES)
def test_different_values_have_different_keys(one: object, other: object) -> None:
    """Two parents whose requests differ are two partitions: `1`, `"1"` and `true` are not the same."""
    same = one == other and type(one) is type(other)
    if not same and str(one) != str(other):
        assert key("/{{ r.id }}", r={"id": one}) != key("/{{ r.id }}", r={"id": other})


def test_decimals_keep_their_digits() -> None:
    """An id that looks like a decimal is not rounded."""
    assert "0.12345678901234567890123" in key("/{{ r.id }}", r={"id": Decimal("0.12345678901234567890123")})


def test_what_is_copied_tells_partitions_apart() -> None:
    """Two parents with the same path below them are both read if their copied fields differ."""
    endpoint = Endpoint(name="c", path="/{{ p.tag }}", include_from_parent={"owner": "owner.id"})
    keys = {partitions.partition(endpoint, {"p": {"tag": "x", "owner": {"id": n}}}).key for n in (1, 2)}
    assert keys == {'{"p.owner.id":1,"p.tag":"x"}', '{"p.owner.id":2,"p.tag":"x"}'}

"""Errors in partitions are reported before anything is read, and say what to change."""

from __future__ import annotations

from typing import Any

import pytest

from source_rest_api.config import template_checks
from tests.test_relations import configured


def problems(name: str, *endpoints: dict[str, Any], **paths: str) -> list[str]:
    """Returns the problems of an endpoint."""
    loaded = configured(*endpoints, **paths)
    return list(template_checks.problems(loaded, loaded.by_variable[name]))


def test_nothing_is_wrong() -> None:
    """Parents over many steps, and lists from config and streams."""
    paths = {"a": "/a", "b": "/{{ a.id }}", "c": "/{{ a.id }}/{{ b.id }}/{{ config.x }}", "d": "/{{ c.id }}{{ a.id }}"}
    assert [problems(name, **paths) for name in paths] == [[]] * len(paths)
    lists = {"v": ["x", "{{ config.v }}", "{{ d.id }}"], "w": ["{{ b.id }}"], "own": "{{ a.members + [v] }}"}
    child = {"name": "e", "path": "/{{ v }}/{{ w }}/{{ own }}", "partitions": lists}
    assert problems("e", child, **paths) == []


def test_two_parents_that_do_not_know_each_other() -> None:
    """A product of two streams must be declared, and the error says how."""
    [problem] = problems("c", a="/a", b="/b", c="/{{ a.id }}/{{ b.id }}")
    assert problem.startswith("its templates read `a`, `b`, but none of these is a child of the others; to combine")
    combined = {"name": "c", "path": "/{{ a.id }}/{{ b_id }}", "partitions": {"b_id": "{{ b.id }}"}}
    assert problems("c", combined, a="/a", b="/b") == []


@pytest.mark.parametrize(
    "paths",
    [
        {"a": "/{{ a.id }}"},
        {"a": "/{{ b.id }}", "b": "/{{ a.id }}"},
        {"a": "/{{ b.id }}", "b": "/{{ c.id }}", "c": "/{{ a.id }}"},
    ],
)
def test_cycles(paths: dict[str, str]) -> None:
    """Every stream of a cycle gets an error; nothing runs forever."""
    for name in paths:
        assert problems(name, **paths) == [
            "its templates make it a parent of itself; remove the template that closes the cycle"
        ]


def test_a_cycle_through_a_list() -> None:
    """A list that is filled from a child of the stream cannot be."""
    own = {"name": "a", "path": "/{{ v }}", "partitions": {"v": ["x", "{{ b.id }}"]}}
    assert problems("a", own, b="/{{ a.id }}") == [
        "its templates make it a parent of itself; remove the template that closes the cycle"
    ]


def test_a_child_of_a_cycle_is_not_in_it() -> None:
    """The error is where the mistake is."""
    assert problems("c", a="/{{ b.id }}", b="/{{ a.id }}", c="/{{ a.id }}") == []


def test_unknown_names() -> None:
    """The nearest known one is offered."""
    paths = {"my-repos": "/r", "issues": "/{{ my_repo.id }}"}
    assert problems("issues", **paths) == ["a template reads the unknown name `my_repo`, did you mean `my_repos`?"]
    listed = {"name": "x", "path": "/{{ repo }}", "partitions": {"repos": ["a"]}}
    assert problems("x", listed) == [
        "a template reads the unknown name `repo`, did you mean `repos`?",
        "partitions.repos: no template reads it; write `{{ repos }}` where the value belongs",
    ]


@pytest.mark.parametrize(
    ("child", "said"),
    [
        ({"path": "/x", "partitions": {"v": ["a"]}}, "partitions.v: no template reads it; write `{{ v }}`"),
        ({"path": "/{{ a }}", "partitions": {"a": ["a"]}}, "partitions.a: this name is reserved, or already"),
        ({"path": "/{{ max }}", "partitions": {"max": ["a"]}}, "partitions.max: this name is reserved"),
        ({"path": "/{{ config }}", "partitions": {"config": ["a"]}}, "partitions.config: this name is reserved"),
        ({"path": "/{{ c.id }}/{{ w }}", "partitions": {"w": ["a"]}}, "partitions.w: this name is reserved, or"),
        (
            {"path": "/{{ v }}", "partitions": {"v": ["{{ nobody.id }}"]}},
            "partitions.v: a template reads the unknown name `nobody`",
        ),
        (
            {"path": "/{{ v }}/{{ u }}", "partitions": {"v": ["{{ u }}"], "u": ["x"]}},
            "partitions.v: a template reads the unknown name `u`",
        ),
        (
            {"path": "/{{ v }}", "partitions": {"v": ["{{ stream_interval.start_time }}"]}},
            "partitions.v: a template reads the unknown name `stream_interval`",
        ),
        (
            {"path": "/{{ v }}", "partitions": {"v": ["{{ a.id ~ other.id }}"]}},
            "partitions.v: a template reads `a`, `other`, but none of these is a child of the others; read only one",
        ),
        (
            {"path": "/{{ a.id }}/{{ v }}", "partitions": {"v": ["{{ b.id }}"]}},
            "partitions.v: `b` and the endpoint both descend from `a`: read `b` in the endpoint's own templates",
        ),
        (
            {"path": "/{{ v | join }}", "partitions": {"v": {"values": ["a"], "batch": 2}},
             "include_from_parent": {"x": "v"}},
            "include_from_parent.x: `v` is read in batches, so the value of a single record is unknown",
        ),
        (
            {"path": "/{{ v }}", "partitions": {"v": ["a"]}, "include_from_parent": {"x": "other.id"}},
            "include_from_parent.x: no template of the endpoint reads a parent stream, and no list is named",
        ),
    ],
)  # fmt: skip
def test_lists(child: dict[str, Any], said: str) -> None:
    """Names that are taken or lead nowhere, values that nothing reads, relations with two readings."""
    above = {"name": "c", "path": "/{{ w }}", "partitions": {"w": ["a"]}}
    found = problems("x", {"name": "x", **child}, above, a="/a", b="/{{ a.id }}", other="/o")
    assert said in [problem[: len(said)] for problem in found]


@pytest.mark.parametrize("name", ["v", "stream_partition.v", "stream_slice.v"])
def test_a_value_is_read_by_any_name(name: str) -> None:
    """`stream_partition.v`, as the CDK has it, is the same as `v`."""
    assert problems("x", {"name": "x", "path": "/{{ " + name + " }}", "partitions": {"v": ["a"]}}) == []

"""A parent's name in a template is the relation."""

from __future__ import annotations

from typing import Any

import pytest

from source_rest_api.config import loading, stream_references
from source_rest_api.config.config import Config


def configured(*endpoints: dict[str, Any], **paths: str) -> Config:
    """A config with these endpoints, unchecked."""
    named = [{"name": name, "path": path} for name, path in paths.items()]
    return loading.validated({"url_base": "https://h", "endpoints": [*named, *endpoints]}, Config)


def parent(loaded: Config, name: str) -> str | None:
    """The name of an endpoint's parent."""
    found = stream_references.parent_of(loaded, loaded.by_variable[name])
    return None if found is None else found.name


def test_a_stream_without_parent() -> None:
    """Templates of the config make no relation."""
    loaded = configured(a="/a", b="/{{ config.x }}")
    assert parent(loaded, "a") is parent(loaded, "b") is None


@pytest.mark.parametrize("reference", ["orgs.id", "stream_partition.orgs.id", "stream_slice['orgs']['id']"])
def test_the_parent_is_whom_a_template_names(reference: str) -> None:
    """Wherever the template stands: path, parameters, headers or body; and by the CDK's name for all parents."""
    hole = "{{ " + reference + " }}"
    for place in (
        {"path": f"/{hole}"},
        {"path": "/", "params": {"o": ["x", hole]}},
        {"path": "/", "headers": {"o": hole}},
        {"path": "/", "body": {"type": "json", "value": {"a": [{"b": hole}]}}},
    ):
        loaded = configured({"name": "child", **place}, orgs="/orgs")
        assert parent(loaded, "child") == "orgs"
        assert stream_references.fields_for_children(loaded, loaded.streams[0]) == frozenset({"id"})


def test_grandparents_may_be_named_too() -> None:
    """The parent is the one that is below all others."""
    loaded = configured(
        a="/a", b="/{{ a.id }}", c="/{{ a.id }}/{{ b.id }}", d="/{{ a.id }}/{{ c.id }}", e="/{{ d.id }}{{ b.id }}"
    )
    assert {name: parent(loaded, name) for name in "abcde"} == {"a": None, "b": "a", "c": "b", "d": "c", "e": "d"}
    assert {other.name for other in stream_references.family_of(loaded, loaded.by_variable["e"])} == set("abcd")


def test_names_with_other_characters() -> None:
    """Templates know `my-repos` as `my_repos`."""
    assert parent(configured(**{"my-repos": "/r", "issues": "/{{ my_repos.id }}"}), "issues") == "my-repos"


@pytest.mark.parametrize(
    ("child", "fields"),
    [
        ({"path": "/{{ p.id }}/{{ p.owner.login }}"}, ["id", "owner"]),
        ({"path": "/{{ p['a.b'] }}"}, ["a.b"]),
        (
            {"path": "/{{ p.id }}", "include_from_parent": {"x": "stars", "y": "p.owner.id"}},
            ["id", "owner", "owner.id", "stars"],
        ),
        ({"path": "/x", "params": {"v": "{{ v }}"}, "partitions": {"v": "{{ p.members }}"}}, ["members"]),
        ({"path": "/{{ p.get('id') }}"}, None),
        ({"path": "/{{ p.items }}"}, None),
        ({"path": "/{{ p.id }}", "headers": {"P": "{{ p | tojson }}"}}, None),
        ({"path": "/{{ p.id }}", "headers": {"P": "{{ stream_partition | tojson }}"}}, None),
        ({"path": "/x"}, []),
    ],
)
def test_what_children_use_of_a_parent(child: dict[str, Any], fields: list[str] | None) -> None:
    """The fields that templates, copies and lists name; all fields if that is unknown."""
    loaded = configured({"name": "c", **child}, p="/p")
    found = stream_references.fields_for_children(loaded, loaded.by_variable["p"])
    assert (found if found is None else sorted(found)) == fields


def test_what_grandchildren_use_counts() -> None:
    """A field that only a stream further below names is kept too, and one that no stream names is not."""
    loaded = configured(a="/a", b="/{{ a.id }}", c="/{{ b.id }}/{{ a.name }}")
    assert stream_references.fields_for_children(loaded, loaded.by_variable["a"]) == frozenset({"id", "name"})


def test_copies() -> None:
    """A path is read in the parent's record, unless it begins with the name of a list or of a stream above."""
    child = {"name": "c", "path": "/{{ b.id }}/{{ v }}", "partitions": {"v": [1]}}
    paths = {"own": "owner.id", "parent": "b.owner", "above": "a.id", "value": "v"}
    loaded = configured({**child, "include_from_parent": paths}, a="/a", b="/{{ a.id }}")
    assert stream_references.copies(loaded, loaded.by_variable["c"]) == {
        "own": ("b", "owner", "id"),
        "parent": ("b", "owner"),
        "above": ("a", "id"),
        "value": ("v",),
    }


def test_lists_of_streams_above_are_known_below() -> None:
    """A child may name the value that its parent was read for."""
    issues = {"name": "issues", "path": "/{{ repo }}/issues", "partitions": {"repo": ["a"]}}
    loaded = configured(issues, comments="/{{ repo }}/{{ issues.id }}")
    assert list(stream_references.lists_of(loaded, loaded.by_variable["comments"])) == ["repo"]

"""A record is opened along a path, and nowhere else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from source_rest_api.formats import raw_json
from source_rest_api.records import tree as record_tree

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=3), JSON), st.lists(st.sampled_from(["*", "a", "0"]), min_size=1, max_size=3))
def test_looking_changes_nothing(record: dict[str, Any], path: list[str]) -> None:
    """Whatever is opened on the way."""
    tree = raw_json.fields(Raw(json.dumps(record).encode()))
    list(record_tree.places(tree, tuple(path)))
    assert json.loads(bytes(record_tree.raw(tree))) == record


@pytest.mark.parametrize("path", ["a", "o.x", "o.a.b", "list.0", "list.-1.y", "a.b.c"])
def test_a_path_leads_where_selectors_find_it(path: str) -> None:
    """Keys with dots, and indexes."""
    record = Raw(b'{"a":1,"o":{"x":2,"a.b":3},"list":[4,{"y":5}],"a.b":{"c":6}}')
    [(holder, key)] = record_tree.places(raw_json.fields(record), tuple(path.split(".")))
    assert holder[key] == raw_json.find(record, path.split("."))


def test_what_is_not_looked_into_stays_undecoded() -> None:
    """The values beside the path are the bytes that came."""
    tree = raw_json.fields(Raw(b'{"a":{"b": 1.0},"c":{"d": 2.0}}'))
    list(record_tree.places(tree, ("a", "b")))
    assert isinstance(tree["c"], Raw)
    assert bytes(record_tree.raw(tree)) == b'{"a":{"b":1.0},"c":{"d": 2.0}}'

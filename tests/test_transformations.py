"""Fields are removed, renamed, flattened and renamed to snake case; two fields never end up in one place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Raw

from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json
from source_rest_api.records import tree as record_tree
from source_rest_api.records.field_names import snake_case
from source_rest_api.records.options import RecordOptions
from source_rest_api.records.transformations import Reshaping

ROW = {"id": 1, "owner": {"login": "ann", "tags": [{"a": 1, "b": 2}, {"a": 3}]}, "a.b": {"c": 4}, "n": None, "e": {}}


def reshaped(record: Any, **options: Any) -> Any:
    """Reshape, and decode."""
    tree = raw_json.fields(Raw(json.dumps(record).encode()))
    return json.loads(bytes(record_tree.raw(Reshaping.model_validate(options).apply(tree))))


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ("id", {key: value for key, value in ROW.items() if key != "id"}),
        (["id", "owner", "a.b", "n", "e"], {}),
        ("a.b.c", {**ROW, "a.b": {}}),
        ("owner.tags.*.a", {**ROW, "owner": {"login": "ann", "tags": [{"b": 2}, {}]}}),
        ("owner.tags.*", {**ROW, "owner": {"login": "ann", "tags": []}}),
        ("owner.tags.0", {**ROW, "owner": {"login": "ann", "tags": [{"a": 3}]}}),
        ("owner.*", {**ROW, "owner": {}}),
        ("*", {}),
        ("**.a", {**ROW, "owner": {"login": "ann", "tags": [{"b": 2}, {}]}}),
        ("**.c", {**ROW, "a.b": {}}),
        ("owner.**.b", {**ROW, "owner": {"login": "ann", "tags": [{"a": 1}, {"a": 3}]}}),
        ("**.tags.*.a", {**ROW, "owner": {"login": "ann", "tags": [{"b": 2}, {}]}}),
        (["**.id", "**.owner", "**.a\\.b", "**.n", "**.e"], {}),
        ("a\\.b.c", {**ROW, "a.b": {}}),
        (["missing", "**.missing", "id.deeper", "n.x", "owner.tags.7", "owner.tags.x", "*.*.*.z"], ROW),
    ],
)
def test_remove_fields(paths: Any, expected: Any) -> None:
    """Where a path leads is left out; where it leads to nothing, nothing happens."""
    assert reshaped(ROW, remove_fields=paths) == expected


@pytest.mark.parametrize(
    ("names", "record", "expected"),
    [
        ({"a": "b"}, {"a": 1, "c": 2}, {"b": 1, "c": 2}),
        ({"a": "b", "b": "a"}, {"a": 1, "b": 2}, {"b": 1, "a": 2}),
        ({"o.x": "y"}, {"o": {"x": 1}}, {"o": {}, "y": 1}),
        ({"x": "o.y"}, {"o": None, "x": 1}, {"o": {"y": 1}}),
        ({"missing": "y"}, {"x": 1}, {"x": 1}),
        ({"x": r"a\.b"}, {"x": 1}, {"a.b": 1}),
        ({r"a\.b": "a.b"}, {"a.b": 1, "a": {}}, {"a": {"b": 1}}),
        ({"a.b": r"o.c\.d"}, {"a.b": 1}, {"o": {"c.d": 1}}),
    ],
)
def test_rename_fields(names: Any, record: Any, expected: Any) -> None:
    """Fields are renamed at the same time, and moved into objects and out of them."""
    assert reshaped(record, rename_fields=names) == expected


@pytest.mark.parametrize(
    ("option", "record", "expected"),
    [
        (True, {"a": {"b": {"c": 1}}, "d": [{"e": 1}]}, {"a_b_c": 1, "d": [{"e": 1}]}),
        (True, {"a": {}, "b": None}, {"a": {}, "b": None}),
        (False, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"separator": "."}, {"a": {"b": 1}}, {"a.b": 1}),
        ({"depth": 1}, {"a": {"b": {"c": 1}}}, {"a_b": {"c": 1}}),
        ({"prefix": False}, {"a": {"b": {"c": 1}}, "d": 2}, {"c": 1, "d": 2}),
        (
            {"paths": "a", "prefix": False, "depth": 1},
            {"a": {"b": {"c": 1}}, "d": {"e": 2}},
            {"b": {"c": 1}, "d": {"e": 2}},
        ),
        (
            {"paths": ["a.b", "d.*.e"]},
            {"a": {"b": {"c": 1}}, "d": [{"e": {"f": 1}}]},
            {"a": {"b_c": 1}, "d": [{"e_f": 1}]},
        ),
        ({"paths": "missing"}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"paths": "a", "prefix": False, "keep": True}, {"a": {"b": 1}, "d": {}}, {"a": {"b": 1}, "b": 1, "d": {}}),
        ({"paths": "d.a", "keep": True}, {"d": {"a": {"b": 1}}}, {"d": {"a": {"b": 1}, "a_b": 1}}),
    ],
)
def test_flatten(option: Any, record: Any, expected: Any) -> None:
    """Objects become fields of what is around them, all or those at a path; arrays stay, and so do empty objects."""
    assert reshaped(record, flatten=option) == expected


@pytest.mark.parametrize(
    ("options", "record", "expected"),
    [
        ({"unwrap": "a"}, {"a": {"x": 1.0}, "b": 2}, {"x": 1.0}),
        ({"unwrap": "a.b"}, {"a": {"b": {"x": 1}}}, {"x": 1}),
        ({"unwrap": "a"}, {"a": {}, "b": 2}, {}),
        ({"unwrap": "a"}, {"a": None, "b": 2}, {"a": None, "b": 2}),
        ({"unwrap": "a"}, {"a": [1], "b": 2}, {"a": [1], "b": 2}),
        ({"unwrap": "a"}, {"b": 2}, {"b": 2}),
        (
            {"unwrap": "a", "rename_fields": {"id": "a.id"}, "flatten": True},
            {"id": 1, "a": {"o": {"x": 1}}},
            {"o_x": 1, "id": 1},
        ),
        (
            {"replace_in_names": {" ": "_", "-": ""}},
            {"a b": {"c-d": [{"e f": "g h"}]}},
            {"a_b": {"cd": [{"e_f": "g h"}]}},
        ),
        ({"lower_case": True}, {"Ab": {"Cd": 1}, "É": 2}, {"ab": {"Cd": 1}, "é": 2}),
        ({"lower_case": True, "replace_in_names": {"b": "C"}}, {"Ab": 1}, {"ac": 1}),
    ],
)
def test_unwrap_and_names(options: Any, record: Any, expected: Any) -> None:
    """An object becomes the record, and names change by rule."""
    assert reshaped(record, **options) == expected


def test_names_that_meet() -> None:
    """Are an error."""
    for options in ({"lower_case": True}, {"replace_in_names": {"A": "a"}}):
        with pytest.raises(ConfigError, match="two fields the name `a`"):
            reshaped({"A": 1, "a": 2}, **options)


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"unwrap": "o"}, ("a",)),
        ({"unwrap": "other"}, None),
        ({"unwrap": "o", "lower_case": True}, ("a",)),
        ({"unwrap": "n", "rename_fields": {"o.a": "n.B"}}, ("B",)),
        ({"flatten": {"paths": "o", "prefix": False, "keep": True}}, ("o", "a")),
        ({"replace_in_names": {"a": "x"}}, ("o", "x")),
        ({"remove_fields": "**.a"}, None),
    ],
)
def test_the_place_of_a_field(options: Any, place: Any) -> None:
    """A cursor field is found in emitted records, or known to be removed."""
    assert Reshaping.model_validate(options).place(("o", "a")) == place


@pytest.mark.parametrize(
    "options",
    [
        {"remove_fields": "a.**"},
        {"remove_fields": "**.a.**.b"},
        {"rename_fields": {"**.a": "b"}},
        {"flatten": {"keep": True}},
    ],
)
def test_shapes_that_mean_nothing(options: Any) -> None:
    """Are refused."""
    with pytest.raises(ValueError, match=r"must|may|name them"):
        Reshaping.model_validate(options)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("createdAt", "created_at"),
        ("CreatedAt", "created_at"),
        ("created_at", "created_at"),
        ("Created at", "created_at"),
        ("created-at", "created_at"),
        ("HTTPServerURL", "http_server_url"),
        ("userID", "user_id"),
        ("ID", "id"),
        ("sha256Hash", "sha256_hash"),
        ("address1", "address1"),
        ("_id", "_id"),
        ("@odata.nextLink", "odata_next_link"),
        ("größteZahl", "größte_zahl"),
        ("", ""),
        ("$", "$"),
    ],
)
def test_snake_case(name: str, expected: str) -> None:
    """Words are found by their capitals and by what is no letter or digit."""
    assert snake_case(name) == expected


def test_snake_case_is_for_all_depths() -> None:
    """Objects in objects and in arrays."""
    row = {"aB": {"cD": [{"eF": [1, {"gH": None}]}]}}
    assert reshaped(row, snake_case=True) == {"a_b": {"c_d": [{"e_f": [1, {"g_h": None}]}]}}


@pytest.mark.parametrize(
    ("record", "options", "message"),
    [
        ({"a": 1, "b": 2}, {"rename_fields": {"a": "b"}}, "`rename_fields` would overwrite the record's field `b`"),
        ({"a": 1, "b": 2}, {"rename_fields": {"a": "b.c"}}, "`rename_fields` cannot set `b.c`: `b` is not an object"),
        ({"a_b": 1, "a": {"b": 2}}, {"flatten": True}, "`flatten` would give two fields the name `a_b`. Set another"),
        (
            {"b": 1, "a": {"b": 2}},
            {"flatten": {"prefix": False}},
            "the name `b`. Set another `flatten.separator`, or `pre",
        ),
        ({"aB": 1, "a_b": 2}, {"snake_case": True}, "`snake_case` would give two fields the name `a_b`"),
    ],
)
def test_two_fields_in_one_place_are_an_error(record: Any, options: Any, message: str) -> None:
    """Nothing is overwritten, and the error says what to set."""
    with pytest.raises(ConfigError, match=message):
        reshaped(record, **options)


def test_where_a_field_stands_afterwards() -> None:
    """The destination has to be told the new name of the cursor."""
    reshaping = Reshaping.model_validate(
        {"rename_fields": {"m.at": "m.changedAt"}, "flatten": True, "snake_case": True}
    )
    assert reshaping.place(("m", "at")) == ("m_changed_at",)
    assert Reshaping.model_validate({"remove_fields": "m"}).place(("m", "at")) is None
    assert Reshaping().place(("m", "at")) == ("m", "at")


def test_a_removal_by_condition_takes_nothing_off_delete_records() -> None:
    """They have no values to judge by, and the destination needs their keys."""
    options = RecordOptions(reshaping=Reshaping(remove_fields=(("id",),), lower_case=True), remove_when="value == ''")
    kept = options.without_templates()
    assert (kept.remove_when, kept.reshaping) == (None, Reshaping(lower_case=True))
    always = RecordOptions(reshaping=Reshaping(remove_fields=(("id",),)))
    assert always.without_templates() == always

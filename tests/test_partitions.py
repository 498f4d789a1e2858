"""The partitions of a stream: each combination of parents' records and values once, with distinct keys."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from source_rest_api.read_stats import ReadStats
from source_rest_api.streams.batch import Partition
from source_rest_api.streams.partitions import Partitions
from tests.reading import Reading
from tests.test_relations import configured

if TYPE_CHECKING:
    from tests.api import Api, Call

pytestmark = pytest.mark.usefixtures("no_proxy")


def partition(path: str, records: dict[str, Any], **settings: Any) -> Partition:
    """The partition of an endpoint for these parents' records, of which each knows those before it."""
    names = list(records)
    above = {name: "/" + "".join(f"{{{{ {other}.id }}}}" for other in names[:n]) for n, name in enumerate(names)}
    loaded = configured({"name": "x", "path": path, **settings}, **above)
    return Partitions(loaded, loaded.by_variable["x"], {}, None, ReadStats()).partition(records)  # type: ignore[arg-type]


def key(path: str, **records: Any) -> str:
    """Its key."""
    return partition(path, records).key


def test_a_stream_without_parent_has_one_partition() -> None:
    """Its key is empty."""
    loaded = configured(a="/a")
    only = Partitions(loaded, loaded.streams[0], {}, None, ReadStats())  # type: ignore[arg-type]
    assert list(only) == [Partition()] == [Partition({}, "", {})]


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
        ("/{{ stream_partition.r.id }}", {"id": 7, "x": 1}, {"r.id": 7}),
        ("/{{ r.id }}?{{ stream_partition | tojson }}", {"id": 7}, {"r": {"id": 7}, "r.id": 7}),
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


def test_a_credential_of_the_parent_is_no_part_of_the_key() -> None:
    """It changes from sync to sync, and a state has no secrets. The parent's primary key tells partitions apart."""
    page = {"name": "pages", "path": "/pages", "primary_key": "id"}
    posts = {"name": "x", "path": "/{{ pages.id }}", "params": {"access_token": "{{ pages.token }}"}}

    def made(**parent: Any) -> str:
        loaded = configured(posts, {**page, **parent})
        partitions = Partitions(loaded, loaded.by_variable["x"], {}, None, ReadStats())  # type: ignore[arg-type]
        return partitions.partition({"pages": {"id": 7, "token": "hush"}}).key

    assert made() == '{"pages.id":7}'
    assert "hush" in made(primary_key="other")


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
    copies = {"include_from_parent": {"owner": "owner.id"}}
    found = [partition("/{{ p.tag }}", {"p": {"tag": "x", "owner": {"id": n}}}, **copies) for n in (1, 2)]
    assert [each.key for each in found] == ['{"p.owner.id":1,"p.tag":"x"}', '{"p.owner.id":2,"p.tag":"x"}']
    assert [each.copies for each in found] == [{"owner": 1}, {"owner": 2}]


def asked(api: Api, *endpoints: dict[str, Any], **config: Any) -> list[str]:
    """The requests to `/items` for the last endpoint."""

    @api.get("/items")
    def items(call: Call) -> Any:
        return [{"target": call.target}]

    reading = Reading(api.url, *endpoints, **config)
    assert reading.error is None
    return [record["target"].removeprefix("/items") for record in reading.records]


def test_a_stream_is_read_for_each_value(api: Api) -> None:
    """Once, in their order, whatever is in them."""
    values = ["a", "b c", "a", "ü/&=", 5, True, 1.5]
    found = asked(api, {"params": {"v": "{{ v }}"}, "partitions": {"v": values}})
    assert found == ["?v=a", "?v=b%20c", "?v=%C3%BC%2F%26%3D", "?v=5", "?v=true", "?v=1.5"]


@pytest.mark.parametrize("value", ["a b", "a/b", "../x", "é☃", "a?b#c", "%2e%2e", "//127.0.0.2/x", "+"])
def test_a_value_is_one_segment_of_the_path(api: Api, value: str) -> None:
    """It is encoded like a parent's id."""
    api.get("/{v}/items")(lambda call: [{"of": call.path_params["v"]}])
    assert Reading(api.url, {"path": "/{{ v }}/items", "partitions": {"v": [value]}}).records == [{"of": value}]


def test_lists_from_the_config(api: Api) -> None:
    """A template that gives a list stands for its items, beside other values; it must handle a missing list."""
    # the config's own keys are the form's, so a list of a connector's own stands where its subclass has it
    endpoint = {"params": {"v": "{{ v }}"}, "partitions": {"v": ["x", "{{ config.params.ids.split() }}"]}}
    assert asked(api, endpoint, params={"ids": "1 2"}) == ["?ids=1%202&v=x", "?ids=1%202&v=1", "?ids=1%202&v=2"]
    empty = {"params": {"v": "{{ v }}"}, "partitions": {"v": "{{ config.nothing or [] }}"}}
    assert asked(api, empty) == []


def test_products(api: Api) -> None:
    """Each with each, the last name fastest; a later list may read the value of an earlier one."""
    lists = {"a": ["x", "y"], "b": [1, 2], "c": "{{ [a ~ b] }}"}
    endpoint = {"params": {"a": "{{ a }}", "b": "{{ stream_partition.b }}", "c": "{{ c }}"}, "partitions": lists}
    found = asked(api, endpoint)
    assert found == ["?a=x&b=1&c=x1", "?a=x&b=2&c=x2", "?a=y&b=1&c=y1", "?a=y&b=2&c=y2"]


REPOS = {"name": "repos", "path": "repos"}


def test_products_with_parents(api: Api) -> None:
    """A parent's records with a list, and with the records of another stream."""
    api.get("/repos")(lambda _: [{"id": 1}, {"id": 2}])
    api.get("/users")(lambda _: [{"name": "u"}, {"name": "v"}])
    users = {"name": "users", "path": "users"}
    params = {"r": "{{ repos.id }}", "u": "{{ user }}", "s": "{{ s }}"}
    endpoint = {"params": params, "partitions": {"user": "{{ users.name }}", "s": ["x"]}}
    assert asked(api, REPOS, users, endpoint) == [f"?r={r}&u={u}&s=x" for r in (1, 2) for u in "uv"]
    assert sorted(call.path for call in api.requests if call.path != "/items") == ["/repos", "/users"]


def test_unions(api: Api) -> None:
    """Values of several streams and lists, each once."""
    api.get("/mine")(lambda _: [{"id": 1}, {"id": 2}])
    api.get("/theirs")(lambda _: [{"id": 2}, {"id": 3}])
    mine, theirs = {"name": "mine", "path": "mine"}, {"name": "theirs", "path": "theirs"}
    endpoint = {"params": {"v": "{{ v }}"}, "partitions": {"v": ["{{ mine.id }}", 3, "{{ theirs.id }}", 4]}}
    assert asked(api, mine, theirs, endpoint) == ["?v=1", "?v=2", "?v=3", "?v=4"]


@pytest.mark.parametrize(("given", "expected", "parents"), [("7", ["?v=7"], 0), ("", ["?v=1", "?v=2"], 1)])
def test_ids_from_the_config_else_from_a_parent(api: Api, given: str, expected: list[str], parents: int) -> None:
    """If the config lists ids, the parent is not read."""
    api.get("/repos")(lambda _: [{"id": 1}, {"id": 2}])
    values = {"values": "{{ config.headers.Ids.split() }}", "otherwise": "{{ repos.id }}"}
    endpoint = {"params": {"v": "{{ v }}"}, "partitions": {"v": values}}
    assert asked(api, REPOS, endpoint, headers={"Ids": given}) == expected
    assert [call.path for call in api.requests].count("/repos") == parents


def test_a_list_inside_a_parents_record(api: Api) -> None:
    """Ids that a record holds are values each; of the stream's own parent, those of the record at hand."""
    api.get("/repos")(
        lambda _: [{"id": 1, "members": ["a", "b"]}, {"id": 2, "members": []}, {"id": 3, "members": ["b"]}]
    )
    listed = {"m": "{{ repos.members }}"}
    assert asked(api, REPOS, {"params": {"m": "{{ m }}"}, "partitions": listed}) == ["?m=a", "?m=b"]
    below = {"params": {"r": "{{ repos.id }}", "m": "{{ m }}"}, "partitions": listed}
    assert asked(api, REPOS, below) == ["?r=1&m=a", "?r=1&m=b", "?r=3&m=b"]


def test_objects_in_a_list_are_values(api: Api) -> None:
    """A key may lie inside the objects of a list in each record; a record whose list is null has none."""
    teams = [{"members": [{"user": {"id": 5}}, {"user": {"id": 6}}]}, {"members": []}, {"members": None}]
    api.get("/repos")(lambda _: teams)
    listed = {"u": "{{ repos.members | map(attribute='user.id') | list }}"}
    assert asked(api, REPOS, {"params": {"u": "{{ u }}"}, "partitions": listed}) == ["?u=5", "?u=6"]


def test_null_is_no_list(api: Api) -> None:
    """A null of the config is not the same as no values: it may be misspelt. So is a field that no record has."""
    reading = Reading(api.url, {"path": "/{{ v }}", "partitions": {"v": "{{ config.get('v') }}"}})
    assert "Stream items: The template `{{ config.get('v') }}` in `partitions` returned null. If" in str(reading.error)
    api.get("/repos")(lambda _: [{"id": 1}])
    reading = Reading(api.url, REPOS, {"path": "/{{ v }}", "partitions": {"v": "{{ repos.idd }}"}})
    assert "No record of `repos` has the field `idd`" in str(reading.error)
    accepted = Reading(api.url, REPOS, {"path": "/{{ v }}", "partitions": {"v": "{{ repos.idd or [] }}"}})
    assert (accepted.error, accepted.records) == (None, [])


def test_batches(api: Api) -> None:
    """Distinct values go into one request, so many at a time; in a JSON body they are a list."""
    listed = {"v": {"values": ["a", "b", "a", "c", "b", "d", "e"], "batch": 2}}
    found = asked(api, {"params": {"ids": "{{ v | join(',') }}"}, "partitions": listed})
    assert found == ["?ids=a%2Cb", "?ids=c%2Cd", "?ids=e"]
    api.route("POST", "/search")(lambda call: [call.json()])
    body = {"type": "json", "value": {"ids": "{{ v }}"}}
    searched = {"path": "search", "http_method": "POST", "body": body, "partitions": listed}
    assert Reading(api.url, searched).records == [{"ids": ["a", "b"]}, {"ids": ["c", "d"]}, {"ids": ["e"]}]


def test_batches_of_a_parents_ids(api: Api) -> None:
    """Batches of all records of a stream, or of those of each parent."""
    api.get("/repos")(lambda _: [{"id": n, "tags": [f"{n}{t}" for t in "abc"]} for n in range(3)])
    every = {"params": {"ids": "{{ v | join('|') }}"}, "partitions": {"v": {"values": "{{ repos.id }}", "batch": 2}}}
    assert asked(api, REPOS, every) == ["?ids=0%7C1", "?ids=2"]
    each = {
        "params": {"r": "{{ repos.id }}", "tags": "{{ v | join }}"},
        "partitions": {"v": {"values": "{{ repos.tags }}", "batch": 2}},
    }
    assert asked(api, REPOS, each) == [f"?r={n}&tags={tags}" for n in range(3) for tags in (f"{n}a{n}b", f"{n}c")]


def test_a_batch_is_several_values_of_a_parameter(api: Api) -> None:
    """In a path there is no such thing: its separator must be configured."""
    api.get("/items")(lambda _: [])
    listed = {"v": {"values": ["a", "b"], "batch": 2}}
    reading = Reading(api.url, {"params": {"ids": "{{ v }}"}, "partitions": listed})
    assert (reading.error, api.requests[0].query) == (None, {"ids": ["a", "b"]})
    reading = Reading(api.url, {"path": "{{ v }}", "partitions": listed})
    assert "it returned a list where text was expected; convert it with `join` or `tojson`" in str(reading.error)


def test_values_are_copied_into_records(api: Api) -> None:
    """The field has the name of the list; a number stays a number."""
    api.get("/a/items")(lambda _: [{"id": 1}])
    api.get("/b/items")(lambda _: [{}])
    lists = {"repo": ["a", "b"], "year": [2024]}
    copies = {"include_from_parent": {"of": "repo", "in": "year"}}
    reading = Reading(
        api.url, {"path": "{{ repo }}/items", "params": {"y": "{{ year }}"}, "partitions": lists, **copies}
    )
    assert reading.records == [{"id": 1, "of": "a", "in": 2024}, {"of": "b", "in": 2024}]


def test_children_of_a_stream_with_lists_know_its_values(api: Api) -> None:
    """Partitions of all child streams contain the value, and records can copy it."""
    api.get("/{repo}/issues")(lambda call: [{"no": call.path_params["repo"] + "1"}])
    api.get("/{repo}/issues/{no}/items")(lambda call: [dict(call.path_params)])
    issues = {"name": "issues", "path": "{{ repo }}/issues", "partitions": {"repo": ["a", "b"]}}
    items = {"path": "{{ repo }}/issues/{{ issues.no }}/items", "include_from_parent": {"r": "repo", "n": "no"}}
    reading = Reading(api.url, issues, items)
    assert reading.records == [{"repo": r, "no": f"{r}1", "r": r, "n": f"{r}1"} for r in "ab"]


def test_each_value_has_its_own_cursor(api: Api) -> None:
    """State tells values apart, and is found again."""
    api.get("/items")(lambda call: [{"at": f"2024-0{call.arg('v')}-01T00:00:00Z", "since": call.arg("since")}])
    endpoint = {
        "params": {"v": "{{ v }}"},
        "partitions": {"v": ["1", "2"]},
        "incremental": {"cursor_field": "at", "start_param": "since"},
    }
    first = Reading(api.url, endpoint)
    assert first.states[-1]["cursors"] == {f'{{"v":"{n}"}}': f"2024-0{n}-01T00:00:00Z" for n in (1, 2)}
    again = Reading(api.url, endpoint, saved=first.states[-1])
    assert [record["since"] for record in again.records] == ["2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z"]


LISTS = st.lists(st.one_of(st.text("abc/ü", min_size=1, max_size=2), st.integers(0, 3)), min_size=1, max_size=5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LISTS, LISTS, st.lists(st.integers(0, 3), max_size=5), st.none() | st.integers(1, 3))
def test_products_and_batches_are_those_of_mathematics(
    one: list[Any], two: list[Any], ids: list[int], batch: int | None
) -> None:
    """Every combination of distinct values once, in order, and no value of a batch twice or left out."""
    listed = {
        "one": one,
        "two": {"values": [*two, f"{{{{ {json.dumps(ids)} }}}}"], **({"batch": batch} if batch else {})},
    }
    loaded = configured({"name": "x", "path": "/{{ one }}/{{ two }}", "partitions": listed})
    made = list(Partitions(loaded, loaded.streams[0], {}, None, ReadStats()))  # type: ignore[arg-type]
    found = [
        (each.records["one"], item)
        for each in made
        for item in (each.records["two"] if batch else [each.records["two"]])
    ]
    assert found == [(a, b) for a in dict.fromkeys(one) for b in dict.fromkeys([*two, *ids])]
    assert len({each.key for each in made}) == len(made)
    if batch:
        assert all(len(each.records["two"]) <= batch for each in made)

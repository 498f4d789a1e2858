"""Records are changed by the endpoint's options in a fixed order; everything else is unchanged."""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import Raw

from source_rest_api import Connector
from source_rest_api.config import loading
from source_rest_api.errors import ConfigError
from source_rest_api.formats import yaml_text
from source_rest_api.read_stats import ReadStats
from source_rest_api.records.changes import RecordChanges
from source_rest_api.records.options import RecordOptions
from tests import reading
from tests.process import MAIN, catalog, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api import Api

pytestmark = pytest.mark.usefixtures("no_proxy")

ROWS = [
    {"id": 1, "state": "open", "owner": {"login": "ann", "email": "a@x"}, "amount": "1.50"},
    {"id": 2, "state": "done", "owner": None, "amount": ""},
    {"id": 3, "state": "open", "owner": {"login": "bob", "email": "b@x"}},
]


class Reading(reading.Reading):
    """A read of the last endpoint, which must come to its end."""

    def __init__(self, api: Api, body: Any = ROWS, *parents: Any, saved: Any = None, **endpoint: Any) -> None:
        api.get("/items")(lambda _: body)
        super().__init__(api.url, *parents, endpoint, saved=saved, start_date="2024-01-01")
        if self.error is not None:
            raise self.error
        self.ids = [record.get("id") for record in self.records]


def problem(**endpoint: Any) -> str:
    """Returns the error for an endpoint."""
    with pytest.raises(ConfigError) as caught:
        loading.load({"url_base": "https://h", "endpoints": [{"name": "items", "path": "items", **endpoint}]})
    return str(caught.value)


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ("record.state == 'open'", [1, 3]),
        ("{{ record['state'] == 'open' }}", [1, 3]),
        ("record.state == 'open' and record.owner.login != 'ann'", [3]),
        ("record.owner", [1, 3]),
        ("not record.owner", [2]),
        ("record.amount", [1]),
        ("record.amount is none", [3]),
        ("record.amount == none", [3]),
        ("record.amount is defined", [1, 2]),
        ("record.owner is defined", [1, 2, 3]),
        ("'amount' in record", [1, 2]),
        ("record.get('amount', 'x') == 'x'", [3]),
        ("record.missing.deeper.still", []),
        ("record.missing > 5 or record.id == 3", [3]),
        ("record.id > 1 and record.owner.x < 5 or record.missing <= 5", []),
        ("record.missing.lower() == 'x'", []),
        ("record.id + record.missing > 1", []),
        ("record.state in ['open', 'done'] and config.url_base", [1, 2, 3]),
        ("record.state ~ '-01-01' > config.start_date", [1, 2, 3]),
        ("record.id in config.ids if config.ids else record.id > 1", [2, 3]),
        ("true", [1, 2, 3]),
        (True, [1, 2, 3]),
    ],
)
def test_filter(api: Api, condition: Any, kept: list[int]) -> None:
    """A condition on the record keeps or drops it; what is null or not there is nothing, never an error."""
    got = Reading(api, filter=condition)
    assert got.ids == kept
    assert (got.stream.stats["records"], got.stream.stats["left_out"]) == (3, 3 - len(kept))


def test_a_stream_that_only_filters_keeps_bytes(api: Api) -> None:
    """Kept records are unchanged, byte for byte."""
    rows = [b'{ "b":1.10, "a":123456789012345678901234567890, "b": 2}', b'{"a":1,"b":2e400}']
    assert Reading(api, b"[" + b",".join(rows) + b"]", filter="record.b > 1.5").texts == rows


def test_untouched_fields_keep_their_bytes(api: Api) -> None:
    """Digits, escapes and key order stay, even inside changed objects."""
    row = (
        b'{"z":1.10,"big":123456789012345678901234567890,"o":{"x":1E5,"drop":1,"t":"\\u00e9"},"n":0.12345678901234567}'
    )
    got = Reading(api, b"[" + row + b"]", remove_fields=["o.drop"], add_fields={"copy": "{{ record.n }}"})
    assert got.texts == [row.replace(b'"drop":1,', b"")[:-1] + b',"copy":0.12345678901234567}']


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("{{ record.owner.login }}", "ann"),
        ("{{ record.id }}", 1),
        ("{{ record.owner }}", {"login": "ann", "email": "a@x"}),
        ("{{ [record.id, record.missing] }}", [1, None]),
        ("{{ {'a': {'b': record.id}} }}", {"a": {"b": 1}}),
        ("{{ record.state == 'open' }}", True),
        ("{{ record.missing }}", None),
        ("{{ record.missing.deeper }}", None),
        ("{{ record.missing | upper }}", None),
        ("{{ record.missing | hash }}", None),
        ("{{ record.missing + 1 }}", None),
        ("{{ record.missing | default('x') }}", "x"),
        ("{{ record.missing or 'x' }}", "x"),
        ("{{ format_datetime(record.missing, '%Y') }}", None),
        ("{{ record.amount | float * 2 }}", 3.0),
        ("{{ record.missing | int }}", 0),
        ("{{ record | length }}", 4),
        ("#{{ record.id }} {{ record.missing }}{{ record.state }}", "#1 open"),
        ("{% for key in record.owner %}{{ key }} {% endfor %}", "login email "),
        ("{{ config.start_date }}", "2024-01-01"),
        ("{{ record | tojson }}", json.dumps(ROWS[0], separators=(",", ":"))),
        ("{{ record.missing | tojson }}", "null"),
        ("text", "text"),
        (7, 7),
        (None, None),
    ],
)
def test_add_fields(api: Api, given: Any, value: Any) -> None:
    """A whole expression keeps its JSON type; holes in a text are filled; null is null, and empty in a text."""
    assert Reading(api, ROWS[:1], add_fields={"new": given}).records == [{**ROWS[0], "new": value}]


def test_an_expression_that_gives_nothing_adds_nothing(api: Api) -> None:
    """`if` without `else` leaves a field unchanged where its condition is false."""
    got = Reading(api, add_fields={"state": "{{ 'closed' if record.state == 'done' }}", "x": "{{ 1 if false }}"})
    assert [record["state"] for record in got.records] == ["open", "closed", "open"]
    assert not any("x" in record for record in got.records)


def test_fields_are_added_inside_objects(api: Api) -> None:
    """Dots are places; objects on the way are made where there is null or nothing."""
    got = Reading(api, ROWS[:2], add_fields={"owner.kind": "user", "a.b.c": "{{ record.id }}"})
    assert [record["owner"] for record in got.records] == [{**ROWS[0]["owner"], "kind": "user"}, {"kind": "user"}]  # type: ignore[dict-item]
    assert [record["a"] for record in got.records] == [{"b": {"c": 1}}, {"b": {"c": 2}}]
    with pytest.raises(ConfigError, match=r"`add_fields` cannot set `state\.x`: `state` is not an object"):
        Reading(api, add_fields={"state.x": 1})


def test_the_order_is_fixed(api: Api) -> None:
    """Whatever the order in the config, each option sees the names made by those before it."""
    options: dict[str, Any] = {
        "filter": "record.userId == '7'",
        "remove_fields": "profile.secret",
        "rename_fields": {"profile.fullName": "profile.name"},
        "flatten": True,
        "snake_case": True,
        "add_fields": {"userIdRaw": "{{ record.userId }}", "extra": "{{ record.profile.secret }}"},
        "cast": {"user_id": "integer", "extra": "string"},
        "filter_after": "record.user_id == 7 and record.profile_name == 'Ann' and record.extra == '5'",
    }
    body = [{"userId": "7", "profile": {"secret": 5, "fullName": "Ann"}}, {"userId": "8"}]
    expected = [{"user_id": 7, "profile_name": "Ann", "userIdRaw": "7", "extra": "5"}]
    for order in (list(options), list(reversed(options))):
        assert Reading(api, body, **{name: options[name] for name in order}).records == expected


PARENT = {"name": "repos", "path": "repos"}


def test_parents_are_read_by_templates(api: Api) -> None:
    """Fields of the parent can be added, its copies cast, and two parents that differ only there are both read."""
    api.get("/repos")(lambda _: [{"id": 1, "name": "a", "rank": 2.50}, {"id": 1, "name": "b", "rank": 3}])
    got = Reading(
        api,
        [{"x": 1}],
        PARENT,
        params={"repo": "{{ repos.id }}"},
        include_from_parent={"repo_id": "id"},
        add_fields={"repo": "{{ repos.name }}/{{ stream_partition.repos.rank }}", "no": "{{ repos.missing }}"},
        cast={"repo_id": "string"},
        filter_after="record.repo_id == '1'",
    )
    same = {"x": 1, "repo_id": "1", "no": None}
    assert got.records == [{**same, "repo": "a/2.5"}, {**same, "repo": "b/3"}]


def test_the_cursor_is_read_as_the_api_sends_it(api: Api) -> None:
    """Records are renamed after their cursor was read; the catalog has the name that the destination sees."""
    rows = [{"id": 1, "meta": {"updatedAt": "2024-03-01T00:00:00Z"}}, {"id": 2, "meta": {"updatedAt": "2023-01-01"}}]
    changes: dict[str, Any] = {"flatten": True, "snake_case": True, "cast": {"meta_updated_at": "date"}}
    incremental = {"cursor_field": "meta.updatedAt"}
    stream = {"name": "items", "path": "items", "incremental": incremental, **changes}
    saved = {"version": 2, "cursor": "2024-02-01T00:00:00Z"}
    got = Reading(api, rows, incremental=incremental, saved=saved, **changes)
    assert got.records == [{"id": 1, "meta_updated_at": "2024-03-01"}]
    session = Connector().session({"url_base": api.url, "endpoints": [stream]})
    [described] = json.loads(next(session.discover()))["catalog"]["streams"]
    assert described["default_cursor_field"] == ["meta_updated_at"]
    assert set(described["json_schema"]["properties"]) == {"id", "meta_updated_at"}
    [checked] = session.check()
    assert json.loads(checked)["connectionStatus"]["status"] == "SUCCEEDED"


def test_intervals_are_read_by_templates(api: Api) -> None:
    """A filter can compare with the interval of the request."""
    rows = [{"at": "2024-03-01"}, {"at": "2023-01-01"}]
    cursor = {"cursor_field": "at", "start_param": "since"}
    got = Reading(api, rows, incremental=cursor, filter="record.at >= stream_interval.start_time")
    assert got.records == rows[:1]


def test_state_moves_past_what_a_filter_leaves_out(tmp_path: Path, api: Api) -> None:
    """Filtered records were read: the state covers them, and the counts are those of what was emitted."""
    rows = [{"id": 1, "at": "2024-03-01T00:00:00Z"}, {"id": 2, "at": "2024-04-01T00:00:00Z"}]
    api.get("/items")(lambda _: rows)
    endpoint = {"name": "items", "path": "items", "incremental": {"cursor_field": "at"}, "filter": "record.id == 1"}
    done = run(
        tmp_path,
        "read",
        config={"url_base": api.url, "endpoints": [endpoint]},
        catalog=catalog(items="incremental"),
    )
    assert done.code == 0
    assert done.data("items") == rows[:1]
    assert "2024-04-01T00:00:00Z" in json.dumps(done.states[-1])
    assert any("2 records, 1 of them filtered out" in log["message"] for log in done.bodies("LOG"))


def test_check_says_what_filters_leave(api: Api) -> None:
    """It counts the records of the first page after filters."""
    api.get("/items")(lambda _: ROWS)
    endpoint = {"name": "items", "path": "items", "filter": "record.id > 5", "primary_key": "id"}
    [block] = Connector().session({"url_base": api.url, "endpoints": [endpoint]}).check()
    message = json.loads(block)["connectionStatus"]["message"]
    assert message == "items: 3 records on the first page (0 after filters), no more (one page)\n1 request sent."


@pytest.mark.parametrize(("condition", "warned"), [("record.stauts == 1", True), ("record.amount", False)])
def test_a_field_that_no_record_has_is_told(
    api: Api, caplog: pytest.LogCaptureFixture, condition: str, *, warned: bool
) -> None:
    """A slip of the pen in a filter does not empty a stream without a word."""
    with caplog.at_level(logging.WARNING):
        Reading(api, filter=condition)
    assert ("`record.stauts`, but none of the first 3 records has it" in caplog.text) == warned


def test_values_that_cannot_be_cast_are_left_and_counted(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is lost and nothing stops; one warning per field, without the value."""
    body = [{"n": "1"}, {"n": "secret"}, {"n": [2]}, {}]
    got = Reading(api, body, cast={"n": "number"})
    assert got.records == [{"n": 1}, {"n": "secret"}, {"n": [2]}, {}]
    assert "2 values not cast" in got.stream.stats.summary(0)
    assert caplog.text.count("some values of `n` cannot be cast to number") == 1
    assert "secret" not in caplog.text


def test_cast_all(api: Api) -> None:
    """Every value gets the type that the schema gives it, at any depth; explicit types go first."""
    schema = {
        "properties": {
            "n": {"type": ["null", "number"]},
            "o": {"type": "object", "properties": {"b": {"type": "boolean"}}},
            "list": {"type": "array", "items": {"properties": {"i": {"type": "integer"}}}},
            "at": {"type": "string", "format": "date-time"},
            "local": {"type": "string", "format": "date-time", "airbyte_type": "timestamp_without_timezone"},
            "any": {"type": ["string", "integer"]},
            "own": {"type": "string"},
        }
    }
    row = {"n": "1.50", "o": {"b": "yes"}, "list": [{"i": "1"}], "at": "20240102", "local": "x", "any": 1, "own": "5"}
    expected = {
        "n": 1.5,
        "o": {"b": True},
        "list": [{"i": 1}],
        "at": "2024-01-02T00:00:00Z",
        "local": "x",
        "any": 1,
        "own": 5,
    }
    got = Reading(api, [row], schema=schema, cast_all=True, cast={"own": "integer"})
    assert got.records == [expected]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filter": "recrod.x"}, "unknown name `recrod`, did you mean `record`?"),
        ({"filter": "record.x and next_page_token"}, "unknown name `next_page_token`"),
        ({"filter_after": "items.x"}, "unknown name `items`"),
        ({"filter": "record.a =="}, "filter: template error in line 1"),
        ({"filter": "{{ record.a }} and {{ record.b }}"}, "filter: must be a single expression"),
        ({"filter": "record.a | nofilter"}, "filter: template error in line 1"),
        ({"add_fields": {"a..b": 1}}, "add_fields: `a..b` must be a field name"),
        ({"add_fields": {"a": [1]}}, "add_fields: `a` must be text"),
        ({"add_fields": {"a": "{{ record. }}"}}, "add_fields: template error"),
        ({"path": "x/{{ record.id }}"}, "unknown name `record`"),
        ({"name": "record"}, "this name is reserved"),
        ({"remove_fields": "a.**"}, "may have `**` once"),
        ({"remove_when": "value == ''"}, "`remove_when` is a condition of `remove_fields`"),
        ({"remove_fields": "*", "remove_when": "record.a"}, "reads the unknown name `record`"),
        ({"unwrap": "node", "incremental": {"cursor_field": "at"}}, "`unwrap` removes `incremental.cursor_field`"),
        ({"cast": {"a": "numeric"}}, "cast: `a` has an unknown type: use string, integer"),
        ({"cast_all": True}, "`cast_all` needs a `schema`: set it, or list the fields in `cast`"),
        ({"rename_fields": {"*.a": "b"}}, "rename_fields: must map one path to another"),
        ({"rename_fields": {"a": "c", "b": "c"}}, "rename_fields: gives two fields the same name"),
        ({"flatten": {"paths": "a.*"}}, "flatten.paths: must end in a field name"),
        ({"flatten": {"path": "a"}}, "flatten.path: unknown key, did you mean `paths`?"),
        ({"remove_fields": "at", "incremental": {"cursor_field": "at"}}, "removes `incremental.cursor_field`"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_read(options: dict[str, Any], message: str) -> None:
    """The error names the setting."""
    assert message in problem(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filter": "record.state > 5"}, r"`\{\{ record.state > 5 \}\}` cannot be filled for a record \('>' not supp"),
        ({"filter": "record.id in config.ids"}, "there is no `ids`"),
        ({"filter": "stream_interval.start_tiem < record.state"}, "there is no `start_tiem`"),
        ({"add_fields": {"x": "{{ record.state / 2 }}"}}, "unsupported operand"),
        ({"add_fields": {"x": "{{ record.__class__ }}"}}, "templates may not read `__class__`"),
        ({"add_fields": {"x": "{{ 'a' * 1000000 }}"}}, "more than 100,000 characters"),
        ({"add_fields": {"x": "a{{ record.owner }}"}}, "it returned a dict where text was expected"),
        ({"rename_fields": {"id": "state"}}, "`rename_fields` would overwrite the record's field `state`"),
    ],
)
def test_what_fails_for_a_record_stops_the_stream(api: Api, options: dict[str, Any], message: str) -> None:
    """A record is never dropped because it could not be looked into."""
    with pytest.raises(ConfigError, match=message) as caught:
        Reading(api, **options)
    assert "Stream items, GET " in str(caught.value)


def rows_of_the_docs() -> list[tuple[str, str, str]]:
    """The examples in docs/records.md: an option, a record, and what becomes of it."""
    text = (
        (MAIN.parent / "docs/records.md")
        .read_text()
        .partition("## Each option")[2]
        .partition("\n## ")[0]
        .replace(r"\|", "¦")
    )
    cells = [re.findall(r"`([^`]+)`|(nothing)(?= \|)", line) for line in text.splitlines() if line.startswith("| `")]
    return [
        (a.replace("¦", "|"), b, c)
        for row in cells
        if len(row) == 3 and ":" in row[0][0]
        for (a, _), (b, _), (c, _) in [row]
    ]


@pytest.mark.parametrize(("option", "record", "becomes"), rows_of_the_docs())
def test_the_docs_examples(api: Api, option: str, record: str, becomes: str) -> None:
    """The examples in docs/records.md are true."""
    records = Reading(api, [json.loads(record)], **yaml_text.load(option)).records
    assert records == ([json.loads(becomes)] if becomes else [])


def test_the_docs_have_examples() -> None:
    """There is an example for every option."""
    options = " ".join(option for option, _, _ in rows_of_the_docs())
    for name in ("filter", "remove_fields", "rename_fields", "flatten", "snake_case", "add_fields", "cast"):
        assert f"{name}:" in options


def test_the_forms_spelling(api: Api) -> None:
    """Maps are arrays of name and value in the form."""
    form = {
        "add_fields": [{"name": "login", "value": "{{ record.owner.login }}"}],
        "rename_fields": [{"name": "id", "value": "key"}],
        "cast": [{"name": "key", "value": "string"}],
        "flatten": {"paths": ["owner"]},
    }
    assert Reading(api, ROWS[:1], **form).records == [
        {
            "state": "open",
            "owner_login": "ann",
            "owner_email": "a@x",
            "amount": "1.50",
            "key": "1",
            "login": "ann",
        }
    ]


@pytest.mark.parametrize(
    ("record", "emitted"),
    [
        ('{"id": 1, "n": 1.50}', '{"id": 1, "n": 1.50,"buyer":"-","x":7}'),
        ('{"id":1,"buyer":{"name":"Ü"}}', '{"id":1,"buyer":"Ü-","x":7}'),
        (r'{"id":1,"bu\u0079er":2,"x":null}', '{"id":1,"buyer":"-","x":7}'),
        ("{}", '{"buyer":"-","x":7}'),
    ],
)
def test_added_fields_replace_or_follow(record: str, emitted: str) -> None:
    """A field of the same name is replaced where it stands, however its name is spelled; others keep their bytes."""
    options = RecordOptions(add_fields={"buyer": "{{ record.buyer.name }}-", "x": 7})
    [found] = RecordChanges("orders", options, ReadStats()).apply([Raw(record.encode())], {})
    assert bytes(found).decode() == emitted

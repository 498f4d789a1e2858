"""The four verbs as users see them: whole runs of `main.py` as a process, over real HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.api import Answer, Api, Call
from tests.process import MAIN, TOKEN, Run, arguments, catalog, finish, run, start

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE_NUMBER = {"type": "page_number", "page_size_param": "per_page", "page_size": 10}
CURSOR = {"type": "cursor", "cursor_path": "next", "cursor_param": "cursor"}
ROWS = [{"id": n, "updated_at": f"2024-01-{n // 5 + 1:02d}T00:00:00Z"} for n in range(40)]
FULL = catalog(rows="full_refresh")
INCREMENTAL = catalog(rows="incremental")


@pytest.fixture
def api() -> Iterator[Api]:
    """An API that wants a token, and has `/rows` by page number, ten a page."""
    with Api(token=TOKEN) as api:

        @api.get("/rows")
        def rows(call: Call) -> Any:
            found = [row for row in ROWS if row["updated_at"] >= call.arg("since", "")]  # type: ignore[operator]
            page = int(call.arg("page", "1"))
            return {"rows": found[page * 10 - 10 : page * 10]}

        yield api
    assert api.errors == []


def config(api: Api, *endpoints: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """A config with little patience."""
    return {
        "url_base": api.url,
        "authentication": {"type": "bearer", "token": TOKEN},
        "retry": {"max_attempts": 2, "max_seconds": 3, "rate_limit_seconds": 3},
        "endpoints": list(endpoints) or [ENDPOINT],
        **settings,
    }


ENDPOINT: dict[str, Any] = {
    "name": "rows",
    "path": "/rows",
    "primary_key": "id",
    "pagination": PAGE_NUMBER,
    "incremental": {"cursor_field": "updated_at", "start_param": "since"},
}


def failed(run: Run, *words: str, kind: str = "config_error") -> None:
    """Checks for one error of this type with all these texts, and an incomplete stream."""
    [error] = run.errors
    assert run.code == 1
    assert error["failure_type"] == kind
    for word in words:
        assert word in error["message"]


def test_spec_is_one_message(tmp_path: Path) -> None:
    """`spec` prints the form, and needs nothing."""
    done = run(tmp_path, "spec")
    [spec] = done.bodies("SPEC")
    assert (done.code, len(done.messages)) == (0, 1)
    assert spec["connectionSpecification"]["required"] == ["url_base"]


def test_check_says_what_it_saw(api: Api, tmp_path: Path) -> None:
    """`check` tries each endpoint with two pages, and asks once from a cursor value that it saw."""
    done = run(tmp_path, "check", config=config(api))
    message = "rows: 10 records on the first page, more pages\n3 requests sent."
    assert done.bodies("CONNECTION_STATUS") == [{"status": "SUCCEEDED", "message": message}]
    assert (done.code, len(api.requests)) == (0, 3)


def test_discover_describes_every_stream(api: Api, tmp_path: Path) -> None:
    """The catalog has the inferred schema, the key, the cursor and the modes."""
    [found] = run(tmp_path, "discover", config=config(api)).bodies("CATALOG")
    [stream] = found["streams"]
    properties = stream.pop("json_schema")["properties"]
    assert properties["id"] == {"type": ["null", "integer"]}
    assert properties["updated_at"]["format"] == "date-time"
    assert stream == {
        "name": "rows",
        "supported_sync_modes": ["full_refresh", "incremental"],
        "is_resumable": True,
        "source_defined_cursor": True,
        "default_cursor_field": ["updated_at"],
        "source_defined_primary_key": [["id"]],
    }


def test_a_read_from_start_to_end(api: Api, tmp_path: Path) -> None:
    """STARTED, RUNNING, the records in their order, the state that covers them, COMPLETE."""
    done = run(tmp_path, "read", config=config(api), catalog=INCREMENTAL)
    assert (done.code, done.data("rows")) == (0, ROWS)
    kinds = [message["type"] for message in done.messages]
    assert [kind for kind in kinds if kind != "STATE"] == ["TRACE", "TRACE", *["RECORD"] * 40, "LOG", "TRACE"]
    assert kinds[-3:] == ["STATE", "LOG", "TRACE"]
    last = done.states[-1]["stream"]["stream_state"]
    assert (last["version"], last["cursor"], len(last["boundary"])) == (2, "2024-01-08T00:00:00Z", 5)


def test_the_next_read_begins_at_the_state(api: Api, tmp_path: Path) -> None:
    """From the state on, inclusively: a new row that shares the last cursor value arrives, those known do not again."""
    first = run(tmp_path, "read", config=config(api), catalog=INCREMENTAL)
    late = {"id": 999, "updated_at": "2024-01-08T00:00:00Z"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(globals(), "ROWS", [*ROWS, late])
        second = run(tmp_path, "read", config=config(api), catalog=INCREMENTAL, state=first.states)
    assert second.data("rows") == [late]
    assert second.states[-1]["stream"]["stream_state"]["cursor"] == "2024-01-08T00:00:00Z"


def test_the_guides_config(tmp_path: Path) -> None:
    """The config of the user's guide works unchanged."""
    with Api(token=TOKEN) as api:
        api.get("/v1/customers")(lambda _: [{"id": 1}])
        api.get("/v1/orders")(lambda call: [{"id": 2, "from": call.arg("start_date")}])
        guide = {
            "name": "External API",
            "url_base": f"{api.url}/v1",
            "authentication": {"type": "bearer", "token": TOKEN},
            "start_date": "2025-01-01T00:00:00Z",
            "endpoints": [
                {"name": "customers", "path": "/customers", "http_method": "GET"},
                {
                    "name": "orders",
                    "path": "/orders",
                    "http_method": "GET",
                    "params": {"start_date": "{{ config['start_date'] }}"},
                },
            ],
        }
        both = catalog(customers="full_refresh", orders="full_refresh")
        done = run(tmp_path, "read", config=guide, catalog=both)
    assert (done.code, done.data("customers")) == (0, [{"id": 1}])
    assert done.data("orders") == [{"id": 2, "from": "2025-01-01T00:00:00Z"}]


PAGE_1 = {"rows": [{"id": 1}], "next": "2"}


@pytest.mark.parametrize(
    ("second", "kind", "words"),
    [
        (Answer('{"rows": [{"id": 2}, {"id"'), "transient_error", ["valid JSON", "application/json", "26 bytes"]),
        (Answer(""), "transient_error", ["empty body"]),
        (Answer("<html>We are back soon", headers={"Content-Type": "text/html"}), "transient_error", ["HTML"]),
        (Answer("<html>Login: <input password", headers={"Content-Type": "text/html"}), "config_error", ["login"]),
        ({"error": "rate limit exceeded"}, "transient_error", ["rate limit exceeded"]),
        ({"status": "error"}, "config_error", ["records_path", "status"]),
        ({"rows": [{"id": 2}, 3]}, "config_error", ["Record 1", "a number"]),
        (Answer(b'{"rows": [{"id": "\xff"}]}'), "transient_error", ["UTF-8"]),
        (Answer('{"rows": [{"id": NaN}]}'), "config_error", ["NaN or Infinity", "nan_as_null"]),
        (Answer({"message": "bad cursor"}, status=422), "config_error", ["422", "bad cursor"]),
        (Answer({}, status=500), "transient_error", ["500"]),
        (Answer({"rows": [{"id": 2}]}, cut=9), "transient_error", ["cut"]),
        (Answer(reset=True), "transient_error", ["cannot be reached"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_bad_second_page_is_an_error(second: Any, kind: str, words: list[str], tmp_path: Path) -> None:
    """Page 1 is emitted, the stream is INCOMPLETE, the state omits the rest, the error says where and why."""
    with Api(token=TOKEN) as api:
        api.get("/rows")(lambda call: second if call.arg("cursor") else PAGE_1)
        endpoint = {"name": "rows", "path": "/rows", "records_path": "rows", "pagination": CURSOR}
        done = run(tmp_path, "read", config=config(api, endpoint), catalog=FULL)
    failed(done, "Stream rows", "page 2", f"GET {api.url}/rows", *words, kind=kind)
    assert done.data("rows")[0] == {"id": 1}
    [state] = done.states
    [unfinished] = state["stream"]["stream_state"]["reading"]["slices"]
    assert (unfinished["at"], unfinished["page"], unfinished.get("done")) == ("2", 1, None)


def test_a_failure_that_passes_is_no_error(api: Api, tmp_path: Path) -> None:
    """A server error, a cut body and a broken connection are tried again, and nothing is lost or doubled."""
    faults = {1: Answer({}, status=503), 3: Answer({"rows": []}, cut=3), 5: Answer(reset=True)}

    @api.get("/rows")
    def rows(call: Call) -> Any:
        page = int(call.arg("page"))
        return faults.get(call.number) or {"rows": ROWS[page * 10 - 10 : page * 10]}

    done = run(tmp_path, "read", config=config(api, max_concurrency=1), catalog=FULL)
    assert (done.code, done.data("rows")) == (0, ROWS)


def test_retry_after_is_honoured(api: Api, tmp_path: Path) -> None:
    """A rate limit is waited out for as long as the API says."""
    times: list[float] = []

    @api.get("/rows")
    def rows(_: Call) -> Any:
        times.append(time.monotonic())
        return Answer("", status=429, headers={"Retry-After": "2"}) if len(times) == 1 else {"rows": []}

    assert run(tmp_path, "read", config=config(api), catalog=FULL).code == 0
    assert times[1] - times[0] >= 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"rows": [{"id": 1}], "next_page": 2}, ["`next_page` is 2"]),
        ({"rows": [{"id": 1}], "links": {"next": "/rows?page=2"}}, ["`links.next` holds a URL", "next_url_path"]),
        ({"rows": [{"id": 1}], "meta": {"next_cursor": "abc"}}, ["`meta.next_cursor` holds a token", "cursor_path"]),
        ({"rows": [{"id": 1}], "has_more": True}, ["`has_more` is true"]),
        ({"rows": [{"id": 1}], "total": 20}, ["`total` is 20"]),
        (Answer([{"id": 1}], headers={"Link": '</rows?page=2>; rel="next"'}), ["link_header"]),
    ],
)
def test_an_endpoint_without_pagination_that_has_more(answer: Any, words: list[str], tmp_path: Path) -> None:
    """A page that says that there is more is not taken for everything; the error names the sign and what to write."""
    with Api() as api:
        api.get("/rows")(lambda _: answer)
        done = run(tmp_path, "read", config=config(api, {"name": "rows", "path": "/rows"}), catalog=FULL)
    failed(done, "there is more", "pagination", *words)


def test_the_first_page_only_if_asked_for(tmp_path: Path) -> None:
    """`first_page_only` reads one page knowingly."""
    with Api() as api:
        api.get("/rows")(lambda _: {"rows": [{"id": 1}], "has_more": True})
        endpoint = {"name": "rows", "path": "/rows", "pagination": {"type": "none", "first_page_only": True}}
        done = run(tmp_path, "read", config=config(api, endpoint), catalog=FULL)
    assert (done.code, done.data("rows")) == (0, [{"id": 1}])


def test_a_mistyped_page_parameter_does_not_read_for_ever(api: Api, tmp_path: Path) -> None:
    """A server that ignores the parameter gives the first page again, which is an error after a few requests."""
    endpoint = {**ENDPOINT, "pagination": {**PAGE_NUMBER, "page_param": "pge"}}
    done = run(tmp_path, "read", config=config(api, endpoint), catalog=FULL)
    failed(done, "paging does not advance", "`pagination.page_param`")
    assert len(api.requests) <= 4


@pytest.mark.parametrize("following", [{"": "A", "A": "A"}, {"": "A", "A": "B", "B": "A"}])
def test_tokens_in_turn_do_not_read_for_ever(following: dict[str, str], tmp_path: Path) -> None:
    """A, A is a loop, and so is A, B, A."""
    with Api() as api:
        api.get("/rows")(lambda call: {"rows": [{"id": 1}], "next": following[call.arg("cursor")]})
        endpoint = {"name": "rows", "path": "/rows", "pagination": CURSOR}
        failed(run(tmp_path, "read", config=config(api, endpoint), catalog=FULL), "paging does not advance")
    assert len(api.requests) <= 4


def test_a_mistyped_token_path_is_noticed(tmp_path: Path) -> None:
    """If the configured token is missing but another is present, the stream is not complete."""
    with Api() as api:
        api.get("/rows")(lambda _: {"rows": [{"id": 1}], "next_cursor": "abc"})
        endpoint = {"name": "rows", "path": "/rows", "pagination": CURSOR}
        failed(run(tmp_path, "read", config=config(api, endpoint), catalog=FULL), "`next_cursor`")


def test_a_next_url_elsewhere_is_not_followed(tmp_path: Path) -> None:
    """No request and no credential goes to another origin."""
    with Api(token=TOKEN) as api, Api() as other:
        other.get("/rows")(lambda _: {"rows": []})
        api.get("/rows")(lambda _: {"rows": [{"id": 1}], "next": f"{other.url}/rows"})
        pagination = {"type": "next_url", "next_url_path": "next"}
        endpoint = {"name": "rows", "path": "/rows", "pagination": pagination}
        failed(run(tmp_path, "read", config=config(api, endpoint), catalog=FULL), "another origin", other.url)
        assert other.requests == []


EXACT = '{"n": 123456789012345678901234567890, "d": 0.1234567890123456789012345, "e": 1e400, "z": -0.0, "u": "\\u00e9"}'


def test_values_arrive_as_sent(tmp_path: Path) -> None:
    """Digits, escapes and order are the API's; line breaks between tokens go; an empty record is a record."""
    spread = EXACT.replace(", ", ",\r\n  ")
    with Api() as api:
        api.get("/rows")(lambda _: Answer(f"[\n{spread}, {{}}\n]"))
        done = run(tmp_path, "read", config=config(api, {"name": "rows", "path": "/rows"}), catalog=FULL)
    lines = [line for line in done.lines if b'"RECORD"' in line]
    data = [line.partition(b'"data":')[2].removesuffix(b"}}").decode() for line in lines]
    assert data == [EXACT.replace(": ", ":").replace(", ", ","), "{}"]


def test_one_bad_stream_leaves_the_others_alone(api: Api, tmp_path: Path) -> None:
    """The good stream is COMPLETE, the bad one INCOMPLETE, and the exit code is 1."""
    bad = {"name": "bad", "path": "/missing"}
    both = catalog(rows="incremental", bad="full_refresh")
    done = run(tmp_path, "read", config=config(api, ENDPOINT, bad), catalog=both)
    failed(done, "Stream bad", "404", "`path`")
    assert done.data("rows") == ROWS
    assert (done.statuses("rows")[-1], done.statuses("bad")[-1]) == ("COMPLETE", "INCOMPLETE")


def test_a_stream_that_the_config_does_not_have(api: Api, tmp_path: Path) -> None:
    """It is INCOMPLETE with an error; the other streams are read."""
    done = run(tmp_path, "read", config=config(api), catalog=catalog(rows="full_refresh", gone="full_refresh"))
    failed(done, "gone", "catalog")
    assert done.data("rows") == ROWS


def test_an_empty_catalog(api: Api, tmp_path: Path) -> None:
    """There is nothing to do, and that is no error."""
    assert run(tmp_path, "read", config=config(api), catalog=catalog()).code == 0
    assert api.requests == []


def test_a_server_that_stops_half_way(tmp_path: Path) -> None:
    """Earlier records are emitted, the failure is transient, and no state passes it."""
    failing = Api(token=TOKEN)

    @failing.get("/rows")
    def rows(call: Call) -> Any:
        page = int(call.arg("page"))
        return {"rows": ROWS[page * 10 - 10 : page * 10]} if page < 3 else Answer(reset=True)

    with failing:
        done = run(tmp_path, "read", config=config(failing), catalog=INCREMENTAL)
    failed(done, "page 3", "Tried 2 times", kind="transient_error")
    assert done.data("rows") == ROWS[:20]
    assert all("cursor" not in state["stream"]["stream_state"] for state in done.states)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"config": "{not json"}, ["config", "not valid JSON"]),
        ({"config": "[]"}, ["config"]),
        ({"catalog": "{"}, ["catalog", "not valid JSON"]),
        ({"catalog": '{"streams": 3}'}, ["catalog"]),
        ({"state": "{"}, ["state", "not valid JSON"]),
        ({"state": '[{"type": "LEGACY", "data": {"rows": 1}}]'}, ["state"]),
    ],
)
def test_files_that_are_none(files: dict[str, str], words: list[str], api: Api, tmp_path: Path) -> None:
    """A file that cannot be read is a config error in a sentence, without a traceback."""
    given = {"config": config(api), "catalog": FULL, **files}
    done = finish(start(tmp_path, "read", **given), "read")
    [error] = done.errors
    assert (done.code, error["failure_type"], error.get("stack_trace")) == (1, "config_error", None)
    for word in words:
        assert word in error["message"]


@pytest.mark.parametrize("cursor", ['"yesterday"', "17", "[]"])
def test_a_state_that_is_none(cursor: str, api: Api, tmp_path: Path) -> None:
    """A state that cannot be read is an error that names stream and value, not a read from the beginning."""
    value = {"version": 1, "cursor": json.loads(cursor)}
    state = [{"type": "STREAM", "stream": {"stream_descriptor": {"name": "rows"}, "stream_state": value}}]
    done = run(tmp_path, "read", config=config(api), catalog=INCREMENTAL, state=state)
    failed(done, "Stream rows", "state", cursor.strip('"'))
    assert api.requests == []


def test_a_future_cursor_does_not_poison_the_state(tmp_path: Path) -> None:
    """A record dated far ahead is emitted, and the next read still finds what is new."""
    rows = [{"id": 1, "updated_at": "2999-01-01T00:00:00Z"}, {"id": 2, "updated_at": "2024-01-01T00:00:00Z"}]
    with Api() as api:
        api.get("/rows")(lambda _: rows)
        endpoint = {"name": "rows", "path": "/rows", "incremental": {"cursor_field": "updated_at"}}
        first = run(tmp_path, "read", config=config(api, endpoint), catalog=INCREMENTAL)
        cursor = first.states[-1]["stream"]["stream_state"]["cursor"]
        assert first.data("rows") == rows
        assert "2026" <= cursor[:4] < "2999"
        rows.append({"id": 3, "updated_at": "2998-01-01T00:00:00Z"})
        second = run(tmp_path, "read", config=config(api, endpoint), catalog=INCREMENTAL, state=first.states)
    assert [row["id"] for row in second.data("rows")] == [1, 3]


def test_children_are_read_for_each_parent(tmp_path: Path) -> None:
    """A parent's id becomes one segment of the path, whatever is in it, and its fields are copied."""
    names = ["plain", "a/b?x=1#f", "ünï çødé", "50%"]
    with Api(token=TOKEN) as api:
        api.get("/repos")(lambda _: [{"name": name, "stars": n} for n, name in enumerate(names)])
        api.get("/repos/{name}/issues")(lambda call: [{"id": call.path_params["name"]}])
        issues = {"name": "issues", "path": "/repos/{{ repos.name }}/issues", "include_from_parent": {"stars": "stars"}}
        done = run(
            tmp_path,
            "read",
            config=config(api, {"name": "repos", "path": "/repos"}, issues),
            catalog=catalog(issues="full_refresh"),
        )
    expected = [{"id": name, "stars": n} for n, name in enumerate(names)]
    assert (done.code, sorted(done.data("issues"), key=lambda issue: issue["stars"])) == (0, expected)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_in_order(number: signal.Signals, code: int, tmp_path: Path) -> None:
    """Every configured stream is INCOMPLETE within five seconds, also with a request under way and one not begun."""
    with Api(token=TOKEN) as api:
        api.get("/rows")(lambda call: {"rows": ROWS[:10]} if call.arg("page") == "1" else Answer("", delay=50))
        streams = {f"rows{n}": "full_refresh" for n in range(6)}
        endpoints = [{**ENDPOINT, "name": name} for name in streams]
        process = start(tmp_path, "read", config=config(api, *endpoints), catalog=catalog(**streams))
        while len(api.requests) < 8:
            time.sleep(0.02)
        process.send_signal(number)
        signalled = time.monotonic()
        done = finish(process, "read", catalog(**streams))
    assert time.monotonic() - signalled < 5
    assert done.code == code
    assert {done.statuses(name)[-1] for name in streams} == {"INCOMPLETE"}


def test_a_reader_that_goes_away(api: Api, tmp_path: Path) -> None:
    """If stdout is closed, the process ends with an error and sends no further request."""

    @api.get("/rows")
    def rows(call: Call) -> Any:
        return {"rows": [{"id": int(call.arg("page")) * 1000 + n, "pad": "x" * 500} for n in range(1000)]}

    process = start(tmp_path, "read", config=config(api), catalog=FULL)
    assert process.stdout
    assert process.stderr
    process.stdout.readline()
    process.stdout.close()
    gone = time.monotonic()
    assert process.wait(timeout=10) != 0
    assert time.monotonic() - gone < 5
    assert process.stderr.read() == b""
    process.stderr.close()
    asked = len(api.requests)
    time.sleep(0.3)
    assert len(api.requests) == asked < 100


def test_debug_prints_messages_only(api: Api, tmp_path: Path) -> None:
    """`--debug` and `LOG_LEVEL` add LOG messages at most."""
    assert run(tmp_path, "read", "--debug", config=config(api), catalog=FULL).data("rows") == ROWS


@pytest.mark.parametrize(
    ("change", "path", "hint"),
    [
        ({"url_bse": "x"}, "url_bse", "`url_base`"),
        ({"authentication": {"type": "baerer", "token": TOKEN}}, "authentication.type", "`bearer`"),
        ({"authentication": {"type": "bearer", "tokn": TOKEN}}, "authentication.tokn", "`token`"),
        ({"endpoints": [{**ENDPOINT, "primry_key": "id"}]}, "endpoints[0].primry_key", "`primary_key`"),
        ({"endpoints": [{**ENDPOINT, "pagination": {"type": "ofset"}}]}, "endpoints[0].pagination.type", "`offset`"),
        ({"endpoints": [{**ENDPOINT, "incremental": {"cursor_feld": "x"}}]}, "cursor_feld", "`cursor_field`"),
        ({"retry": {"max_attempt": 3}}, "retry.max_attempt", "`max_attempts`"),
    ],
)
def test_a_typo_in_each_part(change: dict[str, Any], path: str, hint: str, api: Api, tmp_path: Path) -> None:
    """`check` fails, with the place of the typo and what was meant; nothing is sent."""
    [status] = run(tmp_path, "check", config={**config(api), **change}).bodies("CONNECTION_STATUS")
    assert status["status"] == "FAILED"
    assert path in status["message"]
    assert f"did you mean {hint}?" in status["message"]
    assert api.requests == []


def test_check_names_missing_fields(api: Api, tmp_path: Path) -> None:
    """A key or cursor field that the records do not have is found before the first sync."""
    endpoint = {**ENDPOINT, "primary_key": "uuid", "incremental": {"cursor_field": "modified"}}
    [status] = run(tmp_path, "check", config=config(api, endpoint)).bodies("CONNECTION_STATUS")
    assert status["status"] == "FAILED"
    for word in ("`uuid`", "`modified`", "id, updated_at"):
        assert word in status["message"]


def test_check_tries_every_endpoint(api: Api, tmp_path: Path) -> None:
    """The message has what is wrong with each."""
    bad = {"name": "bad", "path": "/missing"}
    worse = {**ENDPOINT, "name": "worse", "records_path": "itmes"}
    [status] = run(tmp_path, "check", config=config(api, ENDPOINT, bad, worse)).bodies("CONNECTION_STATUS")
    assert status["status"] == "FAILED"
    assert "Stream bad" in status["message"]
    assert "`records_path: itmes`" in status["message"]


def test_a_yaml_config(api: Api, tmp_path: Path) -> None:
    """A config may be YAML; its dates stay text."""
    path = tmp_path / "config.yaml"
    path.write_text(
        f"url_base: {api.url}\nauthentication: {{type: bearer, token: {TOKEN}}}\nstart_date: 2024-01-05T00:00:00Z\n"
        "endpoints:\n  - {name: rows, path: /rows, pagination: {type: page_number},\n"
        "     incremental: {cursor_field: updated_at, start_param: since}}\n"
    )
    done = finish(start(tmp_path, "read", "--config", os.fspath(path), catalog=INCREMENTAL), "read", INCREMENTAL)
    assert done.data("rows") == ROWS[20:]


def test_windows_lose_nothing_between_them(tmp_path: Path) -> None:
    """A row in the last half second of a window arrives; each completed window has its state."""
    rows = [{"id": n, "at": at} for n, at in enumerate(["2024-01-31T23:59:59.500Z", "2024-02-01T00:00:00Z"])]
    rows.append({"id": 2, "at": "2024-03-09T12:00:00Z"})
    with Api(token=TOKEN) as api:

        @api.get("/rows")
        def within(call: Call) -> Any:
            return [row for row in rows if call.arg("since") <= str(row["at"]) <= call.arg("until")]

        incremental = {"cursor_field": "at", "start_param": "since", "end_param": "until", "step": "P1M"}
        endpoint = {"name": "rows", "path": "/rows", "incremental": incremental}
        monthly = config(api, endpoint, start_date="2024-01-01T00:00:00Z")
        done = run(tmp_path, "read", config=monthly, catalog=INCREMENTAL)
    assert {row["id"] for row in done.data("rows")} == {0, 1, 2}
    assert done.states[-1]["stream"]["stream_state"]["cursor"] == "2024-03-09T12:00:00Z"
    borders = sorted((call.arg("since"), call.arg("until")) for call in api.requests)
    assert [until for _, until in borders[:-1]] == [since for since, _ in borders[1:]]
    assert borders[0] == ("2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z")


def test_windows_that_would_each_bring_everything(api: Api, tmp_path: Path) -> None:
    """A `step` that does not reach the API is found before anything is sent."""
    endpoint = {**ENDPOINT, "incremental": {"cursor_field": "updated_at", "start_param": "since", "step": "P1D"}}
    [status] = run(tmp_path, "check", config=config(api, endpoint)).bodies("CONNECTION_STATUS")
    assert "`end_param`" in status["message"]
    assert "`start_date`" in status["message"]


def test_no_content_is_no_records(tmp_path: Path) -> None:
    """204 says that there is nothing, so it ends counted pages."""
    with Api(token=TOKEN) as api:
        api.get("/rows")(lambda call: {"rows": [{"id": 1}]} if call.arg("page") == "1" else Answer(status=204))
        endpoint = {"name": "rows", "path": "/rows", "records_path": "rows", "pagination": {"type": "page_number"}}
        done = run(tmp_path, "read", config=config(api, endpoint), catalog=FULL)
    assert (done.code, done.data("rows")) == (0, [{"id": 1}])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_what_the_api_refuses_is_asked_once(status: int, tmp_path: Path) -> None:
    """A wrong token or parameter does not get better by trying; the API's own words are in the error."""
    with Api() as api:
        api.get("/rows")(lambda _: Answer({"message": "you shall not"}, status))
        done = run(tmp_path, "read", config=config(api), catalog=FULL)
        failed(done, "Stream rows", f"HTTP {status}", "you shall not")
        assert len(api.requests) == 1


def test_an_api_that_is_not_there(tmp_path: Path) -> None:
    """A refused connection is a transient error that says what to check, also in `check`."""
    with Api() as api:
        pass
    done = run(tmp_path, "read", config=config(api), catalog=FULL)
    failed(done, "connection refused", "`url_base`", "Tried 2 times", kind="transient_error")
    [status] = run(tmp_path, "check", config=config(api)).bodies("CONNECTION_STATUS")
    assert (status["status"], "connection refused" in status["message"]) == ("FAILED", True)


@pytest.mark.parametrize(
    "files",
    [
        {"config": "{not json"},
        {"config": {}},
        {"config": {"url_base": "http://", "endpoints": [ENDPOINT]}},
        {"config": {"url_base": "{{ config['base'] }}", "endpoints": [ENDPOINT]}},
        {"state": "{"},
        {"state": '[{"type": "LEGACY", "data": {"rows": 1}}]'},
    ],
    ids=str,
)
def test_a_read_that_cannot_begin_owes_statuses_too(files: dict[str, Any], api: Api, tmp_path: Path) -> None:
    """The destination waits for a terminal status of each configured stream, whatever is wrong."""
    both = catalog(rows="full_refresh", other="full_refresh")
    done = run(tmp_path, "read", **{"config": config(api), "catalog": both, **files})
    failed(done)
    assert (done.statuses("rows"), done.statuses("other")) == (["INCOMPLETE"], ["INCOMPLETE"])
    assert api.requests == []


def test_a_url_base_that_is_none_fails_the_check(tmp_path: Path) -> None:
    """An invalid URL that shows only at the request is still a config error."""
    done = run(tmp_path, "check", config={"url_base": "http://[::1", "endpoints": [ENDPOINT]})
    assert (done.code, done.bodies("CONNECTION_STATUS")[0]["status"]) == (0, "FAILED")


@pytest.mark.parametrize("file", ["config", "catalog", "state"])
def test_a_file_that_is_not_there(file: str, api: Api, tmp_path: Path) -> None:
    """The error names the file and what the system says."""
    given = {"config": config(api), "catalog": FULL, "state": []}
    del given[file]
    missing = str(tmp_path / "nowhere.json")
    done = finish(start(tmp_path, "read", f"--{file}", missing, **given), "read")
    failed(done, f"The {file} file {missing} cannot be read: No such file or directory.")


@pytest.mark.parametrize("command", ["check", "discover"])
def test_a_signal_ends_what_somebody_waits_for(command: str, tmp_path: Path) -> None:
    """After a signal, the process does not wait for a silent API."""
    with Api(token=TOKEN) as api:
        api.get("/rows")(lambda _: Answer("", delay=50))
        process = start(tmp_path, command, config=config(api))
        while not api.requests:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        signalled = time.monotonic()
        done = finish(process, command)
    assert (done.code, time.monotonic() - signalled < 6) == (143, True)


def test_a_signal_ends_it_though_nobody_reads(tmp_path: Path) -> None:
    """A reader that neither reads nor goes away does not hold the process."""
    with Api(token=TOKEN) as api:
        api.get("/rows")(lambda call: [{"id": f"{call.number}-{n}", "pad": "x" * 1000} for n in range(1000)])
        process = start(tmp_path, "read", config=config(api), catalog=FULL)
        while len(api.requests) < 5:  # four of them fill the queue
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        signalled = time.monotonic()
        assert process.wait(timeout=20) == 143
        assert time.monotonic() - signalled < 6
        process.communicate()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk(api: Api, tmp_path: Path) -> None:
    """Messages that cannot be written make it fail, without a traceback."""
    (tmp_path / "config.json").write_text(json.dumps(config(api)))
    (tmp_path / "catalog.json").write_text(json.dumps(FULL))
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, str(MAIN), "read", "--config", "config.json", "--catalog", "catalog.json"],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=30,
        )
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_slow_reader_gets_everything(api: Api, tmp_path: Path) -> None:
    """Back-pressure is the pipe: what is not read yet waits, in bounded memory, and nothing is lost."""

    @api.get("/rows")
    def rows(call: Call) -> Any:
        page = int(call.arg("page"))
        return [{"id": page * 1000 + n, "pad": "x" * 4000} for n in range(1000)] if page <= 12 else []

    process = start(tmp_path, "read", config=config(api), catalog=FULL)
    while len(api.requests) < 4:
        time.sleep(0.02)
    time.sleep(0.5)
    asked = len(api.requests)
    done = finish(process, "read", FULL)
    assert (asked < 12, len(done.data("rows"))) == (True, 12_000)


def test_a_secret_that_comes_back_is_masked(tmp_path: Path) -> None:
    """An API that quotes the token in its error does not get it into ours; `finish` looks for it."""
    with Api() as api:
        api.get("/rows")(lambda call: Answer({"you sent": call.headers["Authorization"]}, 403))
        failed(run(tmp_path, "read", config=config(api), catalog=FULL), "****")
        [status] = run(tmp_path, "check", config=config(api)).bodies("CONNECTION_STATUS")
    assert "****" in status["message"]


@pytest.mark.parametrize("given", [{"bot": TOKEN}, f"bot: {TOKEN}\n"])
def test_further_secrets_are_sent_where_templates_want_them_and_are_never_shown(tmp_path: Path, given: Any) -> None:
    """`secrets`, as a mapping or as the text of the form, in a path, header and parameter; `finish` looks for it."""
    endpoint = {"name": "rows", "path": "bot{{ secrets.bot }}/rows", "params": {"key": "{{ secrets['bot'] }}"}}
    with Api() as api:

        @api.get("/bot{token}/rows")
        def rows(call: Call) -> Any:
            sent = {call.path_params["token"], call.arg("key"), call.headers["X-Key"]}
            return [{"id": 1}] if sent == {TOKEN} else Answer({"wrong": call.target}, 403)

        raw = config(
            api, endpoint, authentication={"type": "none"}, secrets=given, headers={"X-Key": "{{ secrets.bot }}"}
        )
        assert run(tmp_path, "read", config=raw, catalog=FULL).data("rows") == [{"id": 1}]
        api.get("/bot{token}/rows")(lambda call: Answer({"wrong": call.target}, 403))
        failed(run(tmp_path, "read", config=raw, catalog=FULL), "bot****/rows")
        [status] = run(tmp_path, "check", config=raw).bodies("CONNECTION_STATUS")
    assert "****" in status["message"]


def test_a_read_imports_only_what_it_needs(api: Api, tmp_path: Path) -> None:
    """Libraries that some configs need are imported where they are used: start-up counts."""
    command = [sys.executable, "-X", "importtime", str(MAIN)]
    more = arguments(tmp_path, "read", config=config(api), catalog=INCREMENTAL)
    done = subprocess.run([*command, *more], check=True, capture_output=True, timeout=60)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.decode().splitlines()}
    assert "pydantic" in imported
    assert not imported & {"airbyte_cdk", "cryptography", "jinja2", "jsonschema", "jwt", "pendulum", "regex", "yaml"}
    rare = {"concurrent.futures", "difflib", "html", "requests", "sqlite3", "urllib3"}
    assert imported & rare == set()
    verbs = {
        "http.interval_advice",
        "sync.check",
        "field_docs",
        "scaffold",
        "protocol.schema",
        "source",
        "protocol.spec",
    }
    assert not imported & {f"source_rest_api.{module}" for module in verbs}


def test_a_config_builds_only_the_models_that_it_uses() -> None:
    """Of the other models, the classes are all that start-up costs."""
    program = """
from source_rest_api.config import loading
from source_rest_api.model import Model

def below(model):
    return {model}.union(*map(below, model.__subclasses__()))

paging = {"type": "offset", "limit": 10}
orders = {"name": "orders", "path": "orders", "pagination": paging}
loading.load({"url_base": "https://api.example.com", "endpoints": [orders]})
built = {model.__name__ for model in below(Model) if model.__dict__.get("__pydantic_complete__")}
print(*sorted(built))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=MAIN.parent, check=True, capture_output=True, text=True)
    defaults = {"Json", "Limits", "NoAuth", "NoPagination", "Retry", "TokenLocation"}
    assert set(done.stdout.split()) == {"Config", "Offset", *defaults}


def test_start_up_looks_for_no_garbage_and_the_read_does(api: Api, tmp_path: Path) -> None:
    """The collector is off while the modules are imported and the config is loaded, and on when records are read."""
    program = f"""
import gc, runpy, sys
from source_rest_api import connector

told = []
class Watched(connector.Session):
    def __init__(self, *more):
        told.append(gc.isenabled())
        super().__init__(*more)
    def read(self, *more):
        told.append(gc.isenabled())
        return super().read(*more)
connector.Session = Watched
try:
    runpy.run_path({str(MAIN)!r}, run_name="__main__")
finally:
    sys.stderr.write(str((told, gc.get_freeze_count() > 0)))
"""
    more = arguments(tmp_path, "read", config=config(api), catalog=FULL)
    command = [sys.executable, "-c", program, *more]
    done = subprocess.run(command, cwd=MAIN.parent, check=True, capture_output=True, timeout=60)
    assert done.stderr.decode() == "([False, True], True)"

"""`try`: the first records of each stream as people or machines read them, with each request and why paging went on."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from source_rest_api.cli.text_table import table
from tests.api import Answer, Api, Call
from tests.process import PROGRAM, TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS: list[dict[str, Any]] = [{"id": n, "name": f"Ada {n}", "tags": ["x"]} for n in range(12)]
PAGES = {"type": "page_number", "page_size_param": "size", "page_size": 5}


@pytest.fixture
def api() -> Iterator[Api]:
    """Twelve rows, five a page, for who has the token in the query."""
    with Api() as api:

        @api.get("/rows")
        def rows(call: Call) -> Any:
            if call.arg("key") != TOKEN:
                return Answer({"message": f"no such key {call.arg('key')}"}, status=401)
            page = int(call.arg("page"))
            return ROWS[page * 5 - 5 : page * 5]

        yield api
    assert api.errors == []


def config(api: Api, *endpoints: dict[str, Any]) -> dict[str, Any]:
    """The key goes into the query, where it could be shown."""
    return {
        "url_base": api.url,
        "authentication": {"type": "api_key", "api_key": TOKEN, "in": "query", "name": "key"},
        "retry": {"max_attempts": 1},
        "endpoints": list(endpoints) or [{"name": "rows", "path": "rows", "pagination": PAGES}],
    }


def tried(folder: Path, given: dict[str, Any], *options: str) -> subprocess.CompletedProcess[str]:
    """Try a config."""
    path = folder / "config.json"
    path.write_text(json.dumps(given))
    done = subprocess.run([*PROGRAM, "try", str(path), *options], capture_output=True, text=True, check=False)
    assert TOKEN not in done.stdout + done.stderr
    return done


def test_it_shows_records_schema_and_requests(api: Api, tmp_path: Path) -> None:
    """No catalog and no state are needed; the numbers are those of the server."""
    done = tried(tmp_path, config(api), "--limit", "7")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("rows: 7 records (the limit of 7 was reached), 2 requests, ")
    assert lines[2:11] == ["id  name   tags", "--  -----  -----", *(f'{n}   Ada {n}  ["x"]' for n in range(7))]
    assert lines[12:16] == ["Schema", "id    integer", "name  string", "tags  array of string"]
    [first, second] = lines[18:]
    size = len(json.dumps(ROWS[:5]))
    assert first.startswith(f"GET {api.url}/rows?size=5&page=1&key=****  200  ")
    assert first.endswith(f" ms  {size} bytes  5 records  continues at 2")
    assert second.endswith("5 records  continues at 3")
    assert len(api.requests) == 2


def test_its_schema_is_that_of_discover(api: Api, tmp_path: Path) -> None:
    """The key of the config is an identifier, whatever its name."""

    @api.get("/codes")
    def codes(_: Call) -> Any:
        return [{"code": 1, "amount": 1}]

    given = config(api, {"name": "codes", "path": "codes", "primary_key": "code"})
    [stream] = json.loads(tried(tmp_path, given, "--json").stdout)["streams"]
    kinds = {name: field["type"][1] for name, field in stream["json_schema"]["properties"].items()}
    assert kinds == {"code": "integer", "amount": "number"}


def test_it_says_why_paging_ended(api: Api, tmp_path: Path) -> None:
    """The reason stands beside the last request."""
    done = tried(tmp_path, config(api), "--limit", "100", "--json")
    [stream] = json.loads(done.stdout)["streams"]
    assert stream["records"] == ROWS
    assert stream["ended"] == "all records were read"
    assert stream["error"] is None
    assert [request["paging"] for request in stream["requests"]][-1] == "ends: empty page"
    assert [request["records"] for request in stream["requests"]] == [5, 5, 2, 0]
    assert {request["status"] for request in stream["requests"]} == {200}
    assert stream["requests"][0]["url"] == f"{api.url}/rows?size=5&page=1&key=****"
    assert stream["json_schema"]["properties"]["id"] == {"type": ["null", "integer"]}


def test_streams_are_chosen_by_name(api: Api, tmp_path: Path) -> None:
    """A mistyped one is an error on stderr."""
    two = config(api, {"name": "rows", "path": "rows", "pagination": PAGES}, {"name": "bad", "path": "missing"})
    assert tried(tmp_path, two, "rows").returncode == 0
    done = tried(tmp_path, two, "rowz")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: Unknown stream `rowz`, did you mean `rows`?\n"


def test_an_error_stands_beside_what_came_before_it(api: Api, tmp_path: Path) -> None:
    """Each stream is tried; one that fails says why, and the exit code is 1."""
    two = config(api, {"name": "bad", "path": "missing"}, {"name": "rows", "path": "rows", "pagination": PAGES})
    done = tried(tmp_path, two)
    assert done.returncode == 1
    assert done.stdout.startswith("bad: 0 records (an error), 1 request, ")
    assert "Error\nStream bad, page 1, GET " in done.stdout
    assert "rows: 12 records (all records were read)" in done.stdout


def test_secrets_are_masked_in_errors_and_warnings(api: Api, tmp_path: Path) -> None:
    """Also if the API quotes them."""
    wrong = config(api)
    wrong["authentication"]["api_key"] = "wr0ng-k3y"
    done = tried(tmp_path, wrong)
    assert "wr0ng-k3y" not in done.stdout + done.stderr
    assert "no such key ****" in done.stdout


def test_a_config_that_is_wrong_is_an_error_for_people(api: Api, tmp_path: Path) -> None:
    """A sentence on stderr, no JSON."""
    done = tried(tmp_path, {**config(api), "endpints": []})
    assert (done.returncode, done.stdout) == (1, "")
    assert "endpints: unknown key, did you mean `endpoints`?" in done.stderr


def test_a_stream_of_many_empty_partitions_ends(tmp_path: Path) -> None:
    """After so many requests, whatever came."""
    with Api() as api:
        api.get("/repos")(lambda _: [{"id": n} for n in range(100)])
        api.get("/repos/{id}/items")(lambda _: [])
        given = {
            "url_base": api.url,
            "endpoints": [{"name": "repos", "path": "repos"}, {"name": "items", "path": "repos/{{ repos.id }}/items"}],
        }
        done = tried(tmp_path, given, "items")
        assert "items: 0 records (20 requests were sent), 20 requests" in done.stdout
        assert len(api.requests) == 20


def test_what_the_api_sends_cannot_move_the_cursor(tmp_path: Path) -> None:
    """Control characters in records and names are replaced."""
    with Api() as api:
        api.get("/rows")(lambda _: [{"a\x1b[2J": "\x1b]0;title\x07\nrm"}])
        done = tried(tmp_path, {"url_base": api.url, "endpoints": [{"name": "rows", "path": "rows"}]})
    assert "\x1b" not in done.stdout
    assert "\x07" not in done.stdout


def on_terminal(command: list[str], out: Any, term: str = "xterm", **more: str) -> str:
    """Run a command with stderr, and stdout unless it goes elsewhere, on a terminal of 80 columns."""
    env = {"TERM": term, **more}
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdout=out or theirs, stderr=theirs, env={**os.environ, "COLUMNS": "80", **env})
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 1 << 16)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert process.wait(30) == 0
    return shown.decode()


def test_on_a_terminal_no_line_is_too_wide(tmp_path: Path) -> None:
    """Columns that do not fit are named."""
    with Api() as api:
        api.get("/rows")(lambda _: [{f"field{n}": "x" * 30 for n in range(5)} | {"名": "王芳" * 40}])
        path = tmp_path / "config.json"
        path.write_text(json.dumps({"url_base": api.url, "endpoints": [{"name": "rows", "path": "rows"}]}))
        shown = on_terminal([*PROGRAM, "try", str(path)], None)
    assert "… and the columns field3, field4, 名" in shown
    assert "\x1b[1mrows\x1b[0m: 1 record" in shown


def test_a_narrow_terminal_shows_the_url_whole(tmp_path: Path) -> None:
    """It stands in a line of its own, so that it can be copied; the line below is cut."""
    with Api() as api:
        api.get("/rows")(lambda call: [] if call.arg("after") else {"rows": [{"id": 1}], "next": "n" * 99})
        pages = {"type": "cursor", "cursor_path": "next", "cursor_param": "after"}
        endpoint = {"name": "rows", "path": "rows", "params": {"fields": "x" * 70}, "pagination": pages}
        path = tmp_path / "config.json"
        path.write_text(json.dumps({"url_base": api.url, "endpoints": [endpoint]}))
        shown = on_terminal([*PROGRAM, "try", str(path), "--limit", "1"], None).splitlines()
    line = shown.index(f"GET {api.url}/rows?fields={'x' * 70}")
    assert re.fullmatch(r"  200  \d+ ms  \d+ bytes  1 record  continues at n+…", shown[line + 1])
    assert len(shown[line + 1]) == 80


@pytest.mark.parametrize(("term", "more"), [("dumb", {}), ("", {}), ("xterm", {"NO_COLOR": "1"})])
def test_a_plain_terminal_shows_no_styles(term: str, more: dict[str, str], api: Api, tmp_path: Path) -> None:
    """It would show the control sequences instead. The width counts all the same."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config(api)))
    shown = on_terminal([*PROGRAM, "try", str(path)], None, term, **more)
    assert "Schema" in shown
    assert "\x1b" not in shown


def test_a_dumb_terminal_shows_no_progress(api: Api, tmp_path: Path) -> None:
    """Its cursor cannot be moved up."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config(api)))
    with (tmp_path / "messages.jsonl").open("wb") as file:
        assert on_terminal([*PROGRAM, "read", "--config", str(path)], file, "dumb") == ""


@pytest.mark.parametrize("watched", [True, False])
def test_progress_is_shown_to_who_watches_stderr(watched: bool, api: Api, tmp_path: Path) -> None:
    """On a terminal, while stdout goes to a file; the messages in the file are the same as ever."""
    path, out = tmp_path / "config.json", tmp_path / "messages.jsonl"
    path.write_text(json.dumps(config(api)))
    command = [*PROGRAM, "read", "--config", str(path)]
    with out.open("wb") as file:
        if watched:
            shown = on_terminal(command, file)
            assert "rows  12 records    done" in shown
            assert "1 of 1 stream done, 12 records, " in shown
        else:
            done = subprocess.run(command, stdout=file, stderr=subprocess.PIPE, check=True)
            assert done.stderr == b""
    messages = [json.loads(line) for line in out.read_text().splitlines()]
    assert [message["record"]["data"] for message in messages if message["type"] == "RECORD"] == ROWS


def test_debug_logs_one_line_a_request(api: Api, tmp_path: Path) -> None:
    """With method, URL, status, time and size; without the secret."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config(api)))
    done = subprocess.run([*PROGRAM, "read", "--debug", "--config", str(path)], capture_output=True, check=True)
    logs = [json.loads(line)["log"] for line in done.stdout.splitlines() if line.startswith(b'{"type":"LOG"')]
    told = [log["message"] for log in logs if log["level"] == "DEBUG"]
    assert len(told) == len(api.requests)
    assert told[0].startswith(f"GET {api.url}/rows?size=5&page=1&key=**** 200, ")
    assert told[0].endswith(f" ms, {len(json.dumps(ROWS[:5]))} bytes")


@pytest.mark.parametrize(
    ("rows", "width", "lines"),
    [
        ([["1", "x"]], None, ["a  b", "-  -", "1  x"]),
        ([["1", "y" * 50]], None, ["a  b", f"-  {'-' * 40}", f"1  {'y' * 39}…"]),
        ([["1", "x"]], 3, ["a", "-", "1", "… and the columns b"]),
        ([["王", "x"]], None, ["a   b", "--  -", "王  x"]),
        ([], None, ["a  b", "-  -"]),
    ],
)
def test_tables(rows: list[list[str]], width: int | None, lines: list[str]) -> None:
    """Cells are aligned by the columns that they take, and cut."""
    assert table(["a", "b"], rows, width) == lines


def test_a_table_in_full() -> None:
    """All columns and all of each cell, however narrow the terminal is."""
    assert table(["a", "b"], [["x" * 50, "y\n"]], 10, whole=True) == [
        "a" + " " * 51 + "b",
        "-" * 50 + "  --",
        "x" * 50 + "  y",
    ]


def test_cells_are_shorter_where_more_columns_then_fit() -> None:
    """Half of a long text is enough to know it by."""
    [_, _, row] = table(["a", "b"], [["x" * 50, "y" * 50]], 44)
    assert row == "x" * 19 + "…  " + "y" * 19 + "…"

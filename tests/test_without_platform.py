"""`main.py` without a platform: a read without a catalog, states from what a read printed, configs from stdin."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

import source_rest_api
from tests.api import Answer, Api, Call
from tests.process import PROGRAM, TOKEN, Run, arguments, collect, launch, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS = [{"id": n, "at": f"2024-01-{n + 1:02d}T00:00:00Z"} for n in range(20)]
TAGS = [{"id": "a"}, {"id": "b"}]


@pytest.fixture
def api() -> Iterator[Api]:
    """`/rows` by page number and by `since`, `/tags` at once."""
    with Api(token=TOKEN) as api:

        @api.get("/rows")
        def rows(call: Call) -> Any:
            found = [row for row in ROWS if str(row["at"]) >= call.arg("since")]
            page = int(call.arg("page"))
            return found[page * 5 - 5 : page * 5]

        api.get("/tags")(lambda _: TAGS)
        yield api
    assert api.errors == []


def config(api: Api) -> dict[str, Any]:
    """Two streams, one of them with a cursor."""
    incremental = {"cursor_field": "at", "start_param": "since"}
    pagination = {"type": "page_number", "page_size": 5}
    rows = {"name": "rows", "path": "rows", "primary_key": "id", "pagination": pagination, "incremental": incremental}
    return {
        "url_base": api.url,
        "authentication": {"type": "bearer", "token": TOKEN},
        "retry": {"max_attempts": 1},
        "endpoints": [rows, {"name": "tags", "path": "tags"}],
    }


def wrong(done: subprocess.CompletedProcess[str]) -> str:
    """Returns what a command with wrong arguments prints."""
    assert (done.returncode, done.stdout) == (2, "")
    return done.stderr


def command(*given: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as typed."""
    return subprocess.run([*PROGRAM, *given], capture_output=True, text=True, check=False)


def test_a_read_without_a_catalog_reads_all_streams(api: Api, tmp_path: Path) -> None:
    """Each is COMPLETE, and one with a cursor is read incrementally."""
    done = run(tmp_path, "read", config=config(api))
    assert (done.code, done.data("rows"), done.data("tags")) == (0, ROWS, TAGS)
    states = {state["stream"]["stream_descriptor"]["name"]: state["stream"]["stream_state"] for state in done.states}
    assert states["rows"]["cursor"] == ROWS[-1]["at"]
    assert "cursor" not in states["tags"]


def test_streams_are_chosen_by_name(api: Api, tmp_path: Path) -> None:
    """`--streams` reads these alone; a mistyped one is an error with a suggestion, and nothing is sent."""
    done = run(tmp_path, "read", "--streams", "tags", config=config(api))
    assert (done.code, done.data("rows"), done.data("tags")) == (0, [], TAGS)
    asked = len(api.requests)
    done = run(tmp_path, "read", "--streams", "tags, rowz", config=config(api))
    assert done.code == 1
    assert [error["message"] for error in done.errors] == ["Unknown stream `rowz`, did you mean `rows`?"]
    assert len(api.requests) == asked


def test_a_catalog_chooses_alone() -> None:
    """Two lists of streams would contradict each other."""
    for option in (["--full-refresh"], ["--streams", "a"]):
        message = wrong(command("read", "--config", "c", "--catalog", "d", *option))
        assert "--catalog" in message


def whole(done: Run) -> str:
    """All that a read printed."""
    return done.stdout.decode()


def states_alone(done: Run) -> str:
    """Its states."""
    return "".join(line.decode() + "\n" for line in done.lines if line.startswith(b'{"type":"STATE"'))


def cut(done: Run) -> str:
    """Killed within a record."""
    return done.stdout.decode() + '{"type":"RECORD","record":{"strea'


def cut_state(done: Run) -> str:
    """Killed within a state."""
    return done.stdout.decode() + '{"type":"STATE","state":{"type":"STR'


@pytest.mark.parametrize("kept", [whole, states_alone, cut, cut_state])
def test_a_state_is_what_read_printed(kept: Any, api: Api, tmp_path: Path) -> None:
    """All the lines, the states alone, or the lines of a read that was killed while it wrote one."""
    first = run(tmp_path, "read", config=config(api))
    second = run(tmp_path, "read", config=config(api), state=kept(first))
    assert (second.code, second.data("rows"), second.data("tags")) == (0, [], TAGS)
    third = run(tmp_path, "read", "--full-refresh", config=config(api), state=kept(first))
    assert third.data("rows") == ROWS
    assert third.states[-1]["stream"]["stream_state"].keys() == first.states[-1]["stream"]["stream_state"].keys()


def test_lines_that_are_no_messages_are_no_state(api: Api, tmp_path: Path) -> None:
    """A file that is broken in its middle is an error with its place, not a read from the beginning."""
    state = '{"type":"LOG","log":{"level":"INFO","message":"x"}}\n{"type":"STATE",}\n{"type":"LOG","log":{}}\n'
    done = run(tmp_path, "read", config=config(api), state=state)
    [error] = done.errors
    assert done.code == 1
    assert "state.json is not valid JSON in line 1, column 1" in error["message"]  # the comma, or what follows it
    assert api.requests == []


def kept(path: Path) -> dict[str, Any]:
    """The states in a file."""
    streams = [each["stream"] for each in json.loads(path.read_text())]
    return {stream["stream_descriptor"]["name"]: stream["stream_state"] for stream in streams}


def test_a_kept_state_is_the_start_of_the_next_read(api: Api, tmp_path: Path) -> None:
    """The same command, again and again, reads what is new; the states of streams that were left out stay."""
    path = tmp_path / "kept.json"
    options = ("--keep-state", str(path))
    first = run(tmp_path, "read", *options, config=config(api))
    assert first.data("rows") == ROWS
    cursor = kept(path)["rows"]["cursor"]
    again = run(tmp_path, "read", *options, "--streams", "tags", config=config(api))
    assert (again.data("rows"), kept(path)["rows"]["cursor"]) == ([], cursor)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(globals(), "ROWS", [*ROWS, {"id": 99, "at": "2024-02-01T00:00:00Z"}])
        third = run(tmp_path, "read", *options, config=config(api))
    assert third.data("rows") == [{"id": 99, "at": "2024-02-01T00:00:00Z"}]
    assert kept(path)["rows"]["cursor"] == "2024-02-01T00:00:00Z"
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")] == []
    assert run(tmp_path, "read", config=config(api), state=path.read_text()).data("rows") == []


def test_a_kept_state_covers_what_a_failed_read_delivered(api: Api, tmp_path: Path) -> None:
    """A read that fails half way leaves a state from which the next one resumes, without a lost or repeated row."""
    path = tmp_path / "kept.json"
    path.write_text("[]")
    path.chmod(0o640)
    failing = {"on": True}

    @api.get("/rows")
    def rows(call: Call) -> Any:
        page = int(call.arg("page"))
        found = [row for row in ROWS if str(row["at"]) >= call.arg("since")]
        return Answer({}, status=500) if failing["on"] and page == 3 else found[page * 5 - 5 : page * 5]

    one = {**config(api), "max_concurrency": 1}
    first = run(tmp_path, "read", "--keep-state", str(path), config=one)
    assert (first.code, first.data("rows")) == (1, ROWS[:10])
    assert path.stat().st_mode & 0o777 == 0o640
    failing["on"] = False
    second = run(tmp_path, "read", "--keep-state", str(path), config=one)
    assert (second.code, second.data("rows")) == (0, ROWS[10:])


def test_a_state_that_cannot_be_kept_stops_the_read(api: Api, tmp_path: Path) -> None:
    """The error comes before anything is read."""
    done = run(tmp_path, "read", "--keep-state", str(tmp_path / "missing" / "kept.json"), config=config(api))
    assert done.code == 1
    assert "`--keep-state` cannot write" in done.errors[0]["message"]
    assert api.requests == []


@pytest.mark.parametrize("yaml", [False, True])
def test_a_config_comes_from_stdin(yaml: bool, api: Api) -> None:
    """`-` reads JSON or YAML from stdin."""
    text = f"url_base: {api.url}\nauthentication: {{type: bearer, token: {TOKEN}}}\nendpoints:\n"
    given = f"{text}- {{name: tags, path: tags}}" if yaml else json.dumps(config(api))
    done = subprocess.run([*PROGRAM, "read", "--config", "-"], input=given, capture_output=True, text=True, check=True)
    assert '"data":{"id": "a"}' in done.stdout


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        (
            "config.json",
            '{\n  "url_base": "x"\n  "endpoints": []}',
            "not valid JSON in line 3, column 3: expecting ','",
        ),
        ("config.json", '{"a": [1,', "not valid JSON in line 1, column 10"),
        ("config.yaml", "url_base: x\nendpoints: [", "not valid YAML in line 2, column 13"),
    ],
)
def test_a_broken_file_is_an_error_with_its_place(name: str, text: str, place: str, tmp_path: Path) -> None:
    """Line and column, as an editor counts them."""
    path = tmp_path / name
    path.write_text(text)
    done = collect(launch([*PROGRAM, "check", "--config", str(path)]), 30)
    [status] = done.bodies("CONNECTION_STATUS")
    assert place in status["message"]


def test_a_mistyped_command_is_recognized() -> None:
    """The closest command, or all of them."""
    assert "unknown command `chek`, did you mean `check`?" in wrong(command("chek", "--config", "c"))
    assert "argument --limit: '0' is not a whole number above 0" in wrong(command("try", "c", "--limit", "0"))
    assert "argument --limit: 'x' is not a whole number above 0" in wrong(command("try", "c", "--limit", "x"))
    assert "known are `spec`" in wrong(command("x"))


def test_it_tells_its_version() -> None:
    """The version of the package."""
    done = command("--version")
    assert (done.returncode, done.stdout) == (0, f"source-rest-api {source_rest_api.__version__}\n")


@pytest.mark.parametrize(("path", "code"), [("rows", 0), ("gone", 1)])
def test_check_may_tell_by_its_exit_code(path: str, code: int, api: Api, tmp_path: Path) -> None:
    """With `--exit-code` a failed check exits with 1, even if the config is invalid; without it, with 0."""
    given = config(api)
    given["endpoints"][0]["path"] = path
    assert run(tmp_path, "check", "--exit-code", config=given).code == code
    assert run(tmp_path, "check", config=given).code == 0
    assert run(tmp_path, "check", "--exit-code", config={}).code == 1


def environment(tmp_path: Path, verb: str, given: Any, **variables: str) -> Run:
    """Run a command with these variables."""
    return collect(launch([*PROGRAM, *arguments(tmp_path, verb, config=given)], variables), 30)


def test_secrets_come_from_the_environment(tmp_path: Path) -> None:
    """`${NAME}` is the variable's value, alone or within a text; it is masked; `$${NAME}` is the text itself."""
    secret = "zq-Xy/94+env"
    with Api(token=secret) as api:
        api.get("/tags")(lambda call: Answer({"message": f"no: {call.arg('q')} {call.arg('key')}"}, status=400))
        given = {**config(api), "authentication": {"type": "bearer", "token": "${SHOP_TOKEN}"}}
        params = {"q": "a${SHOP_TOKEN}b", "key": "$${SHOP_TOKEN}"}
        given["endpoints"] = [{"name": "tags", "path": "tags", "params": params}]
        done = environment(tmp_path, "read", given, SHOP_TOKEN=secret)
        [request] = api.requests
    assert (request.arg("q"), request.arg("key")) == (f"a{secret}b", "${SHOP_TOKEN}")
    assert "no: a****b ${SHOP_TOKEN}" in done.errors[0]["message"]
    assert secret not in done.stdout.decode()


@pytest.mark.parametrize("variables", [{}, {"SHOP_TOKEN": ""}])
def test_a_variable_that_is_not_set_is_named(variables: dict[str, str], api: Api, tmp_path: Path) -> None:
    """An empty token would be sent as none."""
    given = {**config(api), "authentication": {"type": "bearer", "token": "${SHOP_TOKEN}"}}
    done = environment(tmp_path, "read", given, **variables)
    [error] = done.errors
    assert (done.code, error["failure_type"]) == (1, "config_error")
    assert "the environment variable `SHOP_TOKEN`, which is not set" in error["message"]
    assert api.requests == []


def test_the_cloud_gives_nothing_of_its_environment(api: Api, tmp_path: Path) -> None:
    """There the environment is the platform's, and who fills in the form shall not read it."""
    given = {**config(api), "authentication": {"type": "bearer", "token": "${SHOP_TOKEN}"}}
    done = environment(tmp_path, "read", given, SHOP_TOKEN="platform", DEPLOYMENT_MODE="cloud")
    assert "which is not set" in done.errors[0]["message"]


def test_a_rotated_token_leaves_the_other_variables_in_the_file(tmp_path: Path) -> None:
    """`--update-config` writes the new refresh token; `${NAME}` elsewhere stays `${NAME}`."""
    with Api() as api:
        api.post("/token")(lambda _: {"access_token": "acc-1", "refresh_token": "ref-new", "expires_in": 3600})
        api.get("/tags")(lambda _: TAGS)
        oauth = {
            "type": "oauth2",
            "token_url": f"{api.url}/token",
            "grant_type": "refresh_token",
            "client_id": "id",
            "client_secret": "${SHOP_SECRET}",
            "refresh_token": "${SHOP_REFRESH}",
        }
        given = {"url_base": api.url, "authentication": oauth, "endpoints": [{"name": "tags", "path": "tags"}]}
        made = arguments(tmp_path, "read", "--update-config", config=given)
        done = collect(launch([*PROGRAM, *made], {"SHOP_SECRET": "s3cr3t-s3cr3t", "SHOP_REFRESH": "ref-old"}), 30)
        [control] = done.bodies("CONTROL")
    assert done.code == 0
    saved = json.loads((tmp_path / "config.json").read_text())
    assert saved == control["connectorConfig"]["config"]
    assert saved["authentication"] == {**oauth, "refresh_token": "ref-new"}

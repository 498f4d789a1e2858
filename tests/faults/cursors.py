"""C: cursors that lie ahead, tie, are missing or in other forms; states of other times; what is read after a kill."""

from __future__ import annotations

import json
import os
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from tests.api import Answer
from tests.faults import clock
from tests.faults.case import UPDATED, ago, endpoint, gone, rows
from tests.faults.row import Table

if TYPE_CHECKING:
    from tests.api import JSON, Call
    from tests.faults.case import Case

table = Table()
WINDOWED = {**UPDATED, "end_param": "until", "step": "P1D"}
SINCE = "2024-01-01T00:00:00Z"
INCREMENTAL = endpoint(incremental=UPDATED)


def stream_state(name: str, state: Any) -> list[JSON]:
    """A state file of one stream."""
    return [{"type": "STREAM", "stream": {"stream_descriptor": {"name": name}, "stream_state": state}}]


@table.row(
    "C-01", "a row dated 2099; after the first sync a new row of today", "the new row comes with the second sync"
)
def _(case: Case) -> None:
    case.serve([*rows(3), {"id": 90, "updated_at": "2099-01-01T00:00:00Z", "name": "ahead"}])
    first = case.read(INCREMENTAL)
    now = f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
    case.truth["rows"].append({"id": 91, "updated_at": now, "name": "new"})
    second = case.read(INCREMENTAL, state=first.states[-1:])
    case.complete(second)
    assert 91 in [row["id"] for row in second.data("rows")]


@table.row("C-02", "a row at 23:59:59.500, read by days", "it arrives")
def _(case: Case) -> None:
    midnight = ago(48)[:11] + "00:00:00Z"
    late = {"id": 90, "updated_at": midnight[:11] + "23:59:59.500Z", "name": "late"}
    case.serve([*rows(24, since=midnight), late, *rows(24, 24, since=midnight)], size=100)
    case.complete(case.read(endpoint(incremental=WINDOWED, pagination=None), start_date=midnight))


@table.row(
    "C-03", "interval 1 is done, the request for interval 2 hangs", "its rows and its state are out within a second"
)
def _(case: Case) -> None:
    since = ago(48)
    hanging = lambda call, body: Answer(body, delay=60 if call.arg("since") > since else 0)  # noqa: E731
    case.serve(rows(48, since=since), hanging, size=50)
    config = case.config(endpoint(incremental=WINDOWED, pagination=None), start_date=since)
    process = case.start("read", config)
    assert process.stdout
    while len(case.api.requests) < 2:
        time.sleep(0.01)
    os.set_blocking(process.stdout.fileno(), False)
    time.sleep(1)
    said = process.stdout.read() or b""
    process.kill()
    process.communicate()
    found = [json.loads(line)["type"] for line in said.splitlines()]
    case.seen = f"after a second {found.count('RECORD')} rows and {found.count('STATE')} states are on stdout"
    assert found.count("RECORD") >= 24
    assert found[-1] == "STATE" or "STATE" in found


@table.row(
    "C-04",
    "kill -9 at a random record, three times, each time resumed from the last state",
    "no row is missing of those before a state",
    scale="240 rows in 10 intervals",
)
def _(case: Case) -> None:
    since = ago(240)
    case.serve(rows(240, since=since), lambda _, body: Answer(body, delay=0.02), size=6)
    paged = {**endpoint()["pagination"], "page_size": 6}
    config = case.config(endpoint(incremental=WINDOWED, pagination=paged), start_date=since)
    durable: list[JSON] = []
    state: list[JSON] = []
    for kill_at in (45, 80, 31, None):
        messages, state = killed_at(case, config, state, kill_at)
        durable += messages
    missing = {row["id"] for row in case.truth["rows"]} - {row["id"] for row in durable}
    case.seen = f"{len(missing)} of 240 rows are missing, {len(durable)} were durable"
    assert not missing


def killed_at(
    case: Case, config: dict[str, Any], state: list[JSON], kill_at: int | None
) -> tuple[list[JSON], list[JSON]]:
    """Read from a state, and kill it at the n-th record; the records before the last state, and that state."""
    process = case.start("read", config, state or None)
    assert process.stdout
    waiting: list[JSON] = []
    durable: list[JSON] = []
    count = 0
    for line in process.stdout:
        try:
            message = json.loads(line)
        except ValueError:
            break
        if message["type"] == "RECORD":
            waiting.append(message["record"]["data"])
            count += 1
            if count == kill_at:
                process.kill()
        if message["type"] == "STATE":
            state = [message["state"]]
            durable, waiting = durable + waiting, []
    process.communicate()
    return durable, state


@table.row("C-06", "rows come out of the cursor's order, and page 3 fails for good", "after the state none is lost")
def _(case: Case) -> None:
    mixed = rows(20)[::2] + rows(20)[1::2]
    case.serve(mixed, lambda call, body: gone(call, body) if call.arg("page") == "3" else body)
    done = case.read(INCREMENTAL)
    case.failed(done, "transient_error|system_error")


@table.row(
    "C-07",
    "cursors that are null, missing, garbage, of a leap second (`:60`), with a space for the T",
    "all rows; those without a readable cursor are counted, and the log shows the value",
)
def _(case: Case) -> None:
    values = [None, "garbage", "2016-12-31T23:59:60Z", "2024-01-01 10:00:00"]
    odd = [{"id": n, "updated_at": value, "name": "odd"} for n, value in enumerate(values)]
    case.truth["rows"] = [*odd, {"id": 9, "name": "missing"}, *rows(5, 10)]
    case.answer("rows", {"rows": case.truth["rows"]})
    done = case.read(endpoint(incremental=UPDATED, pagination=None))
    case.complete(done)
    told = " ".join(log["message"] for log in done.bodies("LOG"))
    if case.ours:
        assert "garbage" in told
        assert "3 without a readable cursor" in told


@table.row("C-08", "the same, filtered by the connector", "nothing is dropped but what is older than the state")
def _(case: Case) -> None:
    odd: list[JSON] = [{"id": 90, "updated_at": None, "name": "null"}, {"id": 91, "name": "missing"}]
    case.truth["rows"] = [*rows(10), *odd]
    case.answer("rows", {"rows": case.truth["rows"]})
    here = endpoint(incremental={"cursor_field": "updated_at"}, pagination=None)
    first = case.read(here)
    case.complete(first)
    second = case.read(here, state=first.states[-1:])
    assert {row["id"] for row in second.data("rows")} == ({90, 91} if case.ours else {9, 90, 91})


@table.row(
    "C-09",
    "states: not a date, an unknown key, `[]`, a legacy object",
    "an error that says so, ignored, read, read or an error",
)
def _(case: Case) -> None:
    case.serve(rows(5))
    bad = case.read(INCREMENTAL, state=stream_state("rows", {"version": 1, "cursor": "soon", "updated_at": "soon"}))
    case.failed(bad, "config_error", "soon", "state")
    known = {"version": 1, "cursor": SINCE, "updated_at": SINCE}
    for state in (stream_state("rows", {**known, "unknown": "key"}), []):
        case.complete(case.read(INCREMENTAL, state=state))
    legacy = case.read(INCREMENTAL, state={"rows": {"updated_at": SINCE}})
    assert legacy.code == 0 or legacy.errors[0].get("failure_type") == "config_error"


@table.row(
    "C-10",
    "states of the years 9999 and 1, and from before the start date",
    "no rows, or all; no crash",
)
def _(case: Case) -> None:
    case.serve(rows(5))
    for moment in ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2019-06-01T00:00:00Z"):
        state = stream_state("rows", {"version": 1, "cursor": moment, "updated_at": moment})
        done = case.read(endpoint(incremental={**UPDATED, "lookback": "P1D"}), state=state, start_date=SINCE)
        case.complete(done)
        assert moment > "2024" or len(done.data("rows")) == 5


@table.row("C-11", "cursors in `+05:30` beside `Z`", "the newest is found by time, not by text")
def _(case: Case) -> None:
    odd = [
        {"id": 1, "updated_at": "2024-01-01T05:00:00+05:30", "name": "23:30 the day before"},
        {"id": 2, "updated_at": "2024-01-01T01:00:00Z", "name": "the newest"},
    ]
    case.truth["rows"] = odd
    case.answer("rows", {"rows": odd})
    here = endpoint(incremental={"cursor_field": "updated_at"}, pagination=None)
    first = case.read(here)
    second = case.read(here, state=first.states[-1:])
    assert [row["id"] for row in second.data("rows")] in ([], [2])  # a row that was delivered need not come again


@table.row(
    "C-12",
    "cursors in s, ms and µs since the epoch, as integers, texts and decimals",
    "exact, and the state stays of one kind",
)
def _(case: Case) -> None:
    moment = 1_717_200_000
    forms: dict[str, tuple[str, list[Any]]] = {
        "s": ("%s", [moment, moment + 1]),
        "s_text": ("%s", [str(moment), str(moment + 1)]),
        "ms": ("%ms", [moment * 1000 + 1, moment * 1000 + 999]),
        "ms_text": ("%ms", [str(moment * 1000 + 1), str(moment * 1000 + 999)]),
        "us": ("%us", [moment * 10**6 + 1, moment * 10**6 + 999]),
    }
    endpoints = []
    for name, (form, values) in forms.items():
        case.truth[name] = [{"id": n, "updated_at": value} for n, value in enumerate(values)]
        case.answer(name, {"rows": case.truth[name]})
        incremental = {"cursor_field": "updated_at", "format": form, "record_format": form}
        endpoints.append(endpoint(name, incremental=incremental, pagination=None))
    first = case.read(*endpoints)
    case.complete(first)
    second = case.read(*endpoints, state=first.states)
    case.complete(second)
    for name in forms:  # the row at the cursor need not come again
        assert [row["id"] for row in second.data(name)] in ([], [1])
    kinds = {
        type(value) for state in [*first.states, *second.states] for value in _values(state["stream"]["stream_state"])
    }
    assert len(kinds) == 1


def _values(state: JSON) -> list[Any]:
    return [value for key, value in state.items() if key in {"cursor", "updated_at"}]


@table.row(
    "C-14",
    "the machine's clock jumps back an hour during a sync",
    "no interval ends before it begins; no row is lost",
    cannot="" if clock.COMPILER else "there is no C compiler to make a clock that jumps",
)
def _(case: Case) -> None:
    shifted = clock.build(case.folder)
    since = ago(30)

    def jumps(_: Call, body: JSON) -> JSON:
        shifted.jump(-3600)
        return body

    windowed = endpoint(incremental={**WINDOWED, "step": "PT6H"})
    case.serve([*rows(30, since=since), {"id": 90, "updated_at": ago(0), "name": "now"}], jumps)
    first = case.read(windowed, start_date=since, env=shifted.env)
    case.complete(first)
    shifted.jump(0)
    case.truth["rows"].append({"id": 91, "updated_at": ago(0), "name": "new"})
    second = case.read(windowed, start_date=since, state=first.states[-1:])
    shifted.jump(0)
    case.complete(second)
    assert 91 in [row["id"] for row in second.data("rows")]
    asked = [(call.arg("since"), call.arg("until")) for call in case.api.requests]
    assert all(begin <= end for begin, end in asked), asked


@table.row(
    "C-15",
    "of three intervals the second fails for good",
    "the rows of the first and third are out; the state lets only the second be read again; exit 1",
)
def _(case: Case) -> None:
    since = ago(72)
    bad = ago(48)
    case.serve(
        rows(72, since=since), lambda call, body: gone(call, body) if call.arg("since") == bad else body, size=50
    )
    windowed = endpoint(incremental=WINDOWED, pagination=None)
    done = case.read(windowed, start_date=since)
    case.failed(done, "transient_error|system_error")
    found = {row["id"] for row in done.data("rows")}
    assert {*range(24), *range(49, 72)} <= found
    case.healed = True
    before = len(case.api.requests)
    second = case.read(windowed, start_date=since, state=done.states[-1:])
    case.complete(second)
    assert len(second.data("rows")) < 60
    assert len(case.api.requests) - before <= 3


@table.row("C-16", "a parent's row changes while its children are read", "the next sync reads its children again")
def _(case: Case) -> None:
    parents = [{"id": n, "updated_at": f"2024-01-01T0{n}:00:00Z"} for n in range(3)]
    children = {n: [{"id": n * 10, "updated_at": "2024-01-01T00:00:00Z"}] for n in range(3)}
    case.api.get("/parents")(lambda _: {"rows": parents})

    @case.api.get("/parents/{id}/children")
    def of_parent(call: Call) -> Any:
        found = list(children[int(call.path_params["id"])])
        if call.path_params["id"] == "1" and call.number < 3:
            parents[1]["updated_at"] = "2024-06-01T00:00:00Z"
            children[1] = [*found, {"id": 11, "updated_at": "2024-06-01T00:00:00Z"}]
        return {"rows": found}

    streams = [
        endpoint("parents", incremental={"cursor_field": "updated_at"}, pagination=None),
        endpoint(
            "children",
            path="/parents/{{ parents.id }}/children",
            pagination=None,
            incremental={"cursor_field": "updated_at"},
        ),
    ]
    first = case.read(*streams)
    second = case.read(*streams, state=first.states)
    assert second.code == 0
    assert 11 in {row["id"] for row in [*first.data("children"), *second.data("children")]}


@table.row("C-17", "a full refresh fails", "no state says that it was completed")
def _(case: Case) -> None:
    case.serve(rows(20), lambda call, body: gone(call, body) if call.arg("page") == "3" else body)
    done = case.read()
    case.failed(done, "transient_error|system_error")
    said = [state["stream"]["stream_state"] for state in done.states]
    case.seen += f"; states {json.dumps(said)}" if said else ""
    assert not any("completed_at" in state or "__ab_no_cursor_state_message" in state for state in said)


@table.row(
    "C-18",
    "an incremental stream of many partitions",
    "the state's size is bounded and documented",
    scale="1,000 partitions, not 100,000",
)
def _(case: Case) -> None:
    count = 1000
    case.most_requests = 2 * count + 10
    case.api.get("/parents")(lambda _: {"rows": [{"id": n} for n in range(count)]})
    case.api.get("/parents/{id}/children")(
        lambda call: {"rows": [{"id": call.path_params["id"], "updated_at": "2024-01-01T00:00:00Z"}]}
    )
    done = case.read(
        endpoint("parents", pagination=None),
        endpoint(
            "children",
            path="/parents/{{ parents.id }}/children",
            pagination=None,
            incremental={"cursor_field": "updated_at"},
        ),
        seconds=60,
    )
    sizes = [
        len(json.dumps(state)) for state in done.states if state["stream"]["stream_descriptor"]["name"] == "children"
    ]
    case.seen = f"{sizes[-1]:,} bytes for {count:,} partitions, {sum(sizes):,} bytes of states in all"
    assert done.code == 0
    assert sizes[-1] < 100 * count
    assert sum(sizes) < 100 * sizes[-1]

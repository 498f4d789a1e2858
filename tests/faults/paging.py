"""P: pages that repeat, move, or hold nothing; tokens that look like something else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.api import Answer
from tests.faults.case import CURSOR, OFFSET, PAGE_NUMBER, UPDATED, endpoint, rows
from tests.faults.row import Table

if TYPE_CHECKING:
    from tests.api import Call
    from tests.faults.case import Case

table = Table()
TOKENS = ["1_000", "0x1F", "5e2", "007", "1.10", "(1)", "None"]
BY_TOKEN = endpoint(pagination=CURSOR)


def by_token(case: Case, following: dict[str, str]) -> list[str]:
    """Give five rows and a token that depends on the one that came; the tokens as they came, undecoded by JSON."""
    came: list[str] = []
    tokens = list(dict.fromkeys([*following, *following.values()]))

    @case.api.get("/rows")
    def page(call: Call) -> Any:
        came.append(call.arg("cursor"))
        body: dict[str, Any] = {"rows": rows(5, first=5 * tokens.index(came[-1]))}
        return body | ({"next": following[came[-1]]} if came[-1] in following else {})

    return came


def stuck(case: Case, following: dict[str, str], most: int) -> None:
    """The tokens go round: an error, after few requests."""
    by_token(case, following)
    case.most_requests = most
    case.failed(case.read(BY_TOKEN, seconds=15), "config_error|transient_error|system_error", "pagination")
    assert len(case.api.requests) <= most


@table.row("P-01", "the next token is always the same", "an error after at most 3 requests")
def _(case: Case) -> None:
    stuck(case, {"": "A", "A": "A"}, 3)


@table.row("P-02", "the tokens are A, B, A, B, …", "an error after at most 4 requests")
def _(case: Case) -> None:
    stuck(case, {"": "A", "A": "B", "B": "A"}, 4)


@table.row("P-03", f"tokens `{' '.join(TOKENS)}`", "8 pages, each token byte for byte in the request")
def _(case: Case) -> None:
    came = by_token(case, dict(zip(["", *TOKENS], TOKENS, strict=False)))
    case.truth["rows"] = rows(40)
    done = case.read(BY_TOKEN)
    assert came == ["", *TOKENS]
    case.complete(done)


@table.row("P-05", "an empty page with a next token", "the token is followed")
def _(case: Case) -> None:
    pages: dict[str, Any] = {"": (rows(5), "A"), "A": ([], "B"), "B": (rows(5, 5), None)}
    case.truth["rows"] = rows(10)

    @case.api.get("/rows")
    def page(call: Call) -> Any:
        found, following = pages[call.arg("cursor")]
        return {"rows": found, "next": following}

    case.complete(case.read(BY_TOKEN))


@table.row(
    "P-06",
    "a row is deleted between pages by offset, so that the rest moves up",
    "all other rows, or a warning of the drift",
)
def _(case: Case) -> None:
    shrinking = rows(12)

    def deleted(call: Call, body: Any) -> Any:
        if call.arg("offset", "0") == "0" and len(shrinking) == 12:
            del shrinking[0]
        return body

    case.serve(shrinking, deleted)
    case.truth["rows"] = rows(12)
    done = case.read(endpoint(pagination=OFFSET))
    case.complete(done)


@table.row(
    "P-07",
    "a row is inserted at the head between pages by offset or by number, so that one comes twice",
    "no row is lost; what comes twice is counted in the log",
)
def _(case: Case) -> None:
    growing = rows(12)

    def inserted(call: Call, body: Any) -> Any:
        first = call.arg("offset", "0") == "0" and call.arg("page", "1") == "1"
        if first and len(growing) == 12:
            growing.insert(0, {"id": 99, "updated_at": "2024-01-01T00:00:00Z", "name": "new"})
        return body

    for pagination in (OFFSET, PAGE_NUMBER):
        growing = rows(12)
        case.serve(growing, inserted)
        case.truth["rows"] = rows(12)
        done = case.read(endpoint(pagination=pagination))
        assert {row["id"] for row in rows(12)} <= {row["id"] for row in done.data("rows")}
        assert done.code == 0
        if case.ours:
            assert len(done.data("rows")) == 12
            assert any("1 skipped (already delivered)" in log["message"] for log in done.bodies("LOG"))


@table.row(
    "P-09",
    "the API refuses offsets beyond a limit with 400",
    "the interval is split until it fits: all rows",
    scale="the limit is 20, not 10,000",
)
def _(case: Case) -> None:
    def refused(call: Call, body: Any) -> Any:
        return Answer({"error": "offset is limited to 20"}, 400) if int(call.arg("offset") or 0) >= 20 else body

    case.serve(rows(60), refused)
    capped = {**OFFSET, "result_cap": 20} if case.ours else OFFSET
    splitting = {**UPDATED, "end_param": "until", "step": "P30D", **({"sorted": True} if case.ours else {})}
    case.complete(case.read(endpoint(pagination=capped, incremental=splitting), start_date="2024-01-01T00:00:00Z"))


@table.row("P-11", "the last page is exactly full", "all rows, and an end")
def _(case: Case) -> None:
    case.serve(rows(20))
    case.complete(case.read())
    assert len(case.api.requests) <= 5 + 8  # pages are asked for ahead

"""T: connections, deadlines, rate limits, statuses, redirects, tokens and proxies."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tests.api import Answer, Api
from tests.authority import CENTURY, Authority
from tests.faults.case import endpoint, on_page, rows
from tests.faults.row import Table

if TYPE_CHECKING:
    from tests.api import JSON, Call
    from tests.faults.case import Case

table = Table()
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def limited(case: Case, seconds: float, header: str | None, **more: str) -> list[float]:
    """Play 429 until so many seconds after the first request; the gaps between requests are then measured."""
    case.serve(rows(5))
    serve = case.api.handler("GET", "/rows")

    @case.api.get("/rows")
    def page(call: Call) -> Any:
        headers = more if header is None else {"Retry-After": header, **more}
        passed = call.at - case.api.requests[0].at
        return Answer({"error": "slow down"}, 429, headers) if passed < seconds else serve(call)

    done = case.read(retry=None, seconds=2 * seconds + 30)  # waits double, so the last may end as late again
    case.complete(done)
    times = [call.at for call in case.api.requests]
    return [after - before for before, after in pairwise(times)]


@table.row(
    "T-01",
    "the server takes the request and never answers",
    "transient_error after read timeout x tries",
    scale="read timeout 1 s",
)
def _(case: Case) -> None:
    case.answer("rows", Answer("", delay=100))
    # The CDK has no read timeout by default; ours is 60 s.
    settings: dict[str, Any] = {"read_timeout": 1} if case.ours else {}
    case.failed(case.read(seconds=15, **settings), "transient_error", "read_timeout")
    assert len(case.api.requests) == 2


@table.row(
    "T-02", "the answer comes a byte every 0.2 s", "transient_error by a deadline for the whole", scale="not every 2 s"
)
def _(case: Case) -> None:
    case.serve(rows(5), lambda _, body: Answer(body, drip=0.2))
    settings: dict[str, Any] = {"request_timeout": 1} if case.ours else {}
    done = case.read(read_timeout=1, retry={"max_attempts": 1}, seconds=15, **settings)
    case.failed(done, "transient_error", "request_timeout")


@table.row(
    "T-23",
    "the head of the answer comes a byte every 0.2 s",
    "transient_error by a deadline for the whole",
    scale="not every 2 s",
)
def _(case: Case) -> None:
    case.answer("rows", Answer(raw=OK + b"X-Slow: " + b"x" * 200 + b"\r\n\r\n[]", drip=0.2))
    settings: dict[str, Any] = {"request_timeout": 1} if case.ours else {}
    done = case.read(read_timeout=1, retry={"max_attempts": 1}, seconds=15, **settings)
    case.failed(done, "transient_error", "request_timeout")


@table.row("T-03", "429 with `Retry-After: 3`, twice", "3 s are waited each time")
def _(case: Case) -> None:
    seconds = case.seconds(3, 1)
    gaps = limited(case, 2 * seconds - 0.1, f"{seconds:g}")
    case.seen = f"waited {', '.join(f'{gap:.1f}' for gap in gaps[:2])} s"
    assert min(gaps[:2]) >= seconds


@table.row("T-04", "429 with an HTTP date 4 s ahead, by a server whose clock is an hour slow", "about 4 s are waited")
def _(case: Case) -> None:
    slow = datetime.now(timezone.utc) - timedelta(hours=1)
    seconds = case.seconds(4, 2)
    until, now = (format_datetime(moment, usegmt=True) for moment in (slow + timedelta(seconds=seconds), slow))
    gaps = limited(case, 0.5, until, Date=now)
    case.seen = f"waited {gaps[0]:.1f} s"
    assert seconds <= gaps[0] <= seconds + 3


@table.row(
    "T-05", "429 for 90 s without a word of when, then all is well", "waited out: all rows", scale="4 s in the tests"
)
def _(case: Case) -> None:
    limited(case, case.seconds(90, 3), None)


@table.row("T-06", "`Retry-After` of -5, nan, 1e9, abc, nothing", "the connector's own wait; no crash")
def _(case: Case) -> None:
    values = {"minus": "-5", "nan": "nan", "large": "1e9", "abc": "abc", "nothing": ""}
    for name, value in values.items():
        case.serve(rows(5), on_page(1, Answer("", 429, {"Retry-After": value}), times=1), name=name)
    done = case.read(*[endpoint(name) for name in values], retry=None)
    case.complete(done)


@table.row(
    "T-07",
    "429 with `Retry-After: 100000`",
    "transient_error at once; the status says RATE_LIMITED until when",
)
def _(case: Case) -> None:
    case.answer("rows", Answer({"error": "quota"}, 429, {"Retry-After": "100000"}))
    done = case.read(retry=None, seconds=15)
    case.failed(done, "transient_error", "rate_limit_seconds")
    reasons = [reason for status in done.status_bodies("rows") for reason in status.get("reasons", [])]
    assert any(abs(r["rate_limited"]["quota_reset"] / 1000 - time.time() - 100_000) < 60 for r in reasons)


@table.row(
    "T-09",
    "503 twice, then all is well; to a GET and to a POST",
    "the GET is tried again; the POST only if that is declared safe",
)
def _(case: Case) -> None:
    def twice(call: Call) -> Any:
        return Answer("", 503) if call.number < 2 else {"rows": rows(5)}

    for name in ("got", "posted", "safe"):
        case.api.route("GET" if name == "got" else "POST", f"/{name}")(twice)
    case.truth = {"got": rows(5), "safe": rows(5)}
    retry = {"max_attempts": 3}
    posted = endpoint("posted", http_method="POST", pagination=None)
    done = case.read(endpoint("got", pagination=None), posted, retry=retry, seconds=20)
    assert done.statuses("got")[-1] == "COMPLETE"
    case.failed(done, "transient_error", "503", stream="posted")
    assert len([call for call in case.api.requests if call.method == "POST"]) == 1
    if case.ours:
        safe = endpoint("safe", http_method="POST", pagination=None)
        case.complete(case.read(safe, retry={**retry, "post": True}), "safe")


@table.row("T-10", "422", "one request, config_error")
def _(case: Case) -> None:
    case.answer("rows", Answer({"error": "no such field"}, 422))
    case.failed(case.read(retry=None, seconds=15), "config_error|system_error", "422", "no such field")
    assert len(case.api.requests) == 1


@table.row("T-11", "410, 451; 501, 508, 520, 599", "4xx: one request, config_error; 5xx: tried again, transient_error")
def _(case: Case) -> None:
    statuses = {
        "410": "config_error",
        "451": "config_error",
        **dict.fromkeys(("501", "508", "520", "599"), "transient_error"),
    }
    for status in statuses:
        case.answer(status, Answer("", int(status)))
    done = case.read(*[endpoint(status) for status in statuses], max_concurrency=6)
    for status, kind in statuses.items():
        case.failed(done, kind, status, stream=status)
        asked = len([call for call in case.api.requests if call.path == f"/{status}"])
        assert asked == (1 if status[0] == "4" else 2)


@table.row("T-12", "each connection is reset; refused; a host that does not exist", "transient_error")
def _(case: Case) -> None:
    case.answer("rows", Answer("", reset=True))
    with Api() as unused:
        pass
    for url in (case.api.url, unused.url, "http://nothing.invalid"):
        done = case.read(url_base=url)
        case.failed(done, "transient_error", "url_base")


@table.row("T-13", "a certificate that is self-signed, has expired, is another host's", "one try, config_error")
def _(case: Case) -> None:
    authority = Authority()
    (case.folder / "ca.pem").write_text(authority.pem)
    trusting = {"REQUESTS_CA_BUNDLE": str(case.folder / "ca.pem")}
    servers = {
        "self-signed": ({}, Authority().server()),
        "expired": (trusting, authority.server(valid=timedelta(days=365))),
        "another host's": (trusting, authority.server(host="127.0.0.2")),
        "good": (trusting, authority.server(valid=CENTURY)),
    }
    for name, (env, tls) in servers.items():
        with Api(tls=tls) as api:
            api.get("/rows")(lambda call: {"rows": rows(5) if call.arg("page", "1") == "1" else []})
            done = case.read(url_base=api.url, retry=None, env=env, seconds=15)
        if name == "good":
            assert done.code == 0
        else:
            case.failed(done, "config_error", "certificate")


@table.row("T-14", "redirects that go round", "an error after one chain")
def _(case: Case) -> None:
    case.answer("rows", Answer("", 302, {"Location": "/rows"}))
    case.failed(case.read(retry=None, seconds=15), "config_error|transient_error|system_error", "redirect")
    assert len(case.api.requests) <= 31


class Tokens:
    """A token endpoint: gives T1-token, T2-token, …, of which only the newest is taken."""

    def __init__(self, case: Case) -> None:
        self.given = 0
        self.revoked = False
        case.api.token = None
        self.api = case.api
        self.api.post("/token")(self.give)
        self.auth = {
            "type": "oauth2",
            "token_url": f"{case.api.url}/token",
            "client_id": "me",
            "client_secret": "the-clients-secret",
            "grant_type": "client_credentials",
        }

    def give(self, _: Call) -> Any:
        """Give a new token."""
        self.given += 1
        return {"access_token": f"T{self.given}-token-secret", "expires_in": 3600}

    def checked(self, call: Call, body: JSON) -> Any:
        """401 for any other than the newest token, and for the first once it is revoked."""
        good = call.headers["Authorization"] == f"Bearer T{self.given}-token-secret"
        return body if good and not (self.revoked and self.given == 1) else Answer("", 401)


@table.row("T-16", "the access token is revoked during the sync", "one new token, and no row lost")
def _(case: Case) -> None:
    tokens = Tokens(case)

    def revoked(call: Call, body: JSON) -> Any:
        tokens.revoked = tokens.revoked or call.arg("page") == "2"
        return tokens.checked(call, body)

    case.serve(rows(20), revoked)
    case.complete(case.read(authentication=tokens.auth))
    assert tokens.given == 2


@table.row(
    "T-17",
    "the token endpoint answers 500, 400, HTML, nothing, no `expires_in`",
    "transient, config, an error, a bound, a default",
)
def _(case: Case) -> None:
    tokens = Tokens(case)
    case.serve(rows(5))
    answers: dict[str, tuple[Any, str]] = {
        "500": (Answer("", 500), "transient_error"),
        "400": (Answer({"error": "invalid_client"}, 400), "config_error"),
        "HTML": (Answer("<html>", headers={"Content-Type": "text/html"}), "config_error|transient_error|system_error"),
        "nothing": (Answer("", delay=100), "transient_error"),
    }
    told = []
    for name, (answer, kind) in answers.items():
        case.answer("token", answer, "POST")
        done = case.read(authentication=tokens.auth, read_timeout=1, seconds=15)
        told.append(f"{name}: {done.errors[0].get('failure_type') if done.errors else 'no error'}")
        case.seen = ", ".join(told)
        case.failed(done, kind)
    case.answer("token", {"access_token": "T0-token-secret"}, "POST")
    case.complete(case.read(authentication=tokens.auth))


@table.row("T-18", "eight threads see 401 together", "one new token")
def _(case: Case) -> None:
    tokens = Tokens(case)

    def revoked(call: Call, body: JSON) -> Any:
        tokens.revoked = tokens.revoked or sum(c.arg("page") == "2" for c in case.api.requests) == 8
        return tokens.checked(call, body)

    names = [f"rows{n}" for n in range(8)]
    for name in names:
        case.serve(rows(20), revoked, name=name)
    case.complete(case.read(*map(endpoint, names), authentication=tokens.auth, max_concurrency=8))
    assert tokens.given == 2


@table.row(
    "T-19", "JSON Lines, cut in the body: at its beginning, and once rows are out", "tried again; transient_error"
)
def _(case: Case) -> None:
    table_ = [{**row, "pad": "x" * 2000} for row in rows(2000)]
    text = "\n".join(map(json.dumps, table_))
    case.api.get("/early")(lambda call: Answer(text, cut=100 if call.number == 0 else None))
    case.api.get("/late")(lambda _: Answer(text, cut=len(text) - 100))
    case.truth = {"early": table_, "late": table_}
    lines = {"records_path": None, "pagination": None, "decoder": {"type": "jsonl"}}
    done = case.read(endpoint("early", **lines), endpoint("late", **lines))
    assert done.statuses("early")[-1:] == ["COMPLETE"]
    case.failed(done, "transient_error", stream="late")


@table.row(
    "T-21", "HTTP/1.0, 100 Continue, chunk extensions, trailers, a header of 60 kB", "all rows, or a clear error"
)
def _(case: Case) -> None:
    body = json.dumps({"rows": rows(5)}).encode()
    size = b"%x" % len(body)
    chunked = OK + b"Transfer-Encoding: chunked\r\n"
    answers = {
        "http10": b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + body,
        "continue": b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: %d\r\n\r\n" % len(body) + body,
        "extension": chunked + b"\r\n" + size + b";name=value\r\n" + body + b"\r\n0\r\n\r\n",
        "trailers": chunked + b"Trailer: X-Sum\r\n\r\n" + size + b"\r\n" + body + b"\r\n0\r\nX-Sum: 1\r\n\r\n",
        "headers": OK + b"X-Large: " + b"x" * 60_000 + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body,
    }
    for name, raw in answers.items():
        case.answer(name, Answer(raw=raw))
        case.truth[name] = rows(5)
    done = case.read(*[endpoint(name, pagination=None) for name in answers])
    for name in answers:
        if done.statuses(name)[-1] != "COMPLETE":
            case.failed(done, "config_error|transient_error", stream=name)
    assert [done.statuses(name)[-1] for name in answers][:4] == ["COMPLETE"] * 4


@table.row(
    "T-22",
    "a proxy answers 407, to a request and to CONNECT; `NO_PROXY` names the host",
    "config_error twice; no proxy",
)
def _(case: Case) -> None:
    case.serve(rows(5))
    with Api() as proxy:
        for method, path in (("GET", f"{case.api.url}/rows"), ("CONNECT", "127.0.0.1:1")):
            proxy.route(method, path)(lambda _: Answer("", 407, {"Proxy-Authenticate": "Basic"}))
        env = {
            **dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"), proxy.url),
            "NO_PROXY": "",
            "no_proxy": "",
        }
        for url in (case.api.url, "https://127.0.0.1:1"):
            case.failed(case.read(url_base=url, env=env), "config_error", "proxy_url")
        assert not case.api.requests
        asked = len(proxy.requests)
        case.complete(case.read(env={**env, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}))
        assert len(proxy.requests) == asked

"""Requests are tried again as the policy says, stay at the origin of `url_base`, and never take for ever."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import socket
import ssl
import stat
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from source_rest_api.config import loading
from source_rest_api.config.config_updates import ConfigUpdates
from source_rest_api.config.masking import Mask
from source_rest_api.errors import BrokenAnswerError, ConfigError, SourceError, Stopped, TransientError
from source_rest_api.http import connection_errors
from source_rest_api.http.origins import Origin
from source_rest_api.http.request import Request
from source_rest_api.http.request_body import JsonPayload
from source_rest_api.http.requester import Requester
from source_rest_api.http.transport_errors import TlsError
from source_rest_api.records.decoders import Json
from source_rest_api.records.selectors import RecordSelector
from tests.api import Answer, Api, Call
from tests.sign_in import signed_in

if TYPE_CHECKING:
    from pathlib import Path

    from source_rest_api.http.response import Response
    from tests.api import Handler

OK = {"ok": True}
KEY = {"type": "api_key", "api_key": "k3ykey", "in": "query"}


class Clock(Event):
    """Time that passes only while somebody waits; the stop event of the requesters under test."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        self.now += timeout or 0.0
        return self.is_set()


pytestmark = pytest.mark.usefixtures("no_proxy")


def requester(url_base: str, clock: Clock | None = None, **settings: Any) -> Requester:
    """Make a requester that waits for nothing in earnest."""
    clock = clock or Clock()
    raw = {"url_base": url_base, "endpoints": [{"name": "e", "path": "e"}], **settings}
    config = loading.load(raw)
    credentials = signed_in(config, ConfigUpdates(raw, Mask(())), clock)
    return Requester(config.http(url_base), clock, clock, lambda: 0.0, credentials=credentials)


def fetch(api: Api, clock: Clock | None = None, method: str = "GET", path: str = "/e", **settings: Any) -> Any:
    """Fetch and decode one body."""
    with requester(api.url, clock, **settings) as asking:
        body = JsonPayload({"query": "all"}) if method == "POST" else None
        return json.loads(bytes(asking.fetch(Request(method, api.url + path, body=body), Json().decode)))


def failing(*answers: Any) -> Handler:
    """Give the answers one after the other, then a good one."""
    return lambda call: answers[call.number] if call.number < len(answers) else OK


def refusal(error: pytest.ExceptionInfo[Any]) -> str:
    """All that an error tells."""
    return f"{error.value} {error.value.detail}"


@pytest.mark.parametrize(
    "fault",
    [
        Answer(status=500),
        Answer(status=502),
        Answer(status=503),
        Answer(status=520),
        Answer(status=599),
        Answer(status=408),
        Answer(status=425),
        Answer(status=429),
        Answer(reset=True),
        Answer('{"ok": true}', cut=5),
        Answer('{"ok": true}', cut=5, chunked=True),
        Answer("<html>maintenance</html>", headers={"Content-Type": "text/html"}),
        Answer('{"ok": tr'),
        Answer(b""),
        Answer(gzip.compress(b'{"ok": true}', mtime=0)[:-12], headers={"Content-Encoding": "gzip"}),
        Answer(b"not gzip", headers={"Content-Encoding": "gzip"}),
        Answer(b'{"ok": "\xff"}'),
    ],
    ids=repr,
)
def test_what_may_pass_is_tried_again(api: Api, fault: Answer) -> None:
    """Server errors, rate limits, lost connections and broken bodies are asked again until there is an answer."""
    api.get("/e")(failing(fault, fault))
    clock = Clock()
    assert (fetch(api, clock), len(api.requests), clock.waits) == (OK, 3, [1.0, 2.0])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 418, 422, 451, 499])
def test_what_will_not_pass_is_sent_once(api: Api, status: int) -> None:
    """Other client errors are the user's to solve, and cost one request."""
    api.get("/e")(failing(Answer({"message": "no"}, status)))
    with pytest.raises(ConfigError, match=f"HTTP {status}") as error:
        fetch(api)
    assert (len(api.requests), error.value.where) == (1, [f"GET {api.url}/e"])


def test_attempts_have_a_bound(api: Api) -> None:
    """After `max_attempts` the last error is raised, with how often it was tried."""
    api.get("/e")(lambda _: Answer("down", 500))
    clock = Clock()
    with pytest.raises(TransientError, match=r"HTTP 500.*Tried 3 times in 3 s\.$"):
        fetch(api, clock, retry={"max_attempts": 3})
    assert (len(api.requests), clock.waits) == (3, [1.0, 2.0])


def test_seconds_have_a_bound(api: Api) -> None:
    """No wait is begun that would end beyond `max_seconds`, and the error names the setting."""
    api.get("/e")(lambda _: Answer("down", 500))
    clock = Clock()
    with pytest.raises(TransientError, match=r"Waiting another 8 s would exceed `retry\.max_seconds`\. Tried 4 times"):
        fetch(api, clock, retry={"max_attempts": 100, "max_seconds": 10})
    assert clock.waits == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        ({"Retry-After": "3"}, [3.0, 3.0]),
        ({"Retry-After": "0.5"}, [0.5, 0.5]),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:04 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, [4.0, 4.0]),
        ({"Retry-After": "0"}, [1.0, 2.0]),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:04 GMT", "Date": "Wed, 21 Oct 2015 07:29:00 GMT"}, [1.0, 2.0]),
        ({"Retry-After": "-5"}, [1.0, 2.0]),
        ({"Retry-After": "nan"}, [1.0, 2.0]),
        ({"Retry-After": "soon"}, [1.0, 2.0]),
        ({"Retry-After": ""}, [1.0, 2.0]),
        ({}, [1.0, 2.0]),
    ],
    ids=str,
)
@pytest.mark.parametrize("status", [429, 503])
def test_waits_as_long_as_the_api_asks(api: Api, status: int, headers: dict[str, str], waits: list[float]) -> None:
    """`Retry-After` is honoured; where it says nothing usable, waits grow instead of hammering the API."""
    api.get("/e")(failing(*[Answer(status=status, headers=headers)] * 2))
    clock = Clock()
    assert (fetch(api, clock), clock.waits) == (OK, waits)


@pytest.mark.parametrize(("status", "setting"), [(429, "rate_limit_seconds"), (503, "max_seconds")])
def test_a_wait_beyond_the_budget_fails_at_once(api: Api, status: int, setting: str) -> None:
    """`Retry-After: 100000` is not slept; the error says so, and names the budget."""
    api.get("/e")(failing(Answer(status=status, headers={"Retry-After": "100000"})))
    clock = Clock()
    with pytest.raises(TransientError, match=rf"Waiting another 100000 s would exceed `retry\.{setting}`"):
        fetch(api, clock)
    assert clock.waits == []


def test_the_end_of_a_limit_is_told(api: Api) -> None:
    """The error says when to try again."""
    api.get("/e")(lambda _: Answer(status=429, headers={"Retry-After": "86400"}))
    tomorrow = datetime.now(timezone.utc) + timedelta(days=1)
    with pytest.raises(TransientError, match=r"The limit ends at (\S+)\.$") as error:
        fetch(api)
    told = datetime.fromisoformat(error.value.message.split()[-1].rstrip(".").replace("Z", "+00:00"))
    assert timedelta(seconds=-1) <= told - tomorrow <= timedelta(minutes=10)


def test_a_limit_that_is_not_waited_out_is_told_before_it_fails(api: Api) -> None:
    """The stream's status can say until when, although the wait is beyond the budget."""
    api.get("/e")(lambda _: Answer(status=429, headers={"Retry-After": "100000"}))
    told: list[tuple[str, float]] = []
    clock = Clock()
    with requester(api.url, clock) as asking:
        asking.on_limit = lambda endpoint, seconds: told.append((endpoint, seconds))
        for _ in range(2):
            with pytest.raises(TransientError, match="rate_limit_seconds"):
                asking.fetch(Request("GET", f"{api.url}/e", endpoint="e"), lambda _: None)
    assert (told, clock.waits) == ([("e", 100_000.0)], [])


def test_an_error_of_a_rate_limit_in_a_success_is_waited_out(api: Api) -> None:
    """`{"error": "ratelimited"}` with status 200 is a rate limit, and no empty page."""
    api.get("/e")(failing(*[{"ok": False, "error": "ratelimited"}] * 9))
    clock = Clock()
    with requester(api.url, clock) as asking:
        read = RecordSelector(allow_missing_records=True, records_path="x")
        asking.fetch(Request("GET", f"{api.url}/e"), lambda response: read.select(Json().decode(response)))
    assert len(api.requests) == 10


def test_what_one_is_told_holds_for_the_endpoint(api: Api) -> None:
    """Other requests of the endpoint wait too, other endpoints do not, and each is logged once."""
    limited = Answer(status=429, headers={"Retry-After": "30"})
    api.get("/e")(failing(limited))
    api.get("/f")(failing())
    clock = Clock()
    told: list[tuple[str, float]] = []
    order: list[tuple[str, float]] = []
    with requester(api.url, clock) as asking:

        def ask(name: str, caller: str) -> None:
            request = Request("GET", f"{api.url}/{name}", endpoint=name)
            asking.fetch(request, lambda _: order.append((caller, clock.now)))

        def meanwhile(endpoint: str, seconds: float) -> None:
            told.append((endpoint, seconds))
            ask("f", "other endpoint")
            ask("e", "same endpoint")

        asking.on_limit = meanwhile
        ask("e", "first")
    assert told == [("e", 30.0)]
    assert order == [("other endpoint", 0.0), ("same endpoint", 30.0), ("first", 30.0)]


def test_a_quota_that_a_success_has_used_up_is_waited_for(api: Api) -> None:
    """The next request of the endpoint waits for the reset, other endpoints do not, and who waits is told once."""
    counted = {"RateLimit-Limit": "2", "RateLimit-Remaining": "0", "RateLimit-Reset": "40"}
    api.get("/e")(lambda _: Answer(OK, headers=counted))
    api.get("/f")(lambda _: OK)
    clock = Clock()
    told: list[tuple[str, float]] = []
    with requester(api.url, clock) as asking:
        asking.on_limit = lambda endpoint, seconds: told.append((endpoint, seconds))
        for name in ("e", "f"):
            asking.fetch(Request("GET", f"{api.url}/{name}", endpoint=name), lambda _: None)
        assert (clock.now, told) == (0.0, [])
        asking.fetch(Request("GET", f"{api.url}/e", endpoint="e"), lambda _: None)
    assert (clock.now, told) == (41.0, [("e", 41.0)])


def test_a_quota_beyond_the_budget_is_left_to_the_api(api: Api) -> None:
    """What one success says is no reason to fail: the API may accept the next request all the same."""
    api.get("/e")(lambda _: Answer(OK, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "86400"}))
    clock = Clock()
    with requester(api.url, clock) as asking:
        for _ in range(3):
            asking.fetch(Request("GET", f"{api.url}/e"), lambda _: None)
    assert clock.waits == []


def test_time_of_others_is_not_taken_from_patience(api: Api) -> None:
    """Waits for the rate or for a permit do not reduce the time for retries."""
    api.get("/e")(failing(*[Answer(status=500)] * 4))
    clock = Clock()
    assert fetch(api, clock, max_requests_per_second=0.01, retry={"max_seconds": 20}) == OK
    assert clock.now == 400


def test_rate_limits_have_a_budget_of_their_own(api: Api) -> None:
    """Waiting out a rate limit takes neither attempts nor seconds from the budget for failures."""
    limited = Answer(status=429, headers={"Retry-After": "60"})
    api.get("/e")(failing(*[limited] * 30, Answer(status=500), limited, Answer(status=500)))
    clock = Clock()
    assert fetch(api, clock, retry={"max_attempts": 3, "max_seconds": 10}) == OK
    assert clock.waits == [60.0] * 30 + [1.0, 60.0, 2.0]


def test_a_rate_limit_is_waited_for_as_long_as_its_budget(api: Api) -> None:
    """Many waits are fine, and then it ends. They become longer than what the API asks for in vain."""
    api.get("/e")(lambda _: Answer(status=429, headers={"Retry-After": "1"}))
    clock = Clock()
    with pytest.raises(TransientError, match=r"HTTP 429.*rate_limit_seconds.*Tried 29 times"):
        fetch(api, clock, retry={"rate_limit_seconds": 1200})
    assert clock.waits[:7] == [1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 4.0]
    assert 1140 <= clock.now <= 1200


@pytest.mark.parametrize(
    "fault",
    [Answer(status=500), Answer(status=503), Answer(reset=True), Answer('{"ok": true}', cut=5), Answer("<html>")],
    ids=repr,
)
def test_a_post_that_may_have_arrived_is_not_sent_twice(api: Api, fault: Answer) -> None:
    """A POST may not be repeatable; only the config can say that it is."""
    api.post("/e")(failing(fault))
    with pytest.raises(TransientError):
        fetch(api, method="POST")
    assert len(api.requests) == 1
    assert fetch(api, method="POST", retry={"post": True}) == OK
    api.post("/e")(failing(fault))
    assert fetch(api, method="POST", retry={"post": True}) == OK


@pytest.mark.parametrize(
    "fault", [Answer(status=429), Answer(status=503, headers={"Retry-After": "1"}), Answer(status=425)], ids=repr
)
def test_a_post_that_was_refused_is_sent_again(api: Api, fault: Answer) -> None:
    """If the API says that it did nothing, a retry is safe."""
    api.post("/e")(failing(fault))
    assert fetch(api, method="POST") == OK
    assert [call.json() for call in api.requests] == [{"query": "all"}] * 2


def test_a_refused_connection_is_tried_again() -> None:
    """An API that is starting is waited for, by a POST too, because nothing was sent."""
    api = Api().start()
    api.post("/e")(failing())
    api.stop()

    class Starts(Clock):
        def wait(self, timeout: float | None = None) -> bool:
            if len(self.waits) == 1:
                api.start()
            return super().wait(timeout)

    clock = Starts()
    assert (fetch(api, clock, method="POST"), clock.waits) == (OK, [1.0, 2.0])
    api.stop()


def test_an_api_that_is_not_there_is_named() -> None:
    """A refused connection is a transient error that says what to check."""
    api = Api().start()
    api.stop()
    with pytest.raises(TransientError, match=r"cannot be reached \(connection refused\): check `url_base`.*Tried 2"):
        fetch(api, retry={"max_attempts": 2})


def test_an_unknown_host_is_named() -> None:
    """A name that does not resolve is not a bug of the connector."""
    with requester("http://nowhere.invalid", retry={"max_attempts": 1}) as asking, pytest.raises(TransientError) as e:
        asking.fetch(Request("GET", "http://nowhere.invalid/e"), Json().decode)
    assert "nowhere.invalid/e: The API cannot be reached (" in str(e.value)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_within_the_origin_keep_method_body_and_credentials(api: Api, status: int) -> None:
    """A moved endpoint is asked as the first one was."""
    api.post("/e")(lambda _: Answer(status=status, headers={"Location": "/moved?here=1"}))
    api.post("/moved")(failing())
    assert fetch(api, method="POST", authentication={"type": "bearer", "token": "t0ken"}) == OK
    last = api.requests[-1]
    assert (last.method, last.target, last.json()) == ("POST", "/moved?here=1", {"query": "all"})
    assert last.headers["Authorization"] == "Bearer t0ken"


def test_see_other_is_followed_with_get(api: Api) -> None:
    """303 leads to a GET without a body (RFC 9110, section 15.4.4)."""
    api.post("/e")(lambda _: Answer(status=303, headers={"Location": f"{api.url}/result"}))
    api.get("/result")(failing())
    assert fetch(api, method="POST") == OK
    assert (api.requests[-1].method, api.requests[-1].body) == ("GET", b"")


def test_a_redirect_is_read_as_utf_8(api: Api) -> None:
    """Bytes beyond ASCII should be encoded, but many servers send the characters themselves."""
    api.get("/e")(lambda _: Answer(status=302, headers={"Location": "/caf\xc3\xa9"}))
    api.get("/caf%C3%A9")(failing())
    assert fetch(api) == OK


def test_a_redirect_loop_ends(api: Api) -> None:
    """A loop costs a handful of requests, once."""
    api.get("/e")(lambda _: Answer(status=302, headers={"Location": "/e"}))
    with pytest.raises(ConfigError, match="redirected more than 5 times"):
        fetch(api)
    assert len(api.requests) == 6


def test_a_redirect_to_nowhere_is_an_error_of_its_own(api: Api) -> None:
    """A `Location` that is no URL is the API's mistake, and says so."""
    api.get("/e")(lambda _: Answer(status=302, headers={"Location": "http://[::1"}))
    with pytest.raises(ConfigError, match="redirects to a URL that is not valid"):
        fetch(api)


@pytest.mark.parametrize(
    "target",
    [
        "{other}/stolen",
        "//127.0.0.1:{other_port}/stolen",
        "{other}\\@127.0.0.1:{port}/stolen",
        "http://127.0.0.1:{port}@127.0.0.1:{other_port}/stolen",
        "HTTP://127.0.0.1:{other_port}/stolen",
        "https://127.0.0.1:{port}/stolen",
        "http://localhost:{port}/stolen",
        "http://127.0.0.1:{port}0/stolen",
    ],
)
@pytest.mark.parametrize("way", ["redirect", "url"])
def test_nothing_is_sent_to_another_origin(api: Api, way: str, target: str) -> None:
    """Redirects and URLs in answers never lead away from `url_base`, however they are written."""
    with Api() as other:
        url = target.format(other=other.url, other_port=other.port, port=api.port)
        api.get("/e")(lambda _: Answer(status=302, headers={"Location": url}))
        with requester(api.url, authentication=KEY) as asking, pytest.raises(ConfigError) as error:
            asking.fetch(Request("GET", f"{api.url}/e").at_url(f"{api.url}/e" if way == "redirect" else url), bytes)  # type: ignore[arg-type]
        assert other.requests == []
        assert [call.path for call in api.requests] == ["/e"] * (way == "redirect")
        assert "k3ykey" not in refusal(error)


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("http://API.example.com/v1", "http://api.example.com:80/v1/e"),
        ("https://bücher.example", "https://xn--bcher-kva.example:443/e"),
        ("http://[::1]:8000", "http://[::1]:8000/e"),
    ],
)
def test_one_origin_may_be_written_in_several_ways(base: str, url: str) -> None:
    """Case, default ports and international names do not make another origin."""
    with requester(base) as asking:
        assert asking.sender.origins.others.trusts(Origin.of(asking.sender.prepared(Request("GET", url)).url))


@pytest.mark.parametrize("url_base", ["http://", "http://[::1", "http://a:99999999/", "http://*.example.com"])
def test_a_url_base_that_is_none_is_refused(url_base: str) -> None:
    """It is a config error."""
    with pytest.raises(ConfigError, match="`url_base` is not a valid URL"):
        requester(url_base)


def test_a_blank_in_a_parameter_is_percent_encoded(api: Api) -> None:
    """Every server reads `%20`; a server of OData answers `+` with 400. What else is reserved is encoded too."""
    api.get("/x")(lambda _: {})
    with requester(api.url) as asking:
        params: dict[str, Any] = {"$filter": "at ge 1+1", "id": ["a/b", "ü"]}
        asking.fetch(Request("GET", f"{api.url}/x", params), Json().decode)
    assert [call.target for call in api.requests] == ["/x?%24filter=at%20ge%201%2B1&id=a%2Fb&id=%C3%BC"]


@pytest.mark.parametrize("path", ["/a:b//c", "/%7Euser/a%2Fb?x=%20", "/é/☃?q=ü#fragment"])
def test_unusual_urls_arrive(api: Api, path: str) -> None:
    """Any valid URL is requested."""
    with requester(api.url) as asking, pytest.raises(ConfigError, match="HTTP 404"):
        asking.fetch(Request("GET", api.url + path), Json().decode)
    assert len(api.requests) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999999/x?key=s3cret", "x?key=s3cret", ""])
def test_a_url_that_is_none_is_refused_without_being_quoted(api: Api, url: str) -> None:
    """A next URL may carry a token in its query; errors do not."""
    with requester(api.url) as asking, pytest.raises(ConfigError) as error:
        asking.fetch(Request("GET", api.url).at_url(url), Json().decode)
    assert "s3cret" not in refusal(error)


def test_a_silent_api_is_given_up(api: Api) -> None:
    """If no byte arrives within `read_timeout`, the attempt ends, before and within the body."""
    api.get("/e")(lambda _: Answer(OK, delay=5))
    api.get("/stuck")(lambda _: Answer(b"x" * 10, drip=5))
    for path in ("/e", "/stuck"):
        with pytest.raises(TransientError, match="sent no data within `read_timeout`"):
            fetch(api, path=path, read_timeout=0.1, retry={"max_attempts": 1})


def test_a_dripping_api_is_given_up(api: Api) -> None:
    """Bytes that come one by one satisfy `read_timeout` for ever, but not `request_timeout`."""
    api.get("/e")(lambda _: Answer(b"[" + b" " * 1000, drip=0.01))

    class Ticks(Clock):
        def __call__(self) -> float:
            self.now += 1
            return self.now

    with pytest.raises(TransientError, match=r"not complete after 5 s \(`request_timeout`\)"):
        fetch(api, Ticks(), request_timeout=5)
    assert len(api.requests) == 1


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_bodies_arrive_whole(api: Api, coding: str, *, chunked: bool) -> None:
    """With any framing and coding, every byte of a body arrives, and the connection is reused."""
    body = json.dumps({"x": os.urandom(300_000).hex()}).encode()
    sent = gzip.compress(body) if coding == "gzip" else body
    api.get("/e")(lambda _: Answer(sent, headers={"Content-Encoding": coding}, chunked=chunked))
    with requester(api.url) as asking:
        for _ in range(3):
            assert asking.fetch(Request("GET", f"{api.url}/e"), lambda response: response.body) == body
    assert api.connected == 1


def test_stopping_ends_a_wait(api: Api) -> None:
    """A stop ends every wait for the API."""
    api.get("/e")(lambda _: Answer(status=500))

    class Stops(Clock):
        def wait(self, timeout: float | None = None) -> bool:
            self.set()
            return super().wait(timeout)

    with pytest.raises(Stopped):
        fetch(api, Stops())
    assert len(api.requests) == 1


def test_nothing_is_sent_after_the_stop(api: Api) -> None:
    """A stopped read requests no further page."""
    clock = Clock()
    clock.set()
    with pytest.raises(Stopped):
        fetch(api, clock)
    assert api.requests == []


def test_stopping_ends_a_long_body(api: Api) -> None:
    """A dripping body is not read to its end after the stop."""
    clock = Clock()

    def drip(_: Call) -> Answer:
        clock.set()
        return Answer(b" " * 1000, drip=0.01)

    api.get("/e")(drip)
    with pytest.raises(Stopped):
        fetch(api, clock)


def test_credentials_come_from_the_config_alone(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `.netrc` on the machine is ignored."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password s3cret\n")
    netrc.chmod(stat.S_IRUSR)
    monkeypatch.setenv("NETRC", str(netrc))
    api.get("/e")(failing())
    assert fetch(api) == OK
    assert api.requests[0].headers["Authorization"] is None


@pytest.mark.parametrize(
    "fault", [Answer(status=404), Answer(status=500), Answer(reset=True), Answer("<html>"), Answer(b"x" * 9, cut=1)]
)
def test_errors_hold_no_query_and_no_credentials(api: Api, fault: Answer) -> None:
    """Queries carry keys and tokens, so errors show URLs without them."""
    api.get("/e")(lambda _: fault)
    request = Request("GET", f"http://user:p4ssword@127.0.0.1:{api.port}/e?token=s3cret", {"q": "pr1vate"})
    once = {"max_attempts": 1}
    with requester(api.url, authentication=KEY, retry=once) as asking, pytest.raises(SourceError) as error:
        asking.fetch(request, Json().decode)
    assert error.value.where == [f"GET {api.url}/e"]
    for secret in ("s3cret", "pr1vate", "p4ssword", "k3ykey"):
        assert secret not in refusal(error)


@pytest.mark.parametrize("token", ["line\nbreak", "snow☃man"])
def test_what_http_cannot_carry_is_the_users_to_solve(api: Api, token: str) -> None:
    """A value with a line break or a fancy character is a config error that does not show it."""
    with requester(api.url) as asking, pytest.raises(ConfigError, match=r"check .*headers") as error:
        asking.fetch(Request("GET", f"{api.url}/e", headers={"X-Token": token}), Json().decode)
    assert (token in refusal(error), api.requests) == (False, [])


def test_plain_http_under_https_is_explained(api: Api) -> None:
    """An `https` URL where the API speaks http is not called a broken certificate."""
    url = api.url.replace("http:", "https:")
    with requester(url, retry={"max_attempts": 1}) as asking, pytest.raises(TransientError, match="https, or http"):
        asking.fetch(Request("GET", f"{url}/e"), Json().decode)


def test_a_certificate_that_is_not_trusted_is_asked_once(tmp_path: Path) -> None:
    """A retry would not help: the user has to act."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    handshakes = []

    def serve(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                handshakes.append(1)
                with connection, suppress(ssl.SSLError):
                    context.wrap_socket(connection, server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as server:
        Thread(target=serve, args=(server,), daemon=True).start()
        url = f"https://127.0.0.1:{server.getsockname()[1]}"
        with requester(url) as asking, pytest.raises(ConfigError, match="TLS certificate cannot be verified"):
            asking.fetch(Request("GET", f"{url}/e"), Json().decode)
    assert len(handshakes) == 1


@pytest.mark.parametrize(
    ("code", "reason", "advice"),
    [
        (10, "certificate has expired", r"check the clock .* ask the API's operator"),
        (20, "unable to get local issuer certificate", r"set `tls\.ca_bundle`"),
        (62, "Hostname mismatch, certificate is not valid for 'a'.", r"check the host in `url_base`"),
        (85, "Missing Authority Key Identifier", r"RFC 5280"),
    ],
)
def test_what_is_wrong_with_a_certificate(code: int, reason: str, advice: str) -> None:
    """The error quotes OpenSSL, and says what to change."""
    cause = ssl.SSLCertVerificationError(1, "certificate verify failed")
    cause.verify_code, cause.verify_message = code, reason
    failure = TlsError()
    failure.__cause__ = cause
    error = connection_errors.judge(failure).error
    assert isinstance(error, ConfigError)
    assert re.fullmatch(rf"The API's TLS .* verified \({re.escape(reason.rstrip('.'))}\): .*{advice}.*", error.message)


def self_signed(folder: Path) -> Path:
    """Make an untrusted certificate and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = folder / "both.pem"
    path.write_bytes(private + builder.sign(key, SHA256()).public_bytes(Encoding.PEM))
    return path


def test_an_answer_that_is_not_http_is_transient() -> None:
    """Whatever listens on the port, the error is one of the connector's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"220 mail.example.com ESMTP\r\n")

        Thread(target=serve, daemon=True).start()
        with requester(url, retry={"max_attempts": 1}) as asking, pytest.raises(TransientError, match="cannot be"):
            asking.fetch(Request("GET", f"{url}/e"), Json().decode)


def test_what_reading_makes_of_an_answer_is_given_back(api: Api) -> None:
    """The answer that is read has status, headers in any case, body, and the URL that was asked in the end."""
    api.get("/e")(lambda _: Answer(status=302, headers={"Location": "/f?x=1"}))
    api.get("/f")(lambda _: Answer("[]", 201, {"X-More": "yes"}))

    def read(response: Response) -> tuple[Any, ...]:
        return response.status, response.headers["x-more"], response.body, response.url

    with requester(api.url) as asking:
        assert asking.fetch(Request("GET", f"{api.url}/e"), read) == (201, "yes", b"[]", f"{api.url}/f?x=1")


def test_a_bug_in_reading_is_not_swallowed(api: Api) -> None:
    """Only expected errors are judged; anything else is a bug that has to be seen."""
    api.get("/e")(failing())

    def read(_: Response) -> None:
        raise ZeroDivisionError

    with requester(api.url) as asking, pytest.raises(ZeroDivisionError):
        asking.fetch(Request("GET", f"{api.url}/e"), read)
    assert len(api.requests) == 1


def test_a_broken_answer_is_raised_as_one(api: Api) -> None:
    """After the last attempt the error is the decoder's, with the place."""
    api.get("/e")(lambda _: Answer("{"))
    with pytest.raises(BrokenAnswerError, match=r"^GET .*/e: The body is not complete, valid JSON .* Tried 2 times"):
        fetch(api, retry={"max_attempts": 2})


def test_basic_credentials_are_sent_at_every_attempt(api: Api) -> None:
    """The authenticator works for each attempt and each redirect."""
    api.get("/e")(failing(Answer(status=500), Answer(status=302, headers={"Location": "/e"})))
    assert fetch(api, authentication={"type": "basic", "username": "u", "password": "p"}) == OK
    expected = "Basic " + base64.b64encode(b"u:p").decode()
    assert [call.headers["Authorization"] for call in api.requests] == [expected] * 3


@pytest.mark.parametrize(
    ("authentication", "asked", "advice"),
    [
        ({"type": "none"}, "Basic realm=a", "carried no credentials of `authentication`: set it, .*asks for `Basic`."),
        ({"type": "none"}, "", "carried no credentials of `authentication`: set it, or correct the key in `headers`"),
        ({"type": "bearer", "token": "t"}, "", "Check the credentials in `authentication`."),
        (
            {"type": "bearer", "token": "t"},
            'Negotiate, Basic realm="a"',
            "`authentication`; the API asks for `Negotiate`.",
        ),
        (
            {"type": "api_key", "api_key": "k", "in": "query", "name": "k"},
            "Bearer",
            "Check .*; the API asks for `Bearer`.",
        ),
    ],
)
def test_the_advice_on_a_401_fits_what_was_sent(
    api: Api, authentication: dict[str, Any], asked: str, advice: str
) -> None:
    """Who sent nothing is told so, and what the API asks for is named."""
    api.get("/e")(lambda _: Answer({}, 401, {"WWW-Authenticate": asked} if asked else {}))
    with pytest.raises(ConfigError, match=advice):
        fetch(api, authentication=authentication)


@pytest.mark.parametrize("status", [401, 403])
def test_the_advice_for_an_origin_without_credentials(api: Api, status: int) -> None:
    """Its origin is allowed, but receives nothing of the config: that is what to change."""
    with Api() as other:
        other.get("/file")(lambda _: Answer({}, status))
        api.get("/e")(lambda _: Answer(b"", 302, {"Location": f"{other.url}/file"}))
        with pytest.raises(
            ConfigError, match=r"carried no credentials.*`credentials: true` for it in `allowed_origins`"
        ):
            fetch(api, allowed_origins=[other.url], authentication={"type": "bearer", "token": "t"})

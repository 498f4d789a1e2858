"""The head of an answer comes in time, whatever dribbles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from source_rest_api.config.loading import load
from source_rest_api.errors import TransientError
from source_rest_api.http.request import Request
from source_rest_api.http.requester import Requester
from tests.api import Answer, Api
from tests.transports import TRANSPORTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from source_rest_api.http.transport import TransportName

pytestmark = pytest.mark.usefixtures("no_proxy")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"


class Ticks:
    """A clock that advances by a second whenever it is read."""

    now = 0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def get(url: str, clock: Callable[[], float], transport: TransportName = "own", **settings: object) -> bytes:
    """Fetch `/x` once, in five seconds."""
    config = load(
        {
            "url_base": url,
            "endpoints": [{"name": "x", "path": "/x"}],
            "retry": {"max_attempts": 1},
            "request_timeout": 5,
            **settings,
        }
    )
    with Requester(replace(config.http(url), transport=transport), clock=clock) as requester:
        return requester.fetch(Request("GET", f"{url}/x"), lambda response: response.body)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_head_that_dribbles_is_given_up(api: Api, transport: TransportName) -> None:
    """Bytes one by one satisfy every timeout of a socket, but not `request_timeout`."""
    api.get("/x")(lambda _: Answer(raw=HEAD + b"[]", drip=0.001))
    with pytest.raises(TransientError, match=r"head was not complete after 5 s \(`request_timeout`\)"):
        get(api.url, Ticks(), transport)
    assert len(api.requests) == 1


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_head_that_dribbles_in_time_is_read(api: Api, transport: TransportName) -> None:
    """However it is cut, a head is a head."""
    api.get("/x")(lambda _: Answer(raw=HEAD + b"[]", drip=0.001))
    assert get(api.url, lambda: 0.0, transport) == b"[]"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_proxy_that_dribbles_is_given_up(transport: TransportName) -> None:
    """The proxy's response to CONNECT has the same timeout."""
    with Api() as proxy:
        proxy.route("CONNECT", "api.invalid:443")(lambda _: Answer(raw=HEAD, drip=0.001))
        with pytest.raises(TransientError, match=r"proxy's response .*`request_timeout`"):
            get("https://api.invalid", Ticks(), transport, proxy_url=proxy.url)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_body_that_dribbles_is_given_up(api: Api, transport: TransportName) -> None:
    """The timeout of the request covers the body; a streamed body has it for each megabyte."""
    whole = b'{"a": 1}\n' * 9
    api.get("/x")(lambda _: Answer(whole, drip=0.001))
    with pytest.raises(TransientError, match=r"not complete after 5 s \(`request_timeout`\)"):
        get(api.url, Ticks(), transport)


def test_connections_are_used_again(api: Api) -> None:
    """The next response on the same connection has its own timeout."""
    api.get("/x")(lambda _: [])
    config = load({"url_base": api.url, "endpoints": [{"name": "x", "path": "/x"}], "request_timeout": 50})
    with Requester(config.http(api.url), clock=Ticks()) as requester:
        bodies = [requester.fetch(Request("GET", f"{api.url}/x"), lambda response: response.body) for _ in range(20)]
    assert (bodies, api.connected) == ([b"[]"] * 20, 1)

"""Routes of requests to their origin: pooled connections and proxies."""

from __future__ import annotations

import gzip
import socket
import struct
from base64 import b64encode
from contextlib import closing, contextmanager, suppress
from io import BytesIO
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import requests_mock
from msgspec.structs import replace
from requests import ConnectTimeout, PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from source_rest_api.config.loading import load
from source_rest_api.errors import ConfigError, TransientError
from source_rest_api.http.request import Request
from source_rest_api.http.requester import Requester
from source_rest_api.read_stats import ReadStats
from tests.api import Answer, Api
from tests.authority import Authority
from tests.sign_in import Clock, signed_in
from tests.transports import TRANSPORTS

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from source_rest_api.http import response
    from source_rest_api.http.transport import TransportName

AUTHORITY = Authority()


def requester(url: str, transport: TransportName = "own", **more: Any) -> Requester:
    """Ask an API without patience."""
    raw = {"url_base": url, "endpoints": [{"name": "x", "path": "/x"}], "retry": {"max_attempts": 1}, **more}
    config = load(raw)
    return Requester(replace(config.http(url), transport=transport), credentials=signed_in(config))


def get(asking: Requester, url: str, **headers: str) -> bytes:
    """Fetch a URL."""
    return asking.fetch(Request("GET", url, headers=headers), lambda response: response.body)


class Tunnel:
    """A proxy that leads to one port whatever the request, and logs the requests."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._port = port
        self._tls = tls
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http{'s' if tls else ''}://ada:pw@127.0.0.1:{self._server.getsockname()[1]}"
        self.asked: list[str] = []
        Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        client, _ = self._server.accept()
        client = self._tls.wrap_socket(client, server_side=True) if self._tls else client
        with client, socket.create_connection(("127.0.0.1", self._port)) as api:
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(1)
            self.asked.append(head.decode())
            client.sendall(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n")
            back = Thread(target=_pass_on, args=(api, client), daemon=True)
            back.start()
            _pass_on(client, api)
            back.join()

    def close(self) -> None:
        """Stop accepting connections."""
        self._server.close()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):  # either side may close first
        while data := source.recv(1 << 16):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def tls_api() -> Iterator[Api]:
    """Run an API over TLS."""
    api = Api(tls=AUTHORITY.server())
    api.get("/x")(lambda call: Answer(str(call.number)))
    with api:
        yield api


@pytest.mark.parametrize("tls", [None, AUTHORITY.server()], ids=["http", "https"])
def test_a_proxy_leads_to_an_api_over_tls(tls: ssl.SSLContext | None) -> None:
    """Its credentials are for the proxy alone, the certificate is the API's, and the connection is used again."""
    with tls_api() as api, closing(Tunnel(api.port, tls)) as proxy:
        url = f"https://127.0.0.1:{api.port}"
        with requester(url, proxy_url=proxy.url, tls={"ca_bundle": AUTHORITY.pem}) as asking:
            assert [get(asking, f"{url}/x") for _ in range(3)] == [b"0", b"1", b"2"]
    [head] = proxy.asked
    assert head.startswith(f"CONNECT 127.0.0.1:{api.port} HTTP/1.")
    assert f"Proxy-Authorization: Basic {b64encode(b'ada:pw').decode()}\r\n" in head
    assert {call.headers["Proxy-Authorization"] for call in api.requests} == {None}


def test_a_proxy_gets_the_whole_url_of_plain_http() -> None:
    """With the `Host` header of the API, and without a fragment."""
    with Api() as proxy:
        proxy.get("http://api.invalid:8000/x")(lambda _: "[]")
        with requester("http://api.invalid:8000", proxy_url=proxy.url) as asking:
            assert get(asking, "http://api.invalid:8000/x?a=1#end") == b"[]"
    [call] = proxy.requests
    assert (call.target, call.headers["Host"]) == ("http://api.invalid:8000/x?a=1", "api.invalid:8000")


def test_a_proxy_over_tls_gets_the_whole_url_of_plain_http() -> None:
    """It needs no tunnel, the connection is used again, and the proxy's certificate is verified."""
    with Api(tls=AUTHORITY.server()) as proxy:
        proxy.get("http://api.invalid:8000/x")(lambda call: Answer(str(call.number)))
        url = f"https://127.0.0.1:{proxy.port}"
        with requester("http://api.invalid:8000", proxy_url=url, tls={"ca_bundle": AUTHORITY.pem}) as asking:
            assert [get(asking, "http://api.invalid:8000/x") for _ in range(2)] == [b"0", b"1"]
        assert proxy.connected == 1
        with (
            requester("http://api.invalid:8000", proxy_url=url) as asking,
            pytest.raises(ConfigError, match="proxy's TLS certif"),
        ):
            get(asking, "http://api.invalid:8000/x")


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\n" + b"x" * 70_000])
def test_a_proxy_that_talks_nonsense(said: bytes) -> None:
    """What answers to CONNECT is the proxy, so the error is about it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            client, _ = listening.accept()
            with client:
                client.recv(1 << 16)
                client.sendall(said)

        speaker = Thread(target=answer)
        speaker.start()
        proxy = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with (
            requester("https://api.invalid", proxy_url=proxy) as asking,
            pytest.raises(TransientError, match="The proxy did not connect to the API"),
        ):
            get(asking, "https://api.invalid/x")
        speaker.join()


@pytest.mark.parametrize("proxy", ["socks5h://127.0.0.1:1080", "http://:3128", "http://proxy:port"])
def test_an_environment_without_a_usable_proxy(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is about the proxy, not about `url_base`."""
    monkeypatch.setenv("ALL_PROXY", proxy)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with requester("http://api.invalid") as asking, pytest.raises(ConfigError, match="The URL of the proxy"):
        get(asking, "http://api.invalid/x")


@pytest.mark.usefixtures("no_proxy")
def test_a_name_with_a_final_dot_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the dot, the system would first look for it in its own domains."""
    asked = []

    def connect(address: tuple[str, int], _: float) -> None:
        asked.append(address[0])
        raise OSError("unreachable")

    monkeypatch.setattr("socket.create_connection", connect)
    with requester("http://api.example.com.") as asking, pytest.raises(TransientError):
        get(asking, "http://api.example.com./x")
    assert asked == ["api.example.com."]


@pytest.mark.usefixtures("no_proxy")
def test_a_connection_that_is_reset_in_its_handshake() -> None:
    """No request has been sent, so a POST is retried too."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def refuse() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    client.recv(1)
                    client.close()

        Thread(target=refuse, daemon=True).start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        with requester(url, retry={"max_attempts": 2}) as asking:
            asking._jitter = lambda: -2.0
            with pytest.raises(TransientError, match=r"connection reset.*Tried 2 times"):
                asking.fetch(Request("POST", f"{url}/x"), lambda response: response.body)
        listening.shutdown(socket.SHUT_RDWR)


@pytest.mark.usefixtures("no_proxy")
def test_the_config_may_name_another_host(api: Api) -> None:
    """A configured `Host` header replaces the URL's."""
    api.get("/x")(lambda _: [])
    with requester(api.url) as asking:
        get(asking, f"{api.url}/x")
        get(asking, f"{api.url}/x", host="tenant.example.com")
    assert [call.headers.get_all("Host") for call in api.requests] == [
        [f"127.0.0.1:{api.port}"],
        ["tenant.example.com"],
    ]


@pytest.mark.usefixtures("no_proxy")
def test_a_connection_that_the_api_closed_is_replaced() -> None:
    """Between two requests a server may close what it keeps for too long: nothing fails."""
    with Api() as api:
        api.get("/x")(lambda _: [])
        with requester(api.url) as asking:
            get(asking, f"{api.url}/x")
            api.stop()
            api.start()
            assert get(asking, f"{api.url}/x") == b"[]"


@pytest.mark.usefixtures("no_proxy")
def test_an_answer_without_an_end_is_closed(api: Api) -> None:
    """A body that ends with its connection is read, and the next request opens a new one."""
    api.get("/x")(lambda _: Answer(raw=b"HTTP/1.1 200 OK\r\n\r\n[]"))
    with requester(api.url) as asking:
        assert [get(asking, f"{api.url}/x") for _ in range(2)] == [b"[]", b"[]"]
    assert api.connected == 2


def test_what_others_mount_is_asked() -> None:
    """Tests of connectors use requests-mock, which answers in place of the network: headers, body and failures."""
    url = "https://api.example.com"
    bearer = {"type": "bearer", "token": "t"}
    with requests_mock.Mocker() as mock, requester(url, "requests", authentication=bearer) as asking:
        mock.get(f"{url}/x", [{"text": "[1]", "headers": {"X-A": "b"}}, {"exc": ConnectTimeout}])
        body, header = asking.fetch(Request("GET", f"{url}/x", {"q": "a b"}), lambda r: (r.body, r.headers["x-a"]))
        assert (body, header) == (b"[1]", "b")
        assert mock.last_request is not None
        assert (mock.last_request.url, mock.last_request.headers["Authorization"]) == (f"{url}/x?q=a%20b", "Bearer t")
        with pytest.raises(TransientError, match="connect_timeout"):
            get(asking, f"{url}/x")


def test_what_is_put_in_place_of_adapters_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library `responses` replaces them so."""

    def send(_: HTTPAdapter, request: PreparedRequest, **_more: object) -> Response:
        answer = Response()
        answer.status_code, answer.url, answer.request = 200, str(request.url), request
        answer.raw = HTTPResponse(BytesIO(b"[]"), preload_content=False)
        return answer

    monkeypatch.setattr(HTTPAdapter, "send", send)
    with requester("https://api.example.com", "requests") as asking:
        assert get(asking, "https://api.example.com/x") == b"[]"


@pytest.mark.usefixtures("no_proxy")
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    "answer",
    [
        Answer("[1, 2]", cut=3),
        Answer("[1, 2]", cut=3, chunked=True),
        Answer("[1, 2]", reset=True),
        Answer(raw=b"no HTTP\r\n\r\n"),
        Answer(gzip.compress(b"[1, 2]")[:-9], headers={"Content-Encoding": "gzip"}),
    ],
)
def test_half_an_answer_is_none(api: Api, answer: Answer, transport: TransportName) -> None:
    """With every transport, a truncated body or a lost connection is retried."""
    api.get("/x")(lambda _: answer)
    with requester(api.url, transport, retry={"max_attempts": 2}) as asking:
        asking._jitter = lambda: -2.0
        with pytest.raises(TransientError, match="Tried 2 times"):
            get(asking, f"{api.url}/x")


@pytest.mark.usefixtures("no_proxy")
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_who_reads_a_body_while_it_arrives_may_take_time(api: Api, transport: TransportName) -> None:
    """`request_timeout` bounds the wait for the API, not that for the destination."""
    whole = b"x" * (3 << 20)
    api.get("/x")(lambda _: Answer(whole))
    clock = Clock()
    config = load({"url_base": api.url, "endpoints": [{"name": "x", "path": "/x"}], "request_timeout": 5})

    def read(response: response.Response) -> Iterator[bytes]:
        for chunk in response.chunks:
            clock.now += 100
            yield chunk

    with Requester(replace(config.http(api.url), transport=transport), clock=clock) as asking:
        assert b"".join(asking.stream(Request("GET", f"{api.url}/x"), read, ReadStats())) == whole


@pytest.mark.usefixtures("no_proxy")
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_cookies_of_the_api_are_sent_back(api: Api, transport: TransportName) -> None:
    """As a browser does, with every transport."""
    api.get("/x")(lambda _: Answer("[]", headers={"Set-Cookie": "session=s1; Path=/"}))
    with requester(api.url, transport) as asking:
        for _ in range(2):
            get(asking, f"{api.url}/x")
    assert [call.headers["Cookie"] for call in api.requests] == [None, "session=s1"]

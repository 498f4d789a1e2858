"""The fake API follows HTTP where it should, and breaks it exactly where a test says so."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import requests

from tests.api import JSON, Answer, Api, Call

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def api() -> Iterator[Api]:
    """Run an API without routes."""
    with Api() as api:
        yield api


@pytest.fixture
def client() -> Iterator[requests.Session]:
    """Open a session, so that connections are kept and closed."""
    with requests.Session() as client:
        client.trust_env = False
        yield client


def exchange(api: Api, request: bytes) -> bytes:
    """Send raw bytes and read to the end of the connection."""
    with socket.create_connection(("127.0.0.1", api.port), timeout=5) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_handler_sees_the_request(api: Api, client: requests.Session) -> None:
    """Method, path, parameters, headers in any case, and body arrive as sent."""

    @api.post("/customers/{id}/orders")
    def orders(call: Call) -> JSON:
        return {"id": call.path_params["id"], "page": call.arg("page", "1"), "sent": call.json()}

    url = f"{api.url}/customers/7/orders?tag=a&tag=b&empty="
    assert client.post(url, json=[1], headers={"X-Trace": "t"}).json() == {
        "id": "7",
        "page": "1",
        "sent": [1],
    }
    [call] = api.requests
    assert (call.method, call.path) == ("POST", "/customers/7/orders")
    assert call.query == {"tag": ["a", "b"], "empty": [""]}
    assert call.headers["x-trace"] == "t"


def test_percent_encoding_is_decoded_once_and_kept_raw(api: Api, client: requests.Session) -> None:
    """An encoded slash stays inside its path parameter, and the target shows what was sent."""

    @api.get("/files/{name}")
    def file(call: Call) -> JSON:
        return call.path_params

    assert client.get(f"{api.url}/files/a%2Fb%20%C3%BC%2525").json() == {"name": "a/b ü%25"}
    assert api.requests[0].target == "/files/a%2Fb%20%C3%BC%2525"
    exchange(api, b"GET //files/x?q=%41 HTTP/1.0\r\n\r\n")
    assert api.requests[1].target == "//files/x?q=%41"


def test_the_most_specific_route_wins(api: Api, client: requests.Session) -> None:
    """A literal path goes before a parameter, and a route set again replaces the old one."""
    api.get("/a/list")(lambda _: "old")
    api.get("/a/{id}")(lambda call: call.path_params["id"])
    api.get("/a/list")(lambda _: "new")
    assert [client.get(f"{api.url}/a/{name}").text for name in ("list", "7")] == ["new", "7"]


def test_connections_are_kept_alive(api: Api) -> None:
    """Two requests on one connection are both answered."""
    api.get("/a")(lambda call: {"number": call.number})
    request = b"GET /a HTTP/1.1\r\nHost: x\r\n"
    answers = exchange(api, request + b"\r\n" + request + b"Connection: close\r\n\r\n")
    assert answers.count(b"HTTP/1.1 200 OK") == 2
    assert answers.endswith(b'{"number": 1}')


def test_unknown_path_and_wrong_method(api: Api, client: requests.Session) -> None:
    """Both are refused with their own status, and both are logged."""
    api.get("/a")(lambda _: {})
    assert client.get(f"{api.url}/b").status_code == 404
    refused = client.post(f"{api.url}/a", data=b"{}")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET")
    assert [call.path for call in api.requests] == ["/b", "/a"]


def test_a_token_is_required_everywhere(client: requests.Session) -> None:
    """Every path returns 401 without the token."""
    with Api(token="t") as api:
        api.get("/a")(lambda _: {})
        assert client.get(f"{api.url}/a").json() == {"error": "unauthorized"}
        assert client.get(f"{api.url}/b", headers={"Authorization": "Bearer x"}).status_code == 401
        assert client.get(f"{api.url}/a", headers={"Authorization": "Bearer t"}).status_code == 200


def test_an_error_in_a_handler_is_kept(api: Api, client: requests.Session) -> None:
    """The client gets 500 with the text, and the test can look the error up."""

    @api.get("/a")
    def broken(call: Call) -> JSON:
        raise ValueError(call.path)

    answer = client.get(f"{api.url}/a")
    assert (answer.status_code, answer.json()) == (500, {"error": "ValueError: /a"})
    assert isinstance(api.errors[0], ValueError)


def test_own_status_headers_and_bytes(api: Api, client: requests.Session) -> None:
    """An answer's bytes, status and headers go out as they are."""
    api.get("/a")(lambda _: Answer(b"1;2", 529, {"content-type": "text/csv", "Retry-After": "3"}))
    answer = client.get(f"{api.url}/a")
    assert (answer.status_code, answer.content) == (529, b"1;2")
    assert (answer.headers["Content-Type"], answer.headers["Retry-After"]) == ("text/csv", "3")


def test_no_content_has_no_body(api: Api) -> None:
    """A 204 has neither body nor length, so the next answer on the connection is not garbled."""
    api.get("/a")(lambda _: Answer(status=204))
    answer = exchange(api, b"GET /a HTTP/1.0\r\n\r\n")
    assert answer == b"HTTP/1.1 204 No Content\r\n\r\n"


def test_a_cut_body_ends_early(api: Api) -> None:
    """The head promises the whole body and the connection ends before it."""
    api.get("/a")(lambda _: Answer(b"0123456789", cut=4))
    head, _, body = exchange(api, b"GET /a HTTP/1.1\r\n\r\n").partition(b"\r\n\r\n")
    assert b"Content-Length: 10" in head
    assert body == b"0123"


def test_a_reset_is_a_real_reset(api: Api) -> None:
    """The client sees ECONNRESET, not an orderly end."""
    api.get("/a")(lambda _: Answer(reset=True))
    with pytest.raises(ConnectionResetError):
        exchange(api, b"GET /a HTTP/1.1\r\n\r\n")
    assert not api.errors


def test_chunks_are_put_together(api: Api, client: requests.Session) -> None:
    """A chunked answer has no length, several chunks, and the same body."""
    api.get("/a")(lambda _: Answer("x" * 2500, chunked=True))
    answer = client.get(f"{api.url}/a")
    assert "Content-Length" not in answer.headers
    assert answer.text == "x" * 2500


def test_a_cut_chunked_body_has_no_last_chunk(api: Api, client: requests.Session) -> None:
    """A client that minds the protocol notices that the end is missing."""
    api.get("/a")(lambda _: Answer("x" * 2500, chunked=True, cut=1500))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        client.get(f"{api.url}/a")


def test_drip_and_delay_take_their_time(api: Api, client: requests.Session) -> None:
    """The body comes byte by byte after a wait, and is whole in the end."""
    api.get("/a")(lambda _: Answer(b"12345", delay=0.05, drip=0.01))
    started = time.monotonic()
    assert client.get(f"{api.url}/a").content == b"12345"
    assert time.monotonic() - started >= 0.1


def test_stop_does_not_wait_for_a_delay(client: requests.Session) -> None:
    """A delayed answer neither holds up the end of a test nor is sent after it."""
    with ThreadPoolExecutor(1) as pool, Api() as api:
        arrived = api.requests
        api.get("/a")(lambda _: Answer(delay=60))
        pending = pool.submit(client.get, f"{api.url}/a")
        while not arrived:
            time.sleep(0.001)
        started = time.monotonic()
        api.stop()
        with pytest.raises(requests.ConnectionError):
            pending.result(timeout=5)
        assert time.monotonic() - started < 5


def test_a_stopped_api_comes_back_on_its_port(client: requests.Session) -> None:
    """Kept connections end with the API, and the same address works after a start."""
    api = Api()
    api.get("/a")(lambda _: [])
    with api:
        assert client.get(f"{api.url}/a").json() == []
    with pytest.raises(requests.ConnectionError):
        client.get(f"{api.url}/a")
    with api:
        assert client.get(f"{api.url}/a").json() == []


def test_concurrent_requests_are_all_logged(api: Api, client: requests.Session) -> None:
    """Every request is in the log, and every call has a distinct number."""
    api.get("/a")(lambda call: call.number)
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda _: client.get(f"{api.url}/a").json(), range(100)))
    assert sorted(numbers) == sorted(call.number for call in api.requests) == list(range(100))

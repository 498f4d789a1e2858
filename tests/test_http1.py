"""HTTP/1.1 as RFC 9112 has it: what is sent, where an answer begins and ends, and what becomes of the connection."""

from __future__ import annotations

import socket
import ssl
import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import chain, pairwise
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as some

from source_rest_api.config.loading import load
from source_rest_api.errors import BrokenAnswerError, SourceError, TransientError
from source_rest_api.http import http1
from source_rest_api.http.client import HttpClient
from source_rest_api.http.connection_pool import ConnectionPool
from source_rest_api.http.prepared import Prepared
from source_rest_api.http.transport_errors import (
    ConnectionLostError,
    CutShortError,
    ReadTimeoutError,
    TransportError,
    UnansweredError,
    UnprovenEndError,
)
from tests.authority import Authority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Self

OK = b"HTTP/1.1 200 OK\r\n"


class Line:
    """A connection whose other side has said some bytes, and is closed after them unless it is kept."""

    def __init__(self, said: bytes, *, kept: bool = False, clock: Callable[[], float] = lambda: 0.0) -> None:
        near, self.far = socket.socketpair()
        near.settimeout(0.2)
        self._kept = kept
        self._speaker = Thread(target=self._say, args=(said,), daemon=True)
        self._speaker.start()
        self.freed: list[http1.Connection] = []
        self.connection = http1.Connection(near, 5, clock, self.freed.append)

    def _say(self, said: bytes) -> None:
        with suppress(OSError):
            self.far.sendall(said)
            if not self._kept:
                self.far.shutdown(socket.SHUT_WR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        self._speaker.join()
        self.far.close()

    def ask(self, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the next answer."""
        with self.connection.ask(b"?", method) as answer:
            return answer.status, dict(answer.headers), b"".join(answer.chunks)


def body(said: bytes, method: str = "GET", *, kept: bool = False) -> bytes:
    """The body of the only answer."""
    with Line(said, kept=kept) as line:
        return line.ask(method)[2]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (OK + b"Content-Length: 3\r\n\r\nabc", b"abc"),
        (OK + b"Content-Length: 3, 3\r\n\r\nabc", b"abc"),
        (OK + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
        (OK + b"Content-Length: 0\r\n\r\n", b""),
        (OK + b'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x="y"\r\nde\r\n0\r\n\r\n', b"abcde"),
        (OK + b"transfer-encoding:Chunked\r\n\r\n3\nabc\nA\n0123456789\n0\nTrailer: x\n\n", b"abc0123456789"),
        (OK + b"Transfer-Encoding: identity\r\nContent-Length: 1\r\n\r\na", b"a"),
        (OK + b"Transfer-Encoding: chunked, identity\r\n\r\n1\r\na\r\n0\r\n\r\n", b"a"),
        (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", b"a"),
        (OK + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n2\r\nab\r\n0\r\n\r\n", b"ab"),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", b""),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\na",
            b"a",
        ),
        (b"HTTP/1.1 200\nContent-Length: 1\n\na", b"a"),
    ],
)
def test_a_body_ends_where_its_framing_says(said: bytes, expected: bytes) -> None:
    """The server may keep the connection open: the client does not wait for more."""
    assert body(said, kept=True) == expected


@pytest.mark.parametrize("trailers", [b"", b"X: y", b"X: y\r\n"])
def test_a_body_is_whole_after_its_last_chunk(trailers: bytes) -> None:
    """Some servers close the connection without the empty line that ends the trailers (RFC 9112, section 8)."""
    assert body(OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n" + trailers) == b"a"


@pytest.mark.parametrize(
    "head",
    [OK + b"\r\n", b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\n\n", OK + b"Transfer-Encoding: identity\r\n\r\n"],
)
def test_a_body_without_framing_ends_with_the_connection(head: bytes) -> None:
    """So does a body in an unknown coding; the connection cannot be reused."""
    with Line(head + b"abc") as line:
        assert line.ask()[2] == b"abc"
        assert line.freed == []


def test_an_answer_to_head_has_no_body() -> None:
    """Its `Content-Length` is ignored."""
    assert body(OK + b"Content-Length: 9\r\n\r\n", "HEAD", kept=True) == b""


@pytest.mark.parametrize(
    "said",
    [
        OK + b"Content-Length: 4\r\n\r\nabc",
        OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nabc",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 300_000,
    ],
)
def test_a_body_that_is_cut_is_never_taken_for_whole(said: bytes) -> None:
    """A body shorter than declared is an error, and so is invalid framing."""
    with pytest.raises(TransportError) as caught:
        body(said)
    assert isinstance(caught.value, CutShortError)


@pytest.mark.parametrize("length", ["3, 4", "-1", "3.0", "abc", "", "1" * 30, "٣"])
def test_a_length_that_is_not_clear_is_an_error(length: str) -> None:
    """The client never guesses where a body ends."""
    with pytest.raises(BrokenAnswerError, match="Content-Length"):
        body(OK + f"Content-Length: {length}\r\n\r\nabc".encode())


@pytest.mark.parametrize(
    "said",
    [
        *(b"", b"HTTP/1.1 200 OK\r\nContent-", b"220 mail.example.com ESMTP\r\n\r\n", b"HTTP/2 200\r\n\r\n"),
        *(b"\r\n\r\n", b"HTTP/1.1 20 OK\r\n\r\n", b"HTTP/1.1 2000 OK\r\n\r\n", b"[]\r\n\r\n"),
        OK + b"X: " + b"x" * 400_000,
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
def test_what_is_no_head_is_no_answer(said: bytes) -> None:
    """The rest of an invalid response is not read."""
    with pytest.raises(TransportError) as caught:
        body(said)
    assert isinstance(caught.value, ConnectionLostError)


def test_headers_are_read_as_others_read_them() -> None:
    """In any case, unfolded, joined where they differ; what is no header is left out; cookies stay apart."""
    said = (
        b"HTTP/1.1 200 OK\r\n folded into nothing\r\nLink: <a>\r\nlink: <b>\r\nX-Long: one\r\n\t two\r\nnonsense\r\n"
        b": nameless\r\nX-Latin: caf\xe9\r\nX-Spaces:\t a\xa0\x85 \t\r\nSet-Cookie: a=1; Expires=Wed, 21 Oct\r\n"
        b"Set-Cookie: b=2\r\nRetry-After: 5\r\nRetry-After:5\r\nContent-Length:0\r\n\r\n"
    )
    with Line(said, kept=True) as line:
        answer = line.connection.ask(b"?", "GET")
        assert dict(answer.headers) == {
            "link": "<a>, <b>",
            "x-long": "one two",
            "x-latin": "café",
            "x-spaces": "a\xa0\x85",
            "set-cookie": "a=1; Expires=Wed, 21 Oct, b=2",
            "retry-after": "5",
            "content-length": "0",
        }
        assert "LINK" in answer.headers
        assert (answer.headers["LINK"], answer.cookies) == ("<a>, <b>", ["a=1; Expires=Wed, 21 Oct", "b=2"])


@pytest.mark.parametrize(
    ("head", "free"),
    [
        (b"HTTP/1.1 200 OK\r\n", True),
        (b"HTTP/1.1 500 Oh\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: keep-alive, Close\r\n", False),
        (b"HTTP/1.0 200 OK\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n", True),
    ],
)
def test_a_connection_is_free_when_its_answer_has_been_read(head: bytes, *, free: bool) -> None:
    """Unless the other side is going to close it."""
    with Line(head + b"Content-Length: 1\r\n\r\na", kept=True) as line:
        assert line.ask()[2] == b"a"
        assert line.freed == [line.connection] * free
        assert not free or line.connection.is_open


def test_one_answer_comes_after_another() -> None:
    """Several responses on one connection, each with its own framing."""
    with Line(OK + b"Content-Length: 1\r\n\r\na", kept=True) as line:
        assert line.ask()[2] == b"a"
        line.far.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\r\n")
        assert line.ask()[2] == b"b"
        assert line.freed == [line.connection] * 2
        assert line.far.recv(9) == b"??"


def test_more_than_the_answer_spoils_the_connection() -> None:
    """Extra bytes must not become the next response."""
    with Line(OK + b"Content-Length: 1\r\n\r\na" + OK + b"Content-Length: 1\r\n\r\nb", kept=True) as line:
        assert line.ask()[2] == b"a"
        assert line.freed == []


def test_more_than_the_answer_is_seen_when_it_comes_late() -> None:
    """Over TLS it would be hidden from who looks at the socket."""
    freed: list[http1.Connection] = []
    pieces = Pieces(iter([OK + b"Content-Length: 2\r\n\r\na", b"bc"]))
    connection = http1.Connection(pieces, 5, lambda: 0.0, freed.append)  # type: ignore[arg-type]
    assert list(connection.ask(b"?", "GET").chunks) == [b"a", b"b"]
    assert freed == []


def test_an_answer_that_is_left_closes_its_connection() -> None:
    """The rest of its body would be in the way of the next one."""
    with Line(OK + b"Content-Length: 100000\r\n\r\nabc", kept=True) as line:
        with line.connection.ask(b"?", "GET") as answer:
            assert next(answer.chunks) == b"abc"
        line.far.recv(9)
        assert line.far.recv(9) == b""
        assert line.freed == []


def test_an_answer_that_was_read_leaves_the_next_one_alone() -> None:
    """Closing it late does nothing to who has the connection now."""
    with Line(OK + b"Content-Length: 1\r\n\r\na", kept=True) as line:
        first = line.connection.ask(b"?", "GET")
        assert list(first.chunks) == [b"a"]
        line.far.sendall(OK + b"Content-Length: 1\r\n\r\nb")
        second = line.connection.ask(b"?", "GET")
        first.close()
        assert list(second.chunks) == [b"b"]


def test_a_connection_that_was_closed_meanwhile_is_not_open() -> None:
    """A closed connection is noticed before a request is sent on it."""
    with Line(OK + b"Content-Length: 1\r\n\r\na", kept=True) as line:
        line.ask()
        line.far.close()
        assert not line.connection.is_open


@pytest.mark.parametrize(("idle", "is_open"), [(0, True), (118, True), (119, False)])
def test_a_connection_is_not_used_after_a_long_pause(idle: float, is_open: bool) -> None:
    """A firewall on the way may have forgotten it, and tell nobody."""
    now = [0.0]
    with Line(OK + b"Content-Length: 1\r\n\r\na", kept=True, clock=lambda: now[0]) as line:
        now[0] = 1000.0
        line.ask()
        now[0] += idle
        assert line.connection.is_open == is_open


def test_silence_has_a_bound() -> None:
    """The socket timeout applies to the head and to the body."""
    for said in (b"", OK + b"Content-Length: 2\r\n\r\na"):
        with pytest.raises(TransportError) as caught:
            body(said, kept=True)
        assert isinstance(caught.value, ReadTimeoutError)


@pytest.mark.parametrize("said", [b"5;" + b"x" * 500, b"0\r\n" + b"T: x\r\n" * 500], ids=["size", "trailers"])
def test_framing_does_not_dribble_for_ever(said: bytes) -> None:
    """A line between chunks has the time of a head, and so have all trailers together."""
    ticks = iter(range(1000))
    start = OK + b"Transfer-Encoding: chunked\r\n\r\n"
    pieces = Pieces(chain([start], (said[at : at + 9] for at in range(0, len(said), 9))))
    connection = http1.Connection(pieces, 5, lambda: float(next(ticks)), lambda _: None)  # type: ignore[arg-type]
    with (
        connection.ask(b"?", "GET") as answer,
        pytest.raises(TransientError, match=r"framing was not complete after 5 s \(`request_timeout`\)"),
    ):
        list(answer.chunks)


def test_interim_answers_do_not_go_on_for_ever() -> None:
    """All interim responses together share the timeout of one head."""
    ticks = iter(range(1000))
    with (
        Line(b"HTTP/1.1 102 Processing\r\n\r\n" * 40_000, kept=True, clock=lambda: float(next(ticks))) as line,
        pytest.raises(TransientError, match=r"head was not complete after 5 s \(`request_timeout`\)"),
    ):
        line.ask()


def test_an_answer_to_half_a_request_counts() -> None:
    """A server may answer, and close, before it has read all."""
    with Line(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n") as line:
        line.far.shutdown(socket.SHUT_RD)
        with line.connection.ask(b"?" * 10_000_000, "POST") as answer:
            assert answer.status == 413


class Pieces:
    """A socket that gives what the other side said in pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def sendall(self, data: bytes) -> None:
        """Take it."""

    def recv(self, size: int) -> bytes:
        """At most so much of a piece."""
        self._rest = self._rest or next(self._pieces, b"")
        part, self._rest = self._rest[:size], self._rest[size:]
        return part

    def close(self) -> None:
        """There is nothing to close."""


class Deaf(Pieces):
    """A socket whose other side has closed its TLS connection for reading."""

    def sendall(self, data: bytes) -> None:  # noqa: ARG002 -- as of a socket
        """Fail as OpenSSL does."""
        raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "EOF occurred in violation of protocol")


def test_an_answer_to_half_a_request_over_tls_counts() -> None:
    """It is read if it has arrived."""
    deaf = Deaf(iter([b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"]))
    with http1.Connection(deaf, 5, lambda: 0.0, lambda _: None).ask(b"?", "POST") as answer:  # type: ignore[arg-type]
        assert answer.status == 413


def received(said: bytes, cuts: list[int]) -> tuple[int, bytes] | type[Exception]:
    """Status and body, or what kind of error comes, if it comes in pieces."""
    edges = [0, *sorted(min(cut, len(said)) for cut in cuts), len(said)]
    pieces = (said[a:b] for a, b in pairwise(edges) if a < b)
    connection = http1.Connection(Pieces(pieces), 5, lambda: 0.0, lambda _: None)  # type: ignore[arg-type]
    try:
        with connection.ask(b"?", "GET") as answer:
            return answer.status, b"".join(answer.chunks)
    except (SourceError, TransportError) as error:
        return type(error)


CUTS = some.lists(some.integers(0, 400), max_size=20)


@given(some.lists(some.binary(min_size=1, max_size=50), max_size=6), some.booleans(), CUTS)
def test_a_body_arrives_whole_however_it_is_cut(parts: list[bytes], chunked: bool, cuts: list[int]) -> None:
    """Pieces of the network are not those of the framing."""
    whole = b"".join(parts)
    if chunked:
        framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
        said = OK + b"Transfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n"
    else:
        said = OK + b"Content-Length: %d\r\n\r\n" % len(whole) + whole
    assert received(said, cuts) == (200, whole)
    for length in range(len(said) - 2 * chunked):
        assert isinstance(received(said[:length], cuts), type)


@given(some.binary(max_size=60), some.sampled_from([b"", OK, OK + b"Transfer-Encoding: chunked\r\n\r\n"]), CUTS)
def test_any_bytes_mean_the_same_however_they_are_cut(tail: bytes, start: bytes, cuts: list[int]) -> None:
    """And nothing but the errors that are documented comes out."""
    assert received(start + tail, cuts) == received(start + tail, [])


AUTHORITY = Authority()


def over_tls(end: Callable[[ssl.SSLSocket], object]) -> bytes:
    """The body of an answer over TLS without a frame, after which the server ends the connection in its own way."""
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as executor:

        def serve() -> None:
            far, _ = listening.accept()
            with AUTHORITY.server().wrap_socket(far, server_side=True) as far:
                far.recv(1 << 16)
                far.sendall(OK + b"\r\nabc")
                with suppress(OSError):  # the client does not wait for it
                    end(far)

        serving = executor.submit(serve)
        bundle = ssl.create_default_context(cadata=AUTHORITY.pem)
        near = socket.create_connection(listening.getsockname(), 5)
        near = bundle.wrap_socket(near, server_hostname="127.0.0.1", suppress_ragged_eofs=False)
        try:
            return b"".join(http1.Connection(near, 5, monotonic, lambda _: None).ask(b"?", "GET").chunks)
        finally:
            near.close()
            serving.result()


def reset(far: socket.socket) -> None:
    """Abort a connection."""
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    far.close()


def test_the_end_of_a_body_over_tls() -> None:
    """Only a closing alert is an end: anybody on the way can fake that of the connection."""
    assert over_tls(ssl.SSLSocket.unwrap) == b"abc"
    with pytest.raises(UnprovenEndError):
        over_tls(lambda far: far.shutdown(socket.SHUT_RDWR))
    with pytest.raises(ConnectionLostError):
        over_tls(reset)


@contextmanager
def kept_connection() -> Iterator[tuple[ConnectionPool, socket.socket, socket.socket]]:
    """A pool with one free connection over TCP, the listening socket, and the other side of the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = load({"url_base": url(listening), "endpoints": [{"name": "e", "path": "e"}]})
        client = HttpClient(config.http(url(listening)), monotonic)
        assert isinstance(client.transport, ConnectionPool)
        far = serving(client.transport, listening)
        yield client.transport, listening, far
        client.transport.close()
        far.close()


def url(listening: socket.socket) -> str:
    """The origin of a listening socket."""
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


def asked(pool: ConnectionPool, listening: socket.socket, method: str) -> bytes:
    """Send a request, and give the body of its answer."""
    with pool.send(Prepared(method, f"{url(listening)}/e", {}, b"x"), trusted=True) as answer:
        return b"".join(answer.chunks)


def serving(pool: ConnectionPool, listening: socket.socket, method: str = "GET") -> socket.socket:
    """Send a request, answer it on a new connection, and give the other side of that."""
    with ThreadPoolExecutor(1) as executor:
        asking = executor.submit(asked, pool, listening, method)
        listening.settimeout(5)
        far, _ = listening.accept()
        far.recv(1 << 16)
        far.sendall(OK + b"Content-Length: 2\r\n\r\nok")
        assert asking.result() == b"ok"
    return far


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_kept_connection_that_closed_just_now_costs_nothing(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server closed it, and the client did not see that in time: the request has not arrived, and is sent again."""
    with kept_connection() as (pool, listening, far):
        far.close()
        monkeypatch.setattr(http1.Connection, "is_open", True)
        serving(pool, listening, method).close()


@pytest.mark.parametrize(("method", "again"), [("GET", True), ("QUERY", True), ("DELETE", True), ("POST", False)])
def test_a_kept_connection_that_closes_on_a_request(method: str, again: bool) -> None:
    """The server has taken the request: only what may be repeated is sent again."""
    with kept_connection() as (pool, listening, far), ThreadPoolExecutor(1) as executor:
        asking = executor.submit(asked, pool, listening, method)
        assert b"/e" in far.recv(1 << 16)
        far.close()
        if again:
            new, _ = listening.accept()
            with new:
                assert method.encode() in new.recv(1 << 16)
                new.sendall(OK + b"Content-Length: 2\r\n\r\nok")
                assert asking.result() == b"ok"
        else:
            with pytest.raises(TransportError):
                asking.result()


@pytest.mark.parametrize("said", [b"HTTP/1.1 ", OK, OK + b"Content-Length: 2\r\n\r\no"])
def test_an_answer_that_has_begun_is_not_asked_for_again_here(said: bytes) -> None:
    """That is for the retries, with their budget."""
    with kept_connection() as (pool, listening, far), ThreadPoolExecutor(1) as executor:
        asking = executor.submit(asked, pool, listening, "GET")
        far.recv(1 << 16)
        far.sendall(said)
        far.close()
        with pytest.raises(TransportError):
            asking.result()


def test_a_kept_connection_that_is_reset_on_a_post() -> None:
    """A reset may overtake the confirmation of what the server has read, so a POST is not sent again."""
    with kept_connection() as (pool, listening, far), ThreadPoolExecutor(1) as executor:
        asking = executor.submit(asked, pool, listening, "POST")
        assert b"/e" in far.recv(1 << 16)
        reset(far)
        with pytest.raises(UnansweredError) as caught:
            asking.result()
        assert caught.value.arrived


def test_a_new_connection_that_closes_is_a_failure() -> None:
    """What has never served a request is no kept connection."""
    with kept_connection() as (pool, listening, far), ThreadPoolExecutor(1) as executor:
        far.close()
        asking = executor.submit(asked, pool, listening, "GET")
        new, _ = listening.accept()
        new.recv(1 << 16)
        new.close()
        with pytest.raises(TransportError) as caught:
            asking.result()
        assert not isinstance(caught.value, UnansweredError)

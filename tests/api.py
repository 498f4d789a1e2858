"""A fake API on loopback: real HTTP/1.1 over real sockets, routed by decorators, with faults on demand.

with Api() as api:

    @api.get("/customers/{id}")
    def customer(call: Call) -> JSON:
        return {"id": call.path_params["id"]}
"""

from __future__ import annotations

import json
import re
import socket
import struct
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.client import responses
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qs, unquote

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from email.message import Message

    from typing_extensions import Self

JSON: TypeAlias = Any


@dataclass(frozen=True)
class Call:
    """One request as the API received it."""

    method: str
    target: str  # path and query of the request line, exactly as sent
    path: str  # percent-decoded, as are the path parameters and the query
    path_params: dict[str, str]
    query: dict[str, list[str]]
    headers: Message  # looked up in any case; None for a header that was not sent
    body: bytes
    number: int  # how many requests came to this route before: 0 for the first
    at: float = field(default_factory=time.monotonic)

    def arg(self, name: str, default: str = "") -> str:
        """Give the first value of a query parameter."""
        return self.query.get(name, [default])[0]

    def json(self) -> JSON:
        """Decode the body."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """The response of the API: bytes and text unchanged, anything else as JSON; plus faults."""

    body: bytes | str | JSON = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)  # beside or in place of our own
    delay: float = 0.0  # seconds before the answer starts
    cut: int | None = None  # send only so many bytes of the body, whatever the head says, then close
    reset: bool = False  # send nothing, end the connection with RST
    drip: float | None = None  # seconds before each byte of the body, or of `raw`
    chunked: bool = False  # Transfer-Encoding: chunked instead of Content-Length
    raw: bytes | None = None  # send just this, head and all, then close

    def payload(self) -> bytes:
        """Encode the body."""
        if isinstance(self.body, bytes):
            return self.body
        text = self.body if isinstance(self.body, str) else json.dumps(self.body, ensure_ascii=False)
        return text.encode()

    def head(self) -> bytes:
        """Encode status line and headers."""
        length = {"Transfer-Encoding": "chunked"} if self.chunked else {"Content-Length": len(self.payload())}
        defaults = {} if self.status in (204, 304) else {"Content-Type": "application/json", **length}
        own = {name.lower() for name in self.headers}
        headers = {name: value for name, value in defaults.items() if name.lower() not in own}
        lines = [f"{name}: {value}" for name, value in {**headers, **self.headers}.items()]
        status = f"HTTP/1.1 {self.status} {responses.get(self.status, '')}"
        return "\r\n".join([status, *lines, "", ""]).encode("latin-1")

    def frames(self) -> Iterator[bytes]:
        """Encode the body in the pieces in which it is sent."""
        body = self.payload()[: self.cut]
        size = 1 if self.drip is not None else 1000 if self.chunked else max(len(body), 1)
        for start in range(0, len(body), size):
            piece = body[start : start + size]
            yield b"%x\r\n%b\r\n" % (len(piece), piece) if self.chunked else piece
        if self.chunked and self.cut is None:
            yield b"0\r\n\r\n"


Handler: TypeAlias = "Callable[[Call], Answer | JSON]"


@dataclass
class _Route:
    method: str
    path: re.Pattern[str]
    handler: Handler
    calls: int = 0


class Api:
    """The server, with the log of what it was asked.

    `requests` has every request in order of arrival, unmatched and refused ones too; `errors` has what
    handlers raised, where the client saw 500. With a `token`, a request that does not carry it as bearer
    token gets 401. Port 0 takes a free port at the first start and keeps it, so that a stopped API can come
    back where it was. With `tls` it speaks TLS.
    """

    def __init__(
        self, token: str | None = None, port: int = 0, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> None:
        self.token = token
        self.port = port
        self.host = host
        self.tls = tls
        self.requests: list[Call] = []
        self.errors: list[BaseException] = []
        self.connected = 0
        """Number of connections that clients have opened."""
        self._routes: dict[tuple[str, str], _Route] = {}
        self._lock = Lock()
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        """The origin, without a slash at the end."""
        return f"http{'s' if self.tls else ''}://{self.host}:{self.port}"

    def route(self, method: str, path: str) -> Callable[[Handler], Handler]:
        """Answer `method` on `path`, where `{name}` is one segment; the same route again replaces it."""
        pattern = re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)))

        def register(handler: Handler) -> Handler:
            self._routes[method, path] = _Route(method, pattern, handler)
            return handler

        return register

    def handler(self, method: str, path: str) -> Handler:
        """Give what answers a route, for a route that answers it now and then."""
        return self._routes[method, path].handler

    def get(self, path: str) -> Callable[[Handler], Handler]:
        """Answer GET on `path`."""
        return self.route("GET", path)

    def post(self, path: str) -> Callable[[Handler], Handler]:
        """Answer POST on `path`."""
        return self.route("POST", path)

    def start(self) -> Self:
        """Listen."""
        self._server = _Server(self)
        self.port = self._server.server_address[1]
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Close the port and every connection, without waiting for handlers."""
        if self._server:
            self._server.stop()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Answer:
        """Log one request and find its answer, the body encoded."""
        path, _, query = target.partition("?")
        # Matched before decoding: an encoded slash belongs to its parameter.
        fits = [(r, match) for r in tuple(self._routes.values()) if (match := r.path.fullmatch(path))]
        mine = [(r, match.groupdict()) for r, match in fits if r.method == method]
        # The fewer parameters, the more specific.
        route, params = min(mine, key=lambda fit: len(fit[1]), default=(None, {}))
        params = {name: unquote(value) for name, value in params.items()}
        arguments = parse_qs(query, keep_blank_values=True)
        with self._lock:
            number = route.calls if route else 0
            call = Call(method, target, unquote(path), params, arguments, headers, body, number)
            self.requests.append(call)
            if route:
                route.calls += 1
        if self.token is not None and headers["Authorization"] != f"Bearer {self.token}":
            return Answer(b'{"error": "unauthorized"}', 401, {"WWW-Authenticate": "Bearer"})
        if route:
            return self._run(route.handler, call)
        if fits:
            allowed = ", ".join(sorted(r.method for r, _ in fits))
            return Answer(b'{"error": "method not allowed"}', 405, {"Allow": allowed})
        return Answer(b'{"error": "not found"}', 404)

    def _run(self, handler: Handler, call: Call) -> Answer:
        try:
            result = handler(call)
            answer = result if isinstance(result, Answer) else Answer(result)
            return replace(answer, body=answer.payload())
        except Exception as error:  # noqa: BLE001 - whatever it is, the test has to see it
            self.errors.append(error)
            return Answer({"error": f"{type(error).__name__}: {error}"}, 500)


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128  # with the default of 5, connections of a concurrent client wait a second

    def __init__(self, api: Api) -> None:
        self.api = api
        self.stopping = Event()
        self.connections: set[Any] = set()
        super().__init__((api.host, api.port), _Connection)
        if api.tls:
            self.socket = api.tls.wrap_socket(self.socket, server_side=True)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        self.api.connected += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base's signature
        # Clients that go away are normal here.
        if (error := sys.exc_info()[1]) and not isinstance(error, OSError):
            self.api.errors.append(error)

    def stop(self) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()
        # Kept-alive connections would be answered for as long as their client holds them.
        for connection in tuple(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def answer(self) -> None:
        # `self.path` is not what was sent: the base class merges leading slashes.
        target = self.requestline.split()[1]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = self.server.api.answer(self.command, target, self.headers, body)
        if self.server.stopping.wait(answer.delay) or answer.reset:
            self._reset()
        elif answer.raw is not None:
            self.close_connection = True
            self._drip([answer.raw] if answer.drip is None else map(bytes, zip(answer.raw)), answer.drip or 0)
        else:
            self._send(answer)

    do_SEARCH = do_QUERY = do_PROPFIND = do_REPORT = do_LIST = answer  # noqa: N815
    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_CONNECT = answer  # noqa: N815

    def _send(self, answer: Answer) -> None:
        closing = [v for k, v in answer.headers.items() if k.lower() == "connection" and v.lower() == "close"]
        if closing or answer.cut is not None:
            self.close_connection = True
        frames = [] if self.command == "HEAD" or answer.status in (204, 304) else answer.frames()
        if answer.drip is None:
            # One send: a head sent alone can wait 40 ms for the client's delayed ACK.
            self.wfile.write(answer.head() + b"".join(frames))
            return
        self.wfile.write(answer.head())
        self._drip(frames, answer.drip)

    def _drip(self, frames: Iterable[bytes], seconds: float) -> None:
        for frame in frames:
            if self.server.stopping.wait(seconds):
                return
            self.wfile.write(frame)

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Detached, so that the server's own orderly shutdown cannot send a FIN first.
        socket.close(self.connection.detach())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's signature
        """Say nothing."""

"""HTTP/1.1 on one connection (RFC 9112): sends a request, reads the head of the response, and streams its body.

The work of `requests`, urllib3 and `http.client` per request costs more than everything else that a page needs.
"""

from __future__ import annotations

import re
import select
import socket
import ssl
from functools import partial
from http import HTTPStatus
from sys import byteorder
from typing import TYPE_CHECKING

from source_rest_api.errors import TransientError
from source_rest_api.http.http1_head import parsed
from source_rest_api.http.transport import RawResponse
from source_rest_api.http.transport_errors import (
    ConnectionLostError,
    CutShortError,
    ReadTimeoutError,
    TlsError,
    TransportError,
    UnansweredError,
    UnprovenEndError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from source_rest_api.http.http1_head import Head

_CHUNK = 1 << 16
"""Bytes received at once. A larger buffer would be newly allocated by the system each time."""
_LONGEST_HEAD = 1 << 18
"""Maximum bytes of a head, or of a line between chunks. Servers send at most 64 kB; the bound protects the memory."""
_LONGEST_IDLE = 118
"""Seconds after which an idle connection is not used again, as in curl. Firewalls forget it, some without a sign."""
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_CHUNK_SIZE = re.compile(rb"\s*([0-9a-fA-F]{1,15})\s*(?:;.*)?\r?", re.DOTALL)
_TCP_INFO = getattr(socket, "TCP_INFO", None)
_BYTES_ACKED = 120
"""Offset of `tcpi_bytes_acked` in Linux's `struct tcp_info`."""
_FIRST_FINAL = HTTPStatus.OK.value
"""The lowest status of a response that is not an interim one."""
_WITHOUT_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class Connection:
    """A connection that serves one request at a time.

    Args:
        sock: A connected socket with its timeout set.
        seconds: Timeout for the head of a response, from the end of its request.
        clock: Monotonic seconds.
        free: Called when a response has been read and the connection can be reused.
    """

    def __init__(
        self, sock: socket.socket, seconds: float, clock: Callable[[], float], free: Callable[[Connection], None]
    ) -> None:
        self._sock = sock
        self._tcp: socket.socket = getattr(sock, "socket", sock)
        """The socket below. They differ for TLS within TLS (`SSLTransport` of urllib3), through a proxy over TLS."""
        self._unread = getattr(sock, "incoming", None)
        """What TLS within TLS has received and not decrypted yet; `poll` does not see it."""
        self._seconds = seconds
        self._clock = clock
        self._free = free
        self._came = b""
        self._at = 0
        self._body_under_way: Iterator[bytes] | None = None
        self._has_served = False
        self._idle_since = 0.0
        self._is_reset = False
        """True if the other side aborted the connection, so that bytes may be lost in both directions."""
        self._is_torn = False
        """True if it ended the connection without the closing alert of TLS (RFC 8446, section 6.1)."""
        self._poll: select.poll | None = None

    @property
    def is_open(self) -> bool:
        """True if the server still waits for a request. A connection closed by the server becomes readable."""
        if self._clock() - self._idle_since > _LONGEST_IDLE:
            return False
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self._tcp, select.POLLIN)
        return not self._poll.poll(0) and not (self._unread is not None and self._unread.pending)

    def close(self) -> None:
        """Close the connection."""
        self._body_under_way = None
        self._sock.close()

    def _abandon(self, body: Iterator[bytes]) -> None:
        """Close the connection if `body` is still being read; otherwise another request may already use it."""
        if body is self._body_under_way:
            self.close()

    def ask(self, request: bytes, method: str) -> RawResponse:
        """Send a request, and return the response when its head has arrived.

        Args:
            request: The request, as `http1_head.written` returns it.
            method: Its method. A response to HEAD has no body.

        Raises:
            TransientError: The head did not arrive in time.
            BrokenAnswerError: The head does not say clearly where the body ends.
            UnansweredError: The server had closed the connection, which has served requests before.
            TransportError: There is no response.
        """
        acknowledged = _acknowledged(self._tcp) if self._has_served else None
        try:
            self._send(request)
            head = self._head(self._clock() + self._seconds)
            body = self._body_under_way = self._body(head, method)
        except BaseException as error:
            unanswered = self._has_served and not self._came and isinstance(error, ConnectionLostError)
            # A reset may overtake the confirmation of what the server has read.
            arrived = self._is_reset or acknowledged is None or acknowledged != _acknowledged(self._tcp)
            self.close()
            if unanswered:
                raise UnansweredError(arrived=arrived) from error.__cause__
            raise
        return RawResponse(head.status, head.headers, body, partial(self._abandon, body), head.cookies)

    def _send(self, request: bytes) -> None:
        try:
            self._sock.sendall(request)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            self._is_reset = True  # the server may have responded before it read all, for example a large body
        except OSError as error:
            raise _lost(error) from error

    def _receive(self) -> bytes:
        """Return the next bytes from the socket; empty at the end of the connection."""
        try:
            return self._sock.recv(_CHUNK)
        except (ConnectionResetError, ssl.SSLEOFError) as error:
            # OpenSSL gives no reason for a reset.
            if isinstance(error, ssl.SSLEOFError) and error.reason is not None:
                self._is_torn = True
                return b""
            self._is_reset = True
            raise ConnectionLostError from error
        except OSError as error:
            raise _lost(error) from error

    def _head(self, ends: float) -> Head:
        """Return the next head, skipping interim responses (RFC 9110, section 15.2)."""
        while (head := parsed(self._text(ends))).status < _FIRST_FINAL:
            pass
        return head

    def _text(self, ends: float) -> str:
        """Return the text before the next empty line."""
        while (end := _HEAD_END.search(self._came, self._at)) is None:
            if not self._more(ends, "head"):
                raise ConnectionLostError("The head of the response does not end.")
        text = self._came[self._at : end.start()].decode("latin-1")
        self._at = end.end()
        return text

    def _line(self, ends: float) -> bytes:
        """Return the bytes before the next line break."""
        while (end := self._came.find(b"\n", self._at)) < 0:
            if not self._more(ends, "framing"):
                raise CutShortError
        line = self._came[self._at : end]
        self._at = end + 1
        return line

    def _more(self, ends: float, what: str) -> bool:
        """Receive more bytes; return False if there are none, or too many. Raise an error after the deadline."""
        if self._clock() > ends:
            raise TransientError(
                f"The response's {what} was not complete after {self._seconds:g} s (`request_timeout`)."
            )
        more = self._receive()
        self._came, self._at = self._came[self._at :] + more, 0
        return bool(more) and len(self._came) <= _LONGEST_HEAD

    def _take(self, size: int) -> bytes:
        """Return at most `size` bytes; empty at the end of the connection."""
        if self._at == len(self._came):
            # Receive more than `size`: surplus bytes must be noticed here, or they would start the next response.
            self._came, self._at = self._receive(), 0
        part = self._came[self._at : self._at + size]
        self._at += len(part)
        return part

    def _body(self, head: Head, method: str) -> Iterator[bytes]:
        """Return the body by the rules of RFC 9112, section 6.3; at its end the connection is reused or closed."""
        if method == "HEAD" or head.status in _WITHOUT_BODY:
            parts: Iterator[bytes] = iter(())
        elif (coding := head.coding) == "chunked":
            parts = self._chunked()
        elif coding or (length := head.length) is None:
            return self._ended(self._all(), keeps=False)
        else:
            parts = self._sized(length)
        return self._ended(parts, keeps=head.keeps)

    def _ended(self, parts: Iterator[bytes], *, keeps: bool) -> Iterator[bytes]:
        yield from parts
        if keeps and self._at == len(self._came):
            self._came, self._at = b"", 0
            self._body_under_way = None
            self._has_served = True
            self._idle_since = self._clock()
            self._free(self)
        else:
            self.close()

    def _all(self) -> Iterator[bytes]:
        """Yield the bytes until the server closes the connection."""
        yield from iter(partial(self._take, _CHUNK), b"")
        if self._is_torn:
            raise UnprovenEndError

    def _sized(self, size: int) -> Iterator[bytes]:
        left = size
        while left:
            part = self._take(left)
            if not part:
                raise CutShortError
            left -= len(part)
            yield part

    def _chunked(self) -> Iterator[bytes]:
        """Yield a chunked body without its framing (RFC 9112, section 7.1).

        Each line between chunks has the timeout of a head, and so have all trailers together.
        """
        while size := self._chunk_size():
            yield from self._sized(size)
            if self._line(self._clock() + self._seconds).strip():
                raise CutShortError
        ends = self._clock() + self._seconds
        try:
            while self._line(ends).strip():
                pass
        except CutShortError:
            pass  # the body is whole, even if the server closes the connection here (section 8)

    def _chunk_size(self) -> int:
        said = _CHUNK_SIZE.fullmatch(self._line(self._clock() + self._seconds))
        if said is None:
            raise CutShortError
        return int(said[1], 16)


def _acknowledged(sock: socket.socket) -> int | None:
    """Return the bytes that the peer's TCP has confirmed (RFC 9293, section 3.8); None if the system does not tell.

    If a request adds nothing to them, the connection was closed before the request arrived.
    """
    if _TCP_INFO is None:
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _BYTES_ACKED + 8)
    except OSError:
        return None
    return int.from_bytes(info[_BYTES_ACKED:], byteorder) if len(info) == _BYTES_ACKED + 8 else None


def _lost(error: OSError) -> TransportError:
    if isinstance(error, TimeoutError):
        return ReadTimeoutError()
    return TlsError() if isinstance(error, ssl.SSLError) else ConnectionLostError()

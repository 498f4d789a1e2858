"""HTTP/1.1 on one connection (RFC 9112): a request is written, the head of its answer read, its body given as it comes.

`requests` and urllib3 find the connection, with its proxy and certificates. What they and `http.client` do for each
request beyond that costs more than all else that is done for a page.
"""

from __future__ import annotations

import re
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from urllib3 import exceptions as wire
from urllib3.util.wait import wait_for_read

from source_rest_api.errors import TransientError
from source_rest_api.http.http1_head import parsed
from source_rest_api.http.transport import RawResponse, as_transport_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from socket import socket

    from source_rest_api.http.http1_head import Head

_CHUNK = 1 << 16
"""Bytes that are taken from the system at once. More would be memory that is fresh each time."""
_LONGEST_HEAD = 1 << 18
"""Bytes, of a head or of a line between chunks. Servers send 64 kB at most; without a bound it would fill memory."""
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_CHUNK_SIZE = re.compile(rb"\s*([0-9a-fA-F]{1,15})\s*(?:;.*)?\r?", re.DOTALL)
_WITHOUT_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class Connection:
    """A connection, for one request at a time.

    Args:
        sock: Connected, its timeout set.
        seconds: In which the head of an answer has to come, from the end of its request on.
        clock: Seconds.
        free: Is told when an answer has been read and the connection can be used again.
    """

    def __init__(
        self, sock: socket, seconds: float, clock: Callable[[], float], free: Callable[[Connection], None]
    ) -> None:
        self._sock = sock
        self._seconds = seconds
        self._clock = clock
        self._free = free
        self._came = b""
        self._at = 0
        self._body_under_way: Iterator[bytes] | None = None

    @property
    def is_open(self) -> bool:
        """Whether the other side waits for a request. One that closes it becomes readable."""
        return not wait_for_read(self._sock, timeout=0)

    def close(self) -> None:
        """End it."""
        self._body_under_way = None
        self._sock.close()

    def _abandon(self, body: Iterator[bytes]) -> None:
        """Close it if the body is the one that is under way: another request may have the connection by now."""
        if body is self._body_under_way:
            self.close()

    def ask(self, request: bytes, method: str) -> RawResponse:
        """Send a request; the answer, when its head has come.

        Args:
            request: As `written`.
            method: Its method. An answer to HEAD has no body.

        Raises:
            TransientError: The head did not come in time.
            BrokenAnswerError: It says in no clear way where the body ends.
            TransportError: There is no answer.
        """
        try:
            with as_transport_errors:
                self._send(request)
                head = self._head(self._clock() + self._seconds)
                body = self._body_under_way = self._body(head, method)
        except BaseException:
            self.close()
            raise
        return RawResponse(head.status, head.headers, body, partial(self._abandon, body), head.cookies)

    def _send(self, request: bytes) -> None:
        try:
            self._sock.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it may have answered before it had read all, as to a body that is too large
        except OSError as error:
            raise _lost(error) from error

    def _receive(self) -> bytes:
        """What comes next; empty at the end of the connection."""
        try:
            return self._sock.recv(_CHUNK)
        except OSError as error:
            raise _lost(error) from error

    def _head(self, ends: float) -> Head:
        """The next head that is not an interim one (RFC 9110, section 15.2)."""
        while (head := parsed(self._text(ends))).status < HTTPStatus.OK:
            pass
        return head

    def _text(self, ends: float) -> str:
        """What stands before the next empty line."""
        while (end := _HEAD_END.search(self._came, self._at)) is None:
            if not self._more(ends, "head"):
                raise wire.ProtocolError("There is no end of the head.")
        text = self._came[self._at : end.start()].decode("latin-1")
        self._at = end.end()
        return text

    def _line(self, ends: float) -> bytes:
        """What stands before the next line break."""
        while (end := self._came.find(b"\n", self._at)) < 0:
            if not self._more(ends, "framing"):
                raise wire.IncompleteRead(0, 0)
        line = self._came[self._at : end]
        self._at = end + 1
        return line

    def _more(self, ends: float, what: str) -> bool:
        """Whether more has come to what was not enough. It is an error if it is too late."""
        if self._clock() > ends:
            raise TransientError(f"The answer's {what} was not complete after {self._seconds:g} s (`request_timeout`).")
        more = self._receive()
        self._came, self._at = self._came[self._at :] + more, 0
        return bool(more) and len(self._came) <= _LONGEST_HEAD

    def _take(self, size: int) -> bytes:
        """So many bytes at most; empty at the end of the connection."""
        if self._at == len(self._came):
            # Not just what is wanted: bytes beyond an answer must be seen, lest they become the next one.
            self._came, self._at = self._receive(), 0
        part = self._came[self._at : self._at + size]
        self._at += len(part)
        return part

    def _body(self, head: Head, method: str) -> Iterator[bytes]:
        """The body by the rules of RFC 9112, section 6.3; then the connection is free, or closed."""
        if method == "HEAD" or head.status in _WITHOUT_BODY:
            parts: Iterator[bytes] = iter(())
        elif head.coding == "chunked":
            parts = self._chunked()
        elif head.coding or (length := head.length) is None:
            return self._ended(self._all(), keeps=False)
        else:
            parts = self._sized(length)
        return self._ended(parts, keeps=head.keeps)

    def _ended(self, parts: Iterator[bytes], *, keeps: bool) -> Iterator[bytes]:
        with as_transport_errors:
            yield from parts
        if keeps and self._at == len(self._came):
            self._came, self._at = b"", 0
            self._body_under_way = None
            self._free(self)
        else:
            self.close()

    def _all(self) -> Iterator[bytes]:
        """Until the other side closes."""
        return iter(partial(self._take, _CHUNK), b"")

    def _sized(self, size: int) -> Iterator[bytes]:
        left = size
        while left:
            part = self._take(left)
            if not part:
                raise wire.IncompleteRead(size - left, left)
            left -= len(part)
            yield part

    def _chunked(self) -> Iterator[bytes]:
        """Without the framing of RFC 9112, section 7.1. Each line has the time of a head, as all trailers have."""
        while size := self._chunk_size():
            yield from self._sized(size)
            if self._line(self._clock() + self._seconds).strip():
                raise wire.IncompleteRead(0, 0)
        ends = self._clock() + self._seconds
        while self._line(ends).strip():
            pass

    def _chunk_size(self) -> int:
        said = _CHUNK_SIZE.fullmatch(self._line(self._clock() + self._seconds))
        if said is None:
            raise wire.IncompleteRead(0, 0)
        return int(said[1], 16)


def _lost(error: OSError) -> wire.HTTPError:
    """What urllib3 would raise."""
    if isinstance(error, TimeoutError):
        return wire.ReadTimeoutError(None, "", "Read timed out.")  # type: ignore[arg-type]
    return wire.ProtocolError("Connection aborted.", error)

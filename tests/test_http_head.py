"""The request line and headers as they are sent."""

from __future__ import annotations

import pytest

from source_rest_api.http.http1_head import written


def test_a_request_is_written() -> None:
    """As in RFC 9112: headers in latin-1, the body unchanged."""
    sent = written("POST", "/a?b=c", [("Host", "h"), ("X", "é"), ("Y", b"\xff")], "ü")
    assert sent == b"POST /a?b=c HTTP/1.1\r\nHost: h\r\nX: \xe9\r\nY: \xff\r\n\r\n\xc3\xbc"
    assert written("GET", "/", [], None) == b"GET / HTTP/1.1\r\n\r\n"


@pytest.mark.parametrize(
    ("method", "target", "header"),
    [
        *(
            ("GET", "/", "a\r\nX: y"),
            ("GET", "/", "a\ny"),
            ("GET", "/", "a\ry"),
            ("GET", "/", "a\r\n"),
            ("GET", "/", "☃"),
        ),
        *(("GET", "/ HTTP/1.1\r\nX: y", ""), ("GET", "/a b", ""), ("GET", "/é", ""), ("G T", "/", "")),
    ],
)
def test_nothing_is_smuggled_into_a_request(method: str, target: str, header: str) -> None:
    """Values that HTTP cannot carry are refused; no value creates a header or a request."""
    with pytest.raises(ValueError, match=r"space or a line break|latin-1"):
        written(method, target, [("X", header)], None)

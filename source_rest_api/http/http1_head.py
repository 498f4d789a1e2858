"""The head of a request or a response: everything before the body (RFC 9112, sections 2 to 5)."""

from __future__ import annotations

import re
from collections.abc import ItemsView, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from source_rest_api.errors import BrokenAnswerError
from source_rest_api.http.transport_errors import ConnectionLostError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_STATUS = re.compile(r"HTTP/1\.(\d) +(\d{3})(?:\s|$)")
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)
_VISIBLE = re.compile(r"[!-~]+")
_BLANKS = " \t\r"
"""Characters around a value that are no part of it. `strip()` would remove bytes of UTF-8 texts too."""
_FOLD = re.compile(r"\r?\n[ \t]+")
"""A line break inside a value, which continues on the next line (RFC 9112, section 5.2)."""


class Headers(Mapping[str, str]):
    """The headers of a response; names are case-insensitive.

    Args:
        by_name: The values by names in lower case.
    """

    __slots__ = ("_by_name",)

    def __init__(self, by_name: dict[str, str]) -> None:
        self._by_name = by_name

    def __getitem__(self, name: str) -> str:
        return self._by_name[name.lower()]

    def get(self, name: str, default: Any = None, /) -> Any:
        """Return the value, or else the default. Faster than `Mapping.get`, because most headers are absent."""
        return self._by_name.get(name.lower(), default)

    def items(self) -> ItemsView[str, str]:
        """Return names and values. Faster than `Mapping.items`, which looks each name up."""
        return self._by_name.items()

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)


class Head(Struct, frozen=True):
    """The head of a response."""

    version: int
    """The minor version: 1 for HTTP/1.1."""
    status: int
    headers: Headers
    """Repeated headers are joined with commas (RFC 9110, section 5.3), but not if a proxy has merely doubled one."""
    cookies: list[str]
    """The `Set-Cookie` headers one by one, because their values contain commas."""

    @property
    def length(self) -> int | None:
        """Bytes of the body by `Content-Length`, which may be repeated with the same value; None if there is none.

        Raises:
            BrokenAnswerError: The values differ, or are not numbers.
        """
        text = self.headers.get("Content-Length")
        if text is None:
            return None
        value, *more = {part.strip() for part in text.split(",")}
        if more or not _LENGTH.fullmatch(value):
            raise BrokenAnswerError(
                "The response has no valid length: its `Content-Length` is ambiguous or not a number."
            )
        return int(value)

    @property
    def coding(self) -> str:
        """The last transfer coding, which frames the body; empty if there is none.

        Some servers still send `identity`, which means none (RFC 2616, section 3.6).
        """
        rest: str = self.headers.get("Transfer-Encoding", "").lower()
        while rest:
            rest, _, last = rest.rpartition(",")
            if (name := last.strip()) not in {"", "identity"}:
                return name
        return ""

    @property
    def keeps(self) -> bool:
        """True if the connection may be reused (RFC 9112, section 9.3)."""
        options = {option.strip().lower() for option in self.headers.get("Connection", "").split(",")}
        return "close" not in options and (self.version > 0 or "keep-alive" in options)


def written(method: str, target: str, headers: Iterable[tuple[str, str | bytes]], body: bytes | str | None) -> bytes:
    """Return the bytes of a request.

    Args:
        method: The method.
        target: The request target (RFC 9112, section 3.2).
        headers: All headers, including `Host`, and `Content-Length` if there is a body.
        body: The body, if there is one.

    Raises:
        ValueError: The request contains characters that HTTP does not allow.
    """
    lines = [f"{n}: {v if isinstance(v, str) else v.decode('latin-1')}\r\n" for n, v in headers]
    head = f"{method} {target} HTTP/1.1\r\n{''.join(lines)}\r\n"
    if not _VISIBLE.fullmatch(f"{method}{target}") or not head.count("\r") == head.count("\n") == len(lines) + 2:
        raise ValueError("a space or a line break where HTTP does not allow one")
    content = body.encode() if isinstance(body, str) else body or b""
    return head.encode("latin-1") + content


def parsed(text: str) -> Head:
    """Parse the head of a response. Lines that are not headers are ignored, as other clients do."""
    first, *lines = (_FOLD.sub(" ", text) if "\n " in text or "\n\t" in text else text).split("\n")
    status = _STATUS.match(first)
    if status is None:
        raise ConnectionLostError("The response is not HTTP.")
    by_name: dict[str, str] = {}
    cookies = []
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.strip(_BLANKS).lower(), value.strip(_BLANKS)
        if not colon or not name:
            continue
        if name == "set-cookie":
            cookies.append(value)
        before = by_name.get(name)
        by_name[name] = value if before is None or before == value else f"{before}, {value}"
    return Head(int(status[1]), int(status[2]), Headers(by_name), cookies)

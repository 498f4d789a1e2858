"""What stands before the body of a request or an answer (RFC 9112, sections 2 to 5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from urllib3 import exceptions as wire

from source_rest_api.errors import BrokenAnswerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_STATUS = re.compile(r"HTTP/1\.(\d) +(\d{3})(?:\s|$)")
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)
_VISIBLE = re.compile(r"[!-~]+")


class Headers(Mapping[str, str]):
    """The headers of an answer, looked up in any case.

    Args:
        by_name: Their values by names in lower case.
    """

    __slots__ = ("_by_name",)

    def __init__(self, by_name: dict[str, str]) -> None:
        self._by_name = by_name

    def __getitem__(self, name: str) -> str:
        return self._by_name[name.lower()]

    def get(self, name: str, default: Any = None, /) -> Any:
        """The value, or else the default: most headers that are asked for are not there."""
        return self._by_name.get(name.lower(), default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)


class Head(NamedTuple):
    """What stands before a body."""

    version: int
    """1 for HTTP/1.1."""
    status: int
    headers: Headers
    """Those that come several times are one, with commas between (RFC 9110, section 5.3)."""
    cookies: list[str]
    """Each `Set-Cookie`, which commas would spoil."""

    @property
    def length(self) -> int | None:
        """Bytes of the body, where `Content-Length` says it; several that say the same are one.

        Raises:
            BrokenAnswerError: It does not say it clearly.
        """
        text = self.headers.get("Content-Length")
        if text is None:
            return None
        said = {part.strip() for part in text.split(",")}
        value = said.pop()
        if said or not _LENGTH.fullmatch(value):
            raise BrokenAnswerError("The answer does not say clearly how long it is (`Content-Length`).")
        return int(value)

    @property
    def coding(self) -> str:
        """The last transfer coding, which frames the body; empty if there is none."""
        codings: str = self.headers.get("Transfer-Encoding", "")
        return codings.lower().rpartition(",")[2].strip()

    @property
    def keeps(self) -> bool:
        """Whether the connection may be used again (RFC 9112, section 9.3)."""
        options = {option.strip().lower() for option in self.headers.get("Connection", "").split(",")}
        return "close" not in options and (self.version > 0 or "keep-alive" in options)


def written(method: str, target: str, headers: Iterable[tuple[str, str | bytes]], body: bytes | str | None) -> bytes:
    """A request as it is sent.

    Args:
        method: Its method.
        target: What stands between method and version (RFC 9112, section 3.2).
        headers: With `Host`, and `Content-Length` if there is a body.
        body: Its body.

    Raises:
        ValueError: There is something in it that HTTP cannot carry.
    """
    lines = [f"{n}: {v if isinstance(v, str) else v.decode('latin-1')}\r\n" for n, v in headers]
    head = f"{method} {target} HTTP/1.1\r\n{''.join(lines)}\r\n"
    if not _VISIBLE.fullmatch(f"{method}{target}") or not head.count("\r") == head.count("\n") == len(lines) + 2:
        raise ValueError("a blank or a line break where there can be none")
    content = body.encode() if isinstance(body, str) else body or b""
    return head.encode("latin-1") + content


def parsed(text: str) -> Head:
    """The parts of a head. What is no header is left out, as other clients do."""
    first, *lines = text.split("\n")
    status = _STATUS.match(first)
    if status is None:
        raise wire.ProtocolError("What came is not HTTP.")
    by_name: dict[str, str] = {}
    cookies = []
    name = ""
    for line in lines:
        if line[:1] in {" ", "\t"} and name:  # a value that goes on (RFC 9112, section 5.2)
            by_name[name] += f" {line.strip()}"
            continue
        name, colon, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        if not colon or not name:
            name = ""
            continue
        if name == "set-cookie":
            cookies.append(value)
        before = by_name.get(name)
        by_name[name] = value if before is None else f"{before}, {value}"
    return Head(int(status[1]), int(status[2]), Headers(by_name), cookies)

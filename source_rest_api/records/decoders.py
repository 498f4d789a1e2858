"""From the bytes of a body to undecoded JSON values."""

from __future__ import annotations

import codecs
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec
from msgspec import Raw

from source_rest_api.errors import TOO_DEEP, BrokenAnswerError, ConfigError, SourceError
from source_rest_api.model import Model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_rest_api.pagination.page import Response

_VALUE = msgspec.json.Decoder(Raw)
_STEP = 1 << 14
_SNIPPET = 80
_HEX = rb"[0-9a-fA-F]{2}"
_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB]" + _HEX + rb"\\u[dD][c-fC-F]" + _HEX + rb"|(u[dD][89a-fA-F]" + _HEX + rb")|.)", re.DOTALL
)
"""All escapes of a JSON text from left to right; the group is half of a surrogate pair without the other."""
ZIP = b"PK\x03\x04"
BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MARKS = tuple(bom for bom, _ in BOMS)

_NO_CHARSETS = frozenset(
    {
        *("base64", "bz2", "hex", "quopri", "rot-13", "uu", "zlib"),
        *("idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"),
    }
)
"""Python's own codecs, which no API means; some inflate what they are given."""


class WholeBody(Model):
    """A format whose bodies are one value each, which is read as JSON."""

    selects: ClassVar[bool] = True
    """Whether records are selected from what is decoded."""

    def text(self, response: Response) -> bytes:
        """The body's value as JSON in UTF-8.

        Raises:
            BrokenAnswerError: The body is not text in its own charset.
            ConfigError: There is no such charset.
        """
        raise NotImplementedError

    def decode(self, response: Response) -> Raw:
        """Check the body's syntax and text, and return its value, undecoded.

        Raises:
            BrokenAnswerError: The body is cut, is not in this format, or is not text in its own charset.
            ConfigError: It is a page for people, which asks for a login, or nested too deeply.
        """
        return self.parsed(self.text(response), response)

    def parsed(self, text: bytes, response: Response) -> Raw:
        """As `decode`, of what `text` gave."""
        try:
            return parse(text)
        except msgspec.DecodeError as error:
            raise unreadable(response, "JSON", str(error)) from None
        except RecursionError:
            raise ConfigError(f"{TOO_DEEP} ({describe(response)}).") from None


class Json(WholeBody):
    """JSON (RFC 8259): the whole body is one value.

    The one thing that is changed is an escaped half of a surrogate pair: it is no character, and becomes U+FFFD.
    """

    type: Literal["json"] = "json"

    def text(self, response: Response) -> bytes:
        """The body, in UTF-8."""
        return utf8(response)


def parse(text: bytes) -> Raw:
    """A JSON text in UTF-8, checked and undecoded.

    Raises:
        msgspec.DecodeError: It is not JSON.
    """
    try:
        return _VALUE.decode(text)
    except msgspec.DecodeError:
        return _VALUE.decode(_ESCAPES.sub(_whole, text))


def describe(response: Response) -> str:
    """Content type, size and beginning of a body, for errors."""
    if not response.body:
        return f"HTTP {response.status}, empty body"
    start = response.body[:_SNIPPET].decode("utf-8", "replace")
    printable = "".join(c if c.isprintable() else " " for c in start).strip()
    more = "…" if len(response.body) > _SNIPPET else ""
    kind = response.content_type or "no content type"
    return f"HTTP {response.status}, {kind}, {len(response.body)} bytes: {printable}{more}"


def utf8(response: Response) -> bytes:
    """The body in UTF-8: by its byte order mark, else by the declared charset, else checked as UTF-8.

    Raises:
        BrokenAnswerError: It is not text in its charset.
        ConfigError: There is no such charset.
    """
    body = response.body
    refuse_zip(body)
    charset = named_charset(response) or "utf-8"
    mark = b""
    if body.startswith(_MARKS):
        mark, charset = next((bom, name) for bom, name in BOMS if body.startswith(bom))
    try:
        if charset == "utf-8":
            text = body[len(mark) :] if mark else body
            _check_utf8(text)
            return text
        return body[len(mark) :].decode(checked_charset(charset)).encode()
    except LookupError:
        raise ConfigError(f"The API declares the unknown charset {charset!r} ({describe(response)}).") from None
    except UnicodeError as error:
        at = f" at byte {error.start}" if isinstance(error, UnicodeDecodeError) else ""
        raise BrokenAnswerError(f"The body is not valid {charset.upper()}{at} ({describe(response)}).") from None


def _check_utf8(text: bytes) -> None:
    """Raise UnicodeDecodeError if it is not UTF-8. In steps, because a large string would be made to be thrown away."""
    if text.isascii():
        return
    view, start = memoryview(text), 0
    try:
        while start < len(text):
            end = start + _STEP  # a character that is cut there belongs to the next step
            start += codecs.utf_8_decode(view[start:end], "strict", end >= len(text))[1]
    except UnicodeDecodeError:
        text.decode()  # to say where


def _whole(escape: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if escape[1] else escape[0]


def checked_charset(name: str) -> str:
    """The name of a charset; raises LookupError if there is none of that name."""
    try:
        found = codecs.lookup(name).name
    except ValueError:
        raise LookupError(name) from None
    if found in _NO_CHARSETS:
        raise LookupError(name)
    return name


def known_charset(value: str) -> str:
    """A charset that a user names; raises ValueError if there is none of that name."""
    try:
        checked_charset(value)
    except LookupError:
        raise ValueError("unknown encoding; known are `utf-8`, `utf-16`, `iso-8859-1`, `windows-1252`, …") from None
    return value.lower()


@contextmanager
def reading_as(charset: str) -> Iterator[None]:
    """Says of texts with an `encoding` of their own that they are not in their charset, or that there is no such."""
    try:
        yield
    except LookupError:
        raise ConfigError(f"The API declares the unknown charset {charset!r}: set `decoder.encoding`.") from None
    except UnicodeError:
        raise BrokenAnswerError(
            f"The text is not valid {charset.upper()}; if it stays so, set `decoder.encoding`."
        ) from None


def named_charset(response: Response) -> str | None:
    """The charset that the content type names."""
    parameters = response.headers.get("Content-Type", "").split(";")[1:]
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip("\"'").lower()
            return "utf-8" if charset in {"utf8", "us-ascii"} else charset or None
    return None


def unreadable(response: Response, form: str, reason: str) -> SourceError:
    """The error for a body that is not in its format.

    Args:
        response: What came.
        form: What the format is called.
        reason: The decoder's words.
    """
    if response.content_type in {"text/html", "application/xhtml+xml"}:
        lowered = response.body[:20_000].lower()
        if b"password" in lowered or b"login" in lowered or b"sign in" in lowered:
            return ConfigError(
                f"The API answered with a login page in HTML instead of {form}: check `authentication`, "
                f"`url_base` and the endpoint's `path` ({describe(response)}).",
                reason,
            )
        return BrokenAnswerError(
            f"The API answered with an HTML page instead of {form}: if it stays so, check `url_base` and the "
            f"endpoint's `path` ({describe(response)}).",
            reason,
        )
    return BrokenAnswerError(f"The body is not complete, valid {form} ({describe(response)}).", reason)


def refuse_zip(start: bytes) -> None:
    """Say of a zip file how it is read.

    Raises:
        ConfigError: It is one.
    """
    if start.startswith(ZIP):
        raise ConfigError("The answer is a zip file: set `decoder: {type: zip, decoder: {type: …}}`.")

"""One HTTP response: its status, headers and body, and the body as text."""

from __future__ import annotations

import codecs
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from msgspec import DecodeError, Struct, field

from source_rest_api.errors import BrokenAnswerError, ConfigError, SourceError
from source_rest_api.formats import raw_json
from source_rest_api.formats.excerpt import LONGEST, excerpt
from source_rest_api.http import api_reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


LARGEST_BODY = 1 << 29
"""Bytes. More at once would not leave memory for anything else."""


class Response(Struct, frozen=True):
    """What came back: a whole body, content coding undone."""

    status: int
    headers: Mapping[str, str]
    """Looked up without regard to case."""
    body: bytes
    url: str
    chunks: Iterator[bytes] = field(default_factory=lambda: iter(()))
    """The body in place of `body`, where it is read while it arrives."""
    close: Callable[[], None] = lambda: None
    """Ends the reading of `chunks`."""
    largest: int = LARGEST_BODY
    """Bytes that what is in `chunks` may come to, where it is held at once."""
    is_accepted: bool = False
    """Whether an error rule says that it is no error, whatever stands in it."""
    last_reason: str = ""
    """Why an error rule makes this the last page; empty where none does."""
    is_ignored: bool = False
    """True if an error rule ignores the error that this is."""

    @property
    def is_empty(self) -> bool:
        """Whether it has no records, whatever its body: by its status, or as an error that ends the pages."""
        return self.status == HTTPStatus.NO_CONTENT or (bool(self.last_reason) and not self.is_accepted)

    @property
    def content_type(self) -> str:
        """Media type in lower case, without parameters; empty if there is none."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()


_STEP = 1 << 14


_LARGEST_ERROR = 1 << 20
"""Bytes of a body in which a reason is looked for."""


ZIP = b"PK\x03\x04"


BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


_NO_CHARSETS = frozenset(
    {
        *("base64", "bz2", "hex", "quopri", "rot-13", "uu", "zlib"),
        *("idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"),
    }
)
"""Python's own codecs, which no API means; some inflate what they are given."""


def describe(response: Response) -> str:
    """Content type and size of a body, and the API's own reason or the body's beginning, for errors."""
    if not response.body:
        return f"HTTP {response.status}, empty body"
    kind = response.content_type or "no content type"
    said = excerpt(_reason(response), LONGEST) or excerpt(_text(response.body[:_STEP], response))
    return f"HTTP {response.status}, {kind}, {len(response.body)} bytes: {said}"


def _reason(response: Response) -> str:
    """The API's own reason, if the body is JSON and has one."""
    if len(response.body) > _LARGEST_ERROR:
        return ""
    try:
        return api_reason.find(raw_json.parse(_text(response.body, response).encode("utf-8", "replace")))
    except (DecodeError, RecursionError):
        return ""


def _text(start: bytes, response: Response) -> str:
    """The beginning of a body as text, with signs of replacement where it is none."""
    mark, charset = _charset(response)
    try:
        return start[len(mark) :].decode(checked_charset(charset), "replace")
    except LookupError:
        return start.decode("utf-8", "replace")


def _charset(response: Response) -> tuple[bytes, str]:
    """The body's byte order mark, if it has one, and its charset: by the mark, else as it is declared, else UTF-8."""
    marked = next(((bom, name) for bom, name in BOMS if response.body.startswith(bom)), None)
    return marked or (b"", named_charset(response) or "utf-8")


def utf8(response: Response) -> bytes:
    """The body in UTF-8: by its byte order mark, else by the declared charset, else checked as UTF-8.

    Raises:
        BrokenAnswerError: It is not text in its charset.
        ConfigError: There is no such charset.
    """
    body = response.body
    refuse_zip(body)
    mark, charset = _charset(response)
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

"""One HTTP response: status, headers and body, and the body as text."""

from __future__ import annotations

import codecs
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from msgspec import DecodeError, Raw, Struct, field

from source_rest_api.errors import TOO_DEEP, BrokenAnswerError, ConfigError, SourceError
from source_rest_api.formats import raw_json, xml_tree
from source_rest_api.formats.excerpt import LONGEST, excerpt
from source_rest_api.http import api_reason, compression
from source_rest_api.plurals import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


LARGEST_BODY = 1 << 29
"""Default maximum bytes of a body held in memory. A larger one would leave no memory for anything else."""
_XML = {"application/xml", "text/xml"}


class Response(Struct, frozen=True):
    """A response with its body decompressed, either complete (`body`) or streamed (`chunks`)."""

    status: int
    headers: Mapping[str, str]
    """The headers; names are case-insensitive."""
    body: bytes
    url: str
    chunks: Iterator[bytes] = field(default_factory=lambda: iter(()))
    """The body of a streamed response; `body` is then empty."""
    close: Callable[[], None] = lambda: None
    """Stops reading `chunks`."""
    largest: int = LARGEST_BODY
    """Maximum bytes of `chunks`, if the reader buffers them all."""
    is_accepted: bool = False
    """True if an error rule accepts the response, whatever its status or body says."""
    last_reason: str = ""
    """Why this is the last page: an error rule, or a 304. Empty if it need not be."""
    is_ignored: bool = False
    """True if an error rule ignores this error."""
    unsigned: str = ""
    """Advice for the user if the API rejects a request that carried no credentials. Empty if it carried some."""

    @property
    def is_empty(self) -> bool:
        """True if it has no records, whatever its body: a 204, a 304, or an error that a rule makes the last page."""
        return self.status == HTTPStatus.NO_CONTENT or (bool(self.last_reason) and not self.is_accepted)

    @property
    def is_framed(self) -> bool:
        """True if the body shows where it ends: by a length or chunks (RFC 9112, section 6.3), or by its compression.

        The end of any other body is where the server closes the connection, for whatever reason.
        """
        chunked = "chunked" in self.headers.get("Transfer-Encoding", "").lower()
        coding = self.headers.get("Content-Encoding", "")
        return "Content-Length" in self.headers or chunked or compression.shows_end(coding)

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters; empty if there is none."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def json(self, text: bytes | None = None) -> Raw:
        """Return the body's JSON value, validated but not decoded.

        Args:
            text: JSON in UTF-8 to read in place of the body; by default the body itself.

        Raises:
            BrokenAnswerError: The body is incomplete, not JSON, or not text in its declared charset.
            ConfigError: The body is an HTML login page, or is nested too deeply.
        """
        try:
            return raw_json.parse(raw_json.unguarded(utf8(self)) if text is None else text)
        except DecodeError as error:
            raise unreadable(self, "JSON", str(error), text) from None
        except RecursionError:
            raise ConfigError(f"{TOO_DEEP} ({describe(self)}).") from None

    def structured(self) -> Raw:
        """Return the body's JSON value; if the body says that it is XML, the equivalent JSON value.

        Raises:
            BrokenAnswerError: The body is incomplete, or neither JSON nor XML.
            ConfigError: The body is an HTML login page, is nested too deeply, or declares XML entities.
        """
        if not (self.content_type in _XML or self.body.lstrip().startswith(b"<?xml")):
            return self.json()
        try:
            return Raw(msgspec.json.encode(xml_tree.of(self.body.lstrip())))
        except ValueError as error:
            raise unreadable(self, "XML", str(error)) from None


_STEP = 1 << 14
"""Bytes decoded at once; they fit into a CPU's first-level cache."""


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
_MARKS = tuple(bom for bom, _ in BOMS)


_NO_CHARSETS = frozenset(
    {
        *("base64", "bz2", "hex", "quopri", "rot-13", "uu", "zlib"),
        *("idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"),
    }
)
"""Python codecs that no API means as a charset. Some of them decompress, so a small body could fill the memory."""


def describe(response: Response) -> str:
    """Describe a response in an error: status, content type, size, and the API's own reason or the body's beginning."""
    if not response.body:
        return f"HTTP {response.status}, empty body"
    kind = response.content_type or "no content type"
    said = excerpt(_reason(response), LONGEST) or excerpt(_text(response.body[:_STEP], response))
    return f"HTTP {response.status}, {kind}, {counted(len(response.body), 'byte')}: {said}"


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


def _charset(response: Response, encoding: str | None = None) -> tuple[bytes, str]:
    """The body's byte order mark, if any, and its charset: by the mark, `encoding`, its declaration, or else UTF-8."""
    body = response.body
    if body.startswith(_MARKS):
        return next((bom, name) for bom, name in BOMS if body.startswith(bom))
    return b"", encoding or named_charset(response) or "utf-8"


def utf8(response: Response, encoding: str | None = None) -> bytes:
    """Return the body in UTF-8: by its byte order mark, else `encoding`, else its declared charset, else UTF-8.

    Raises:
        BrokenAnswerError: The body is not text in its charset.
        ConfigError: The declared charset is unknown.
    """
    body = response.body
    refuse_zip(body)
    mark, charset = _charset(response, encoding)
    try:
        if charset == "utf-8":
            text = body[len(mark) :] if mark else body
            _check_utf8(text)
            return text
        return body[len(mark) :].decode(checked_charset(charset)).encode()
    except LookupError:
        raise ConfigError(
            f"The API declares the unknown charset {charset!r} ({describe(response)}): set `decoder.encoding`."
        ) from None
    except UnicodeError as error:
        at = f" at byte {error.start}" if isinstance(error, UnicodeDecodeError) else ""
        raise BrokenAnswerError(
            f"The body is not valid {charset.upper()}{at} ({describe(response)}). If this persists, set "
            "`decoder.encoding`, such as `iso-8859-1`."
        ) from None


def _check_utf8(text: bytes) -> None:
    """Raise UnicodeDecodeError if the text is not UTF-8.

    Works in steps: decoding all at once would build a large string only to discard it.
    """
    if text.isascii():
        return
    view, start = memoryview(text), 0
    try:
        while start < len(text):
            end = start + _STEP  # a character cut here is decoded in the next step
            start += codecs.utf_8_decode(view[start:end], "strict", end >= len(text))[1]
    except UnicodeDecodeError:
        text.decode()  # raises again, with the position in the whole text


def checked_charset(name: str) -> str:
    """Return the name of a charset; raise LookupError if no charset has that name."""
    try:
        found = codecs.lookup(name).name
    except ValueError:
        raise LookupError(name) from None
    if found in _NO_CHARSETS:
        raise LookupError(name)
    return name


def known_charset(value: str) -> str:
    """Return the charset that a user set, in lower case; raise ValueError if no charset has that name."""
    try:
        checked_charset(value)
    except LookupError:
        raise ValueError("unknown encoding; use `utf-8`, `utf-16`, `iso-8859-1`, `windows-1252`, …") from None
    return value.lower()


@contextmanager
def reading_as(charset: str) -> Iterator[None]:
    """Turn decoding errors of a text with its own `encoding` into errors that name this setting."""
    try:
        yield
    except LookupError:
        raise ConfigError(f"The API declares the unknown charset {charset!r}: set `decoder.encoding`.") from None
    except UnicodeError:
        raise BrokenAnswerError(
            f"The text is not valid {charset.upper()}: if this persists, set `decoder.encoding`."
        ) from None


def named_charset(response: Response) -> str | None:
    """Return the charset that the `Content-Type` declares; None if there is none."""
    parameters = response.headers.get("Content-Type", "").split(";")[1:]
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip("\"'").lower()
            return "utf-8" if charset in {"utf8", "us-ascii"} else charset or None
    return None


def unreadable(response: Response, form: str, reason: str, text: bytes | None = None) -> SourceError:
    """Return the error for a body that is not in the expected format.

    Args:
        response: The response.
        form: Name of the expected format, such as `JSON`.
        reason: The decoder's message.
        text: The JSON text that could not be read.
    """
    if text is not None and raw_json.is_valid(raw_json.without_nan(text)):
        return ConfigError(
            f"The body has NaN or Infinity, which JSON does not have ({describe(response)}). Set `decoder: {{type: "
            "json, nan_as_null: true}` to read them as null.",
            reason,
        )
    if response.content_type in {"text/html", "application/xhtml+xml"}:
        lowered = response.body[:20_000].lower()
        if b"password" in lowered or b"login" in lowered or b"sign in" in lowered:
            return ConfigError(
                f"The API returned an HTML login page instead of {form}: check `authentication`, "
                f"`url_base` and the endpoint's `path` ({describe(response)}).",
                reason,
            )
        return BrokenAnswerError(
            f"The API returned an HTML page instead of {form}: if this persists, check `url_base` and the "
            f"endpoint's `path` ({describe(response)}).",
            reason,
        )
    if form == "JSON" and "xml" in response.content_type:
        return BrokenAnswerError(
            f"The API returned XML instead of JSON ({describe(response)}). Request JSON (`headers: {{Accept: "
            "application/json}`), or read XML (`decoder: {type: xml}`).",
            reason,
        )
    return BrokenAnswerError(f"The body is not complete, valid {form} ({describe(response)}).", reason)


def refuse_zip(start: bytes) -> None:
    """Reject a zip file, with a hint at the zip decoder.

    Raises:
        ConfigError: The body is a zip file.
    """
    if start.startswith(ZIP):
        raise ConfigError("The response is a zip file: set `decoder: {type: zip, decoder: {type: …}}`.")

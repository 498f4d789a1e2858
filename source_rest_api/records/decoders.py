"""Decoders of whole response bodies: from bytes to a JSON value whose parts stay undecoded."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Protocol

from msgspec import Raw
from pydantic import AfterValidator

from source_rest_api.formats import raw_json
from source_rest_api.http.response import Response, known_charset, utf8
from source_rest_api.model import Model


class StreamedDecoder(Protocol):
    """The interface of a format that is read while the body arrives. `WholeBody` is the base of all other formats."""

    @property
    def type(self) -> str:
        """The name of the format in the config."""

    @property
    def selects(self) -> bool:
        """True if a selector finds the records in the decoded value."""

    @property
    def require_frame(self) -> bool:
        """True to refuse a body whose end is not proven."""

    def pages(self, response: Response) -> Iterator[list[Raw]]:
        """Yields the records of a body in batches."""


class WholeBody(Model):
    """A format where each body is one value, which is converted to JSON."""

    selects: ClassVar[bool] = True
    """True if a selector finds the records in the decoded value."""

    def text(self, response: Response) -> bytes:
        """Returns the body's value as JSON in UTF-8.

        Raises:
            BrokenAnswerError: The body is not valid text in its charset.
            ConfigError: The charset is unknown.
        """
        raise NotImplementedError

    def decode(self, response: Response) -> Raw:
        """Checks the syntax and charset of the body, and returns its undecoded value.

        Raises:
            BrokenAnswerError: The body is truncated, not in this format, or not valid text in its charset.
            ConfigError: The body is an HTML page, such as a login page, or nested too deeply.
        """
        return response.json(self.text(response))


class Json(WholeBody):
    """JSON (RFC 8259): the whole body is one value.

    The decoder changes one thing: an escaped lone surrogate, which is not a character, becomes U+FFFD.
    """

    type: Literal["json"] = "json"
    prefix: str = ""
    """Text before the JSON that guards it against browsers. `)]}'`, `while(1);`, `for(;;);` and the like are recognized
    without this option, and so is JSONP."""
    encoding: Annotated[str, AfterValidator(known_charset)] | None = None
    """Charset of the text. By default from the byte order mark, then the content type, otherwise UTF-8."""
    nan_as_null: bool = False
    """Read `NaN` and `Infinity`, which JSON does not have, as null."""

    def text(self, response: Response) -> bytes:
        """Returns the body in UTF-8, without the guard before it."""
        whole = utf8(response, self.encoding)
        text = raw_json.unguarded(whole)
        if text is whole and self.prefix:
            text = raw_json.unguarded(whole.removeprefix(self.prefix.encode()))
        return raw_json.without_nan(text) if self.nan_as_null and not raw_json.is_valid(text) else text


class RecordDecoder(WholeBody):
    """Base class for a connector's own decoders.

    `records` returns the records of a body. Paginators read the JSON that `text` returns.
    """

    selects: ClassVar[bool] = False

    def text(self, response: Response) -> bytes:
        """Returns the body as paginators read it: in UTF-8, without a guard before it."""
        return raw_json.unguarded(utf8(response))

    def records(self, response: Response) -> list[dict[str, Any]]:
        """Returns the records of a body.

        Raises:
            SourceError: The body is unusable.
        """
        raise NotImplementedError


class DecoderProtocol(Protocol):
    """The contract of all decoders, including a connector's own. `RecordDecoder` implements it, except for `type`."""

    @property
    def type(self) -> str:
        """The name of the format."""

    @property
    def selects(self) -> bool:
        """True if a selector finds the records in the decoded value."""

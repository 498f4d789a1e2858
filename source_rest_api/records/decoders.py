"""From the bytes of a body to undecoded JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from source_rest_api.http.response import utf8
from source_rest_api.model import Model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msgspec import Raw

    from source_rest_api.http.response import Response


class StreamedDecoder(Protocol):
    """A format that is read while it arrives, as a read sees it; `WholeBody` is the base of all others."""

    @property
    def type(self) -> str:
        """The format, as the config names it."""

    @property
    def selects(self) -> bool:
        """True if records are selected from what is decoded."""

    def pages(self, response: Response) -> Iterator[list[Raw]]:
        """The records of a body, in parts."""


class WholeBody(Model):
    """A format whose bodies are one value each, which is read as JSON."""

    selects: ClassVar[bool] = True
    """True if records are selected from what is decoded."""

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
        return response.json(self.text(response))


class Json(WholeBody):
    """JSON (RFC 8259): the whole body is one value.

    The one thing that is changed is an escaped half of a surrogate pair: it is no character, and becomes U+FFFD.
    """

    type: Literal["json"] = "json"

    def text(self, response: Response) -> bytes:
        """The body, in UTF-8."""
        return utf8(response)

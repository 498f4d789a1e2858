"""Decodes XML to an equivalent JSON value, so records, pagination and errors work as with JSON."""

from typing import Annotated, Literal

import msgspec
from pydantic import AfterValidator

from source_rest_api.formats import xml_tree
from source_rest_api.http.response import (
    BOMS,
    Response,
    checked_charset,
    known_charset,
    named_charset,
    reading_as,
    refuse_zip,
    unreadable,
)
from source_rest_api.records.decoders import WholeBody


class Xml(WholeBody):
    """XML: elements become fields, `{"orders": {"order": [{"@id": "1", "total": "9.50"}, …]}}`.

    All values are texts; use `cast` to convert them to numbers.
    """

    type: Literal["xml"] = "xml"
    lists: list[str] = []  # noqa: RUF012 -- pydantic copies defaults
    """Names of elements that are always lists, even if there is only one, such as `line`."""
    encoding: Annotated[str, AfterValidator(known_charset)] | None = None
    """Charset of the text. By default from the byte order mark, the content type or the XML declaration."""

    def text(self, response: Response) -> bytes:
        """Returns the document as JSON.

        Raises:
            BrokenAnswerError: The document is truncated, or not well-formed.
            ConfigError: The body is an HTML page, or declares entities, which may expand without limit.
        """
        refuse_zip(response.body)
        try:
            tree = xml_tree.of(self._document(response.body, response), frozenset(self.lists))
        except ValueError as error:
            raise unreadable(response, "XML", str(error)) from None
        return msgspec.json.encode(tree)

    def _document(self, body: bytes, response: Response) -> str | bytes:
        """Returns the text, or the bytes if they declare their charset themselves."""
        marked = any(body.startswith(mark) for mark, _ in BOMS)
        charset = self.encoding or named_charset(response)
        if marked or charset is None:
            return body
        with reading_as(charset):
            return body.decode(checked_charset(charset))

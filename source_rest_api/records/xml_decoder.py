"""Decodes XML to an equivalent JSON value, so records, pagination and errors work as with JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import msgspec
from pydantic import AfterValidator

from source_rest_api.errors import BrokenAnswerError, ConfigError
from source_rest_api.http.response import (
    BOMS,
    checked_charset,
    known_charset,
    named_charset,
    reading_as,
    refuse_zip,
    unreadable,
)
from source_rest_api.records.decoders import WholeBody

if TYPE_CHECKING:
    from xml.parsers.expat import XMLParserType

    from source_rest_api.http.response import Response

_DEEPEST = 200
"""Maximum depth of nested elements."""


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

        An element with only text becomes that text, and an empty element becomes null. Any other element becomes an
        object: attributes with an `@` before their names, child elements by name, and its own text as `#text`. Child
        elements with the same name become a list. White space between elements is dropped; prefixes are kept.

        Raises:
            BrokenAnswerError: The document is truncated, or not well-formed.
            ConfigError: The body is an HTML page, or declares entities, which may expand without limit.
        """
        from pyexpat import ExpatError, ParserCreate  # noqa: PLC0415 -- start-up counts

        body = response.body
        refuse_zip(body)
        parser = ParserCreate()
        tree = _Tree(frozenset(self.lists))
        tree.listen(parser)
        try:
            parser.Parse(self._document(body, response), True)
        except (ExpatError, LookupError, ValueError) as error:  # expat knows no charset of several bytes but UTF
            raise unreadable(response, "XML", str(error)) from None
        return msgspec.json.encode(tree.root)

    def _document(self, body: bytes, response: Response) -> str | bytes:
        """Returns the text, or the bytes if they declare their charset themselves."""
        marked = any(body.startswith(mark) for mark, _ in BOMS)
        charset = self.encoding or named_charset(response)
        if marked or charset is None:
            return body
        with reading_as(charset):
            return body.decode(checked_charset(charset))


class _Element(NamedTuple):
    name: str
    fields: dict[str, Any]
    texts: list[str]


class _Tree:
    """Builds the JSON value from the parser's events.

    Args:
        lists: Names of elements that are always lists.
    """

    def __init__(self, lists: frozenset[str]) -> None:
        self.root: dict[str, Any] = {}
        self._lists = lists
        self._open = [_Element("", self.root, [])]

    def listen(self, parser: XMLParserType) -> None:
        """Registers the handlers of this builder on the parser."""
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.EntityDeclHandler = self._refuse
        parser.ExternalEntityRefHandler = self._refuse

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) > _DEEPEST:
            raise BrokenAnswerError("The XML is nested too deeply to be read.")
        self._open.append(_Element(name, {f"@{key}": value for key, value in attributes.items()}, []))

    def _data(self, text: str) -> None:
        self._open[-1].texts.append(text)

    def _end(self, _: str) -> None:
        element = self._open.pop()
        around, value = self._open[-1].fields, _value(element)
        if element.name not in around:
            around[element.name] = [value] if element.name in self._lists else value
        elif isinstance(around[element.name], list):
            around[element.name].append(value)
        else:
            around[element.name] = [around[element.name], value]

    def _refuse(self, *_: object) -> Any:
        raise ConfigError("The XML declares entities. They are not supported, because they may expand without limit.")


def _value(element: _Element) -> Any:
    text = "".join(element.texts)
    if not element.fields:
        return text if text.strip() else None
    if text.strip():
        element.fields["#text"] = text.strip()
    return element.fields

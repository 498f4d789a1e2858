"""XML as the JSON value that it stands for, so that records, paging and errors are found in it as in JSON."""

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
"""Elements inside each other."""


class Xml(WholeBody):
    """XML: elements become fields, `{"orders": {"order": [{"@id": "1", "total": "9.50"}, …]}}`.

    Texts stay texts; `cast` makes numbers of them.
    """

    type: Literal["xml"] = "xml"
    lists: list[str] = []  # noqa: RUF012 -- pydantic copies defaults
    """Names of elements that are lists even where there is only one, such as `line`."""
    encoding: Annotated[str, AfterValidator(known_charset)] | None = None
    """Charset of the text. By default what its byte order mark, the content type or the XML declaration says."""

    def text(self, response: Response) -> bytes:
        """The document as JSON.

        An element with nothing but text is that text, and one without anything is null. Any other is an object: its
        attributes with an `@` before their names, its elements by their names, a list where a name comes more than
        once, and text beside them as `#text`. White space between elements is left out; prefixes stay as written.

        Raises:
            BrokenAnswerError: It is cut, or not well-formed.
            ConfigError: It is a page for people, or declares entities, which may grow without bound.
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
        """The text, or bytes that say their charset themselves."""
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
    """Builds the value from what the parser tells.

    Args:
        lists: Names of elements that are always lists.
    """

    def __init__(self, lists: frozenset[str]) -> None:
        self.root: dict[str, Any] = {}
        self._lists = lists
        self._open = [_Element("", self.root, [])]

    def listen(self, parser: XMLParserType) -> None:
        """Be told."""
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
        raise ConfigError("The XML declares entities, which is not read because it may grow without bound.")


def _value(element: _Element) -> Any:
    text = "".join(element.texts)
    if not element.fields:
        return text if text.strip() else None
    if text.strip():
        element.fields["#text"] = text.strip()
    return element.fields

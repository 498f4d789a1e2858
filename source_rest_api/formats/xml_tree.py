"""XML as the equivalent JSON value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from source_rest_api.errors import BrokenAnswerError, ConfigError

if TYPE_CHECKING:
    from xml.parsers.expat import XMLParserType

_DEEPEST = 200
"""Maximum depth of nested elements."""


def of(document: str | bytes, lists: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Returns a document as an object with its outermost element.

    An element with only text becomes that text, and an empty element becomes null. Any other element becomes an
    object: attributes with an `@` before their names, child elements by name, and its own text as `#text`. Child
    elements with the same name become a list. White space between elements is dropped; prefixes are kept.

    Args:
        document: The text, or the bytes if they declare their charset themselves.
        lists: Names of elements that are always lists.

    Raises:
        ValueError: The document is truncated, or not well-formed.
        BrokenAnswerError: It is nested too deeply.
        ConfigError: It declares entities, which may expand without limit.
    """
    from pyexpat import ExpatError, ParserCreate  # noqa: PLC0415 -- start-up counts

    parser = ParserCreate()
    tree = _Tree(lists)
    tree.listen(parser)
    try:
        parser.Parse(document, True)
    except (ExpatError, LookupError) as error:  # expat knows no charset of several bytes but UTF
        raise ValueError(str(error)) from None
    return tree.root


class _Element(Struct, frozen=True):
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

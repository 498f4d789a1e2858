"""Expressions that give the next position or recognize the last page. A missing value is null."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from msgspec import Raw
from pydantic import AfterValidator, BeforeValidator

from source_rest_api.formats import raw_json
from source_rest_api.formats.json_value import JsonValue
from source_rest_api.formats.link_header import find_links
from source_rest_api.model import Text
from source_rest_api.pagination.page import End, plain
from source_rest_api.templates import record_templates, scalars, templates
from source_rest_api.templates.optional_values import is_null_text
from source_rest_api.templates.record_templates import RecordContext, RecordTemplate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jinja2.runtime import Context

    from source_rest_api.pagination.page import Next, Page

NAMES = frozenset({"response", "headers", "last_record", "last_page_size", "page_size", templates.TOKEN})
"""The names that an expression may read."""


def _check(text: str) -> str:
    unknown = templates.names(text) - NAMES
    if unknown:
        names = ", ".join(f"`{name}`" for name in sorted(NAMES))
        raise ValueError(f"the expression reads `{min(unknown)}`, which is unknown here; it can read {names}")
    return text


_LINK = "link"

PageExpression: TypeAlias = Annotated[Text, BeforeValidator(templates.braced), AfterValidator(_check)]
"""An expression that reads a page, with or without the braces of a template."""


class _Headers(dict[str, Any]):
    """Response headers by name, ignoring case. `link` gives the parsed links by relation, and `Link` the text."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__({name.lower(): value for name, value in headers.items()})
        if _LINK in self:
            self["Link"] = super().__getitem__(_LINK)
            self[_LINK] = find_links(self["Link"])

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def __getitem__(self, name: str) -> Any:
        return super().__getitem__(name if name == "Link" else name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        """Returns the value of a header."""
        return super().get(name if name == "Link" else name.lower(), default)


def holds(text: str, page: Page, page_size: int | None) -> bool:
    """True if the result of an expression is true, not empty and not zero.

    Args:
        text: The expression.
        page: The page that it reads.
        page_size: The number of records requested.

    Raises:
        ConfigError: The expression fails.
    """
    return _template(text).holds(_context(text, page, page_size))


def reads_nothing(text: str, page: Page) -> bool:
    """True if an expression reads a field that the body lacks, so its result is not a statement of the API."""
    paths = [keys for name, *keys in templates.references(text) if name == "response" and keys]
    return any(raw_json.find(page.root, keys) is None for keys in paths)


def position(text: str, page: Page, page_size: int | None, setting: str) -> Next:
    """Returns the position that an expression gives. Null, false and what is empty are the end.

    An `if` without `else` whose condition is false is a certain end: the user wrote it. Null is not, since it may
    only be a missing field.

    Args:
        text: The expression.
        page: The page that it reads.
        page_size: The number of records requested.
        setting: The setting that holds the expression.

    Raises:
        ConfigError: The expression fails.
    """
    found = _template(text).value(_context(text, page, page_size))
    if found is False or found in (scalars.BLANK, None, "", [], {}) or is_null_text(found, text):
        said = found is scalars.BLANK and not reads_nothing(text, page)
        return End(f"`{setting}` gives no value", said=said)
    if isinstance(found, list | dict):
        return JsonValue.of(found)
    if isinstance(found, Raw):
        return bytes(found).decode()
    return found if isinstance(found, int) and not isinstance(found, bool) else scalars.as_text(found)


@cache
def _template(text: str) -> RecordTemplate:
    return RecordTemplate(text, "page")


@cache
def _peeker(text: str, name: str) -> Callable[[Raw], dict[str, Any]]:
    """Returns a decoder for only those fields of a name that an expression reads."""
    return record_templates.peeker([text], name)


def _context(text: str, page: Page, page_size: int | None) -> Context:
    used = templates.names(text)
    own: dict[str, Any] = {"last_page_size": len(page), "page_size": page_size, templates.TOKEN: plain(page.position)}
    if "response" in used:
        is_object = raw_json.kind(page.root) == "object"
        own["response"] = _peeker(text, "response")(page.root) if is_object else raw_json.decode(page.root)
    if "last_record" in used:
        own["last_record"] = _peeker(text, "last_record")(page.records[-1]) if page.records else None
    if "headers" in used:
        own["headers"] = _Headers(page.response.headers)
    return RecordContext(own).around({})

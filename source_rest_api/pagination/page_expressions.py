"""Expressions that read a page: where the next one is, and whether this was the last. What is not there is null."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from msgspec import Raw
from pydantic import AfterValidator, BeforeValidator

from source_rest_api.formats import raw_json
from source_rest_api.formats.link_header import find_links
from source_rest_api.model import Text
from source_rest_api.pagination.page import End
from source_rest_api.templates import optional_values, record_templates, scalars, templates
from source_rest_api.templates.record_templates import RecordContext, RecordTemplate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jinja2.runtime import Context

    from source_rest_api.pagination.page import Next, Page

NAMES = frozenset({"response", "headers", "last_record", "last_page_size", "page_size", templates.TOKEN})
"""The names that they may read."""


def _check(text: str) -> str:
    unknown = templates.names(text) - NAMES
    if unknown:
        names = ", ".join(f"`{name}`" for name in sorted(NAMES))
        raise ValueError(f"the expression reads `{min(unknown)}`; here it can read {names}")
    return text


PageExpression: TypeAlias = Annotated[Text, BeforeValidator(templates.braced), AfterValidator(_check)]
"""An expression on a page, with or without braces around it."""


class _Headers(dict[str, Any]):
    """Headers by their names in any case; `link` is what stands in it, by relation."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__({name.lower(): value for name, value in headers.items()})
        if "link" in self:
            self["link"] = find_links(self["link"])

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def __getitem__(self, name: str) -> Any:
        return super().__getitem__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a header."""
        return super().get(name.lower(), default)


def holds(text: str, page: Page, page_size: int | None) -> bool:
    """True if what an expression gives for a page is true, not empty and not zero.

    Args:
        text: The expression.
        page: What it reads.
        page_size: How many records were asked for.

    Raises:
        ConfigError: It cannot be computed.
    """
    return _template(text).holds(_context(text, page, page_size))


def reads_nothing(text: str, page: Page) -> bool:
    """True if an expression names a field that the body does not have, so that it is not the API's own word."""
    paths = [keys for name, *keys in templates.references(text) if name == "response" and keys]
    return any(raw_json.find(page.root, keys) is None for keys in paths)


def position(text: str, page: Page, page_size: int | None, setting: str) -> Next:
    """The position that an expression gives for a page. Null, false and an empty text are the end.

    The condition of an `if` without `else` is the user's word that the API says so; null may be but a missing field.

    Args:
        text: The expression.
        page: What it reads.
        page_size: How many records were asked for.
        setting: Where it stands.

    Raises:
        ConfigError: It cannot be computed, or gives a list or an object.
    """
    found = _template(text).value(_context(text, page, page_size))
    if found is None or found is optional_values.BLANK or found is False or found == "":
        said = found is optional_values.BLANK and not reads_nothing(text, page)
        return End(f"`{setting}` gives none", said=said)
    if isinstance(found, Raw):
        return bytes(found).decode()
    return found if isinstance(found, int) and not isinstance(found, bool) else scalars.as_text(found)


@cache
def _template(text: str) -> RecordTemplate:
    return RecordTemplate(text)


@cache
def _peeker(text: str, name: str) -> Callable[[Raw], dict[str, Any]]:
    """Decodes what an expression reads of a name, and nothing else."""
    return record_templates.peeker([text], name)


def _context(text: str, page: Page, page_size: int | None) -> Context:
    used = templates.names(text)
    own: dict[str, Any] = {"last_page_size": len(page), "page_size": page_size, templates.TOKEN: page.position}
    if "response" in used:
        is_object = raw_json.kind(page.root) == "object"
        own["response"] = _peeker(text, "response")(page.root) if is_object else raw_json.decode(page.root)
    if "last_record" in used:
        own["last_record"] = _peeker(text, "last_record")(page.records[-1]) if page.records else None
    if "headers" in used:
        own["headers"] = _Headers(page.response.headers)
    return RecordContext(own).around({})

"""Guesses the pagination of an endpoint from signs of more in its first response, and from its parameters' names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from source_rest_api.formats import yaml_text
from source_rest_api.onboarding import parameters
from source_rest_api.pagination import signs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from source_rest_api.onboarding.given import Operation
    from source_rest_api.pagination.page import Page

_EACH = re.compile(r"\{(?:[^{}\"]|\"[^\"]*\")*\}")
_ELLIPSIS = re.compile(r",?\s*…,?\s*")


def by_signs(page: Page, operation: Operation, key: Sequence[str] | None) -> Iterator[tuple[dict[str, Any], str]]:
    """Yields the paginations that would follow the signs in a response, with each sign in words.

    Args:
        page: The first page.
        operation: The operation, with its known parameters.
        key: Its primary key, if one was found.
    """
    sign = signs.find_sign(page)
    if sign is None:
        return
    header = re.search(r"cursor_header: ([^,}]+)", sign.pagination)
    if header and "://" in page.response.headers.get(header[1], ""):
        yield {"type": "next_url", "next_url": f"headers['{header[1].lower()}']"}, sign.what
    for text in _EACH.findall(sign.pagination):
        told = yaml_text.load(_ELLIPSIS.sub(", ", text).replace("{, ", "{").replace(", }", "}"))
        for filled in _filled(told, operation, key):
            yield filled, sign.what


def by_names(operation: Operation) -> Iterator[dict[str, Any]]:
    """Yields the paginations that count pages or records, by the names of their parameters."""
    yield from _numbered({}, operation)


def sizes(operation: Operation) -> list[str]:
    """Returns the parameters that may choose the page size."""
    return parameters.of_role("size", operation.declared, complete=operation.complete)


def _filled(told: dict[str, Any], operation: Operation, key: Sequence[str] | None) -> Iterator[dict[str, Any]]:
    """Yields a pagination with each name that its missing parameter may have."""
    place = {"in": "body"} if operation.body is not None else {}
    kind = told.get("type")
    if kind in {"link_header", "next_url"}:
        yield told
    elif kind == "cursor":
        path = told.get("cursor_path") or told.get("cursor_header", "")
        for name in parameters.token_names(path, _names(operation), complete=operation.complete):
            yield {**told, "cursor_param": name, **place}
    elif kind in {"page_number", "offset"}:
        yield from (filled for filled in _numbered(told, operation) if filled["type"] == kind)
    elif kind is None:  # a flag that says that there is more, whatever the pagination
        yield from _numbered(told, operation)
        for name in parameters.of_role("token", _names(operation), complete=operation.complete) if key else ():
            yield {"type": "last_record", "field": (key or [""])[-1], "param": name, **told, **place}


def _numbered(told: dict[str, Any], operation: Operation) -> Iterator[dict[str, Any]]:
    place = {"in": "body"} if operation.body is not None else {}
    for name in parameters.of_role("page", _names(operation), complete=operation.complete):
        yield {**told, "type": "page_number", "page_param": name, **place}
        yield {**told, "type": "page_number", "page_param": name, "first_page": 0, **place}
    for name in parameters.of_role("offset", _names(operation), complete=operation.complete):
        yield {**told, "type": "offset", "offset_param": name, **place}
        yield {**told, "type": "offset", "offset_param": name, "first_offset": 1, **place}


def _names(operation: Operation) -> list[str]:
    body = operation.body if isinstance(operation.body, dict) else {}
    return [*operation.declared, *body]


def sized(pagination: dict[str, Any], name: str | None, size: int | None) -> dict[str, Any]:
    """Returns a pagination with a page size, or with none."""
    if pagination["type"] == "offset":
        return {**pagination, "limit_param": name, "limit": size}
    return pagination if name is None else {**pagination, "page_size_param": name, "page_size": size}

"""A response as error rules see it."""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from msgspec import Raw

from source_rest_api.errors import SourceError
from source_rest_api.formats import raw_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jinja2.runtime import Context

    from source_rest_api.http.response import Response
    from source_rest_api.model import Path
    from source_rest_api.templates.record_templates import RecordTemplate

_NULL = Raw(b"null")


@cache
def _compiled(condition: str) -> tuple[RecordTemplate, Callable[[Raw], dict[str, Any]]]:
    """Return the template of a condition, and a decoder of the fields that it reads of the body."""
    from source_rest_api.templates.record_templates import RecordTemplate, peeker  # noqa: PLC0415 -- as below

    return RecordTemplate(condition, "response"), peeker([condition], "response")


class RuleInput:
    """A response as error rules see it; parses the body once, for all rules."""

    def __init__(self, response: Response) -> None:
        self.response = response

    @cached_property
    def root(self) -> Raw | None:
        """The body's JSON value; None if it is not JSON, or if the body is streamed."""
        try:
            return self.response.json() if self.response.body else None
        except SourceError:
            return None

    def holds(self, condition: str) -> bool:
        """Return True if an expression is true for the response."""
        template, context = self._context(condition)
        return template.holds(context)

    def result(self, expression: str) -> str:
        """Return what an expression gives for the response, as text; empty for nothing."""
        template, context = self._context(expression)
        value = template.value(context)
        return "" if value is None else str(value)

    def _context(self, expression: str) -> tuple[RecordTemplate, Context]:
        from source_rest_api.templates.record_templates import RecordContext  # noqa: PLC0415 -- most configs have none; start-up counts

        template, peek = _compiled(expression)
        root = self.root or _NULL
        body = peek(root) if raw_json.kind(root) == "object" else raw_json.decode(root)
        headers = {name.lower(): value for name, value in self.response.headers.items()}
        names = {"response": body, "headers": headers, "status": self.response.status}
        return template, RecordContext(names).around({})

    def values(self, path: Path) -> Iterator[Raw]:
        """Yield the values at a path of the body; `*` in the path matches every item or field."""
        for _, value in raw_json.matches(self.root or _NULL, path):
            if value is not None:
                yield value

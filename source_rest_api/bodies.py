"""What a request carries in its body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field

from source_rest_api import templates
from source_rest_api.model import Json, Model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


def _check_templates(value: Any) -> Any:
    for text in _texts(value):
        templates.check(text)
    return value


class JsonBody(Model):
    """A JSON body. Texts in it may be templates."""

    type: Literal["json"] = "json"
    value: Annotated[Json, AfterValidator(_check_templates)]
    """The body: any JSON value, or its text."""

    @property
    def texts(self) -> list[str]:
        """All texts in it, to find what their templates read."""
        return list(_texts(self.value))

    def render(self, context: Mapping[str, Any]) -> Any:
        """Fill the templates in it."""
        return _map_texts(self.value, lambda text: templates.render(text, context))


Body: TypeAlias = Annotated[JsonBody, Field()]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _map_texts(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _map_texts(inner, change) for key, inner in value.items()}
    if isinstance(value, list):
        return [_map_texts(inner, change) for inner in value]
    return value

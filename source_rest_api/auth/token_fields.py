"""The fields of a token request, and the claims of a JWT: JSON values with templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import AfterValidator

from source_rest_api.auth.credentials import check_names
from source_rest_api.http.request_body import check_templates, texts_in
from source_rest_api.model import NamedJson
from source_rest_api.templates import optional_values, scalars, templates

if TYPE_CHECKING:
    from collections.abc import Mapping

TokenFields: TypeAlias = Annotated[NamedJson, AfterValidator(check_templates)]
"""Values by name. In JSON each keeps its type. A text that is a single `{{ ... }}` becomes the value itself."""


def check(fields: Mapping[str, Any], *own: str) -> None:
    """Raise ValueError if a template reads an unknown name."""
    for text in texts_in(dict(fields)):
        check_names(text, *own)


def check_flat(fields: Mapping[str, Any]) -> None:
    """Raise ValueError if a field is an object, which only a JSON body can hold."""
    for name, value in fields.items():
        if isinstance(value, dict):
            raise ValueError(f"`fields.{name}` is an object, which only a JSON body can hold; set `body_format: json`")  # noqa: TRY004 -- pydantic wants a ValueError


def filled(fields: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with their templates filled.

    Raises:
        ConfigError: A template cannot be filled.
    """
    values: dict[str, Any] = optional_values.tree(dict(fields), context, templates.evaluate)
    return values


def pairs(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the fields of a form: booleans and numbers as in JSON, one field per value of a list, no nulls."""
    several = [(name, value if isinstance(value, list) else [value]) for name, value in fields.items()]
    return [(name, scalars.as_text(item)) for name, items in several for item in items if item is not None]

"""Describes the errors of a config: the path as the user wrote it, and what to change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

from source_rest_api.closest_name import closest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


def problem(model: type[BaseModel], error: Any) -> str:
    """Describes a validation error in one line: the path as the user writes it, and what to change."""
    kind, location = error["type"], error["loc"]
    path, owner = _walk(model, location)
    if kind == "extra_forbidden" and owner is not None:
        known = [field.alias or name for name, field in owner.model_fields.items()]
        return f"{path}: unknown key{did_you_mean(str(location[-1]), known)}"
    if kind == "union_tag_invalid":
        expected = [tag.strip(" '") for tag in error["ctx"]["expected_tags"].split(",")]
        return f"{path}.type: unknown type{did_you_mean(error['ctx']['tag'], expected)}"
    if kind == "union_tag_not_found":
        return f"{path}.type: is missing"
    message = _MESSAGES.get(kind) or error["msg"].removeprefix("Value error, ")
    return f"{path}: {message[0].lower()}{message[1:]}"


_MESSAGES = {
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "missing": "is missing",
    "model_attributes_type": "must be an object",
    "model_type": "must be an object",
    "string_type": "must be text; in YAML, put it in quotes",
}
"""Replacements for pydantic messages that only programmers understand."""


def did_you_mean(given: str, known: Collection[str]) -> str:
    """Returns the end of a sentence about a wrong name: the closest known name, or all known names."""
    close = closest(given, known)
    return f", did you mean `{close}`?" if close else f"; known are {', '.join(f'`{name}`' for name in known)}"


def _members(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _members(argument)


def _tag(model: type[BaseModel]) -> str | None:
    field = model.model_fields.get("type")
    return None if field is None else str(field.default)


def _walk(model: type[BaseModel], location: tuple[int | str, ...]) -> tuple[str, type[BaseModel] | None]:
    """Follows an error location, where pydantic inserts union types between the keys.

    Returns:
        The path as the user writes it, such as `endpoints[0].pagination.page_size`, and the model of its last key.
    """
    path = ""
    owners: list[type[BaseModel]] = []
    here = [model]
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif len(here) > 1 and part in map(_tag, here):
            here = [candidate for candidate in here if _tag(candidate) == part]
        else:
            path += f".{part}" if path else part
            owners = here
            fields = [f for owner in owners for name, f in owner.model_fields.items() if part in {name, f.alias}]
            here = [member for field in fields for member in _members(field.annotation)]
    return path, owners[0] if owners else None

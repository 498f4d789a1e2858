"""Finds an API's own reason in the JSON of an error: by the form that errors have, not by one name."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from source_rest_api.formats import raw_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msgspec import Raw

_NAMES = (
    *("message", "faultstring", "errormessage", "msg", "errormsg", "errordescription", "detail", "description"),
    *("reason", "issue", "title", "errorsummary", "errormessages", "messages", "usermessage", "developermessage"),
    *("text", "error", "errors", "fault", "exception", "details", "errordetails", "o:errordetails", "errorcauses"),
    "value",
)
"""Fields that hold a reason or lead to one, without underscores and in lower case, the telling ones first."""
_PLACES = ("field", "param", "parameter", "property", "loc")
"""Fields that say what the reason beside them is about."""
_DEPTH = 5
_MOST = 5
"""Reasons of one answer."""
_ITEMS = 3
"""Items of an array that are looked into."""


def find(root: Raw) -> str:
    """The reason, or several with `;` between them; empty if there is none.

    Args:
        root: The body.
    """
    tops = raw_json.items(root)[:_ITEMS] or [root]
    found = (text for top in tops for text in _at_top(top))
    return "; ".join(dict.fromkeys(islice(filter(None, (text.strip(" .\n") for text in found)), _MOST)))


def _at_top(top: Raw) -> Iterator[str]:
    return _of_object(raw_json.fields(top), _DEPTH) if raw_json.kind(top) == "object" else _texts(top, 0)


def _texts(value: Raw, depth: int) -> Iterator[str]:
    """The texts in what stands where a reason does."""
    kind = raw_json.kind(value)
    if kind == "string":
        yield raw_json.text(value) or ""
    elif depth and kind == "array":
        for item in raw_json.items(value)[:_ITEMS]:
            yield from _texts(item, depth - 1)
    elif depth and kind == "object":
        fields = raw_json.fields(value)
        named = list(_of_object(fields, depth))
        yield from named or _each(fields, depth)


def _of_object(fields: dict[str, Raw], depth: int) -> Iterator[str]:
    """The texts at the usual names, with what they are about."""
    plain = {name.replace("_", "").lower(): value for name, value in fields.items()}
    place = next((place for name in _PLACES if (place := _place(plain.get(name)))), "")
    for name in _NAMES:
        if name in plain:
            for text in _texts(plain[name], depth - 1):
                yield f"{place}: {text}" if place and place not in text else text


def _each(fields: dict[str, Raw], depth: int) -> Iterator[str]:
    """The texts of an object whose keys are what its values are about, such as `{"since": ["is no date"]}`."""
    for name, value in fields.items():
        for text in _texts(value, depth - 1):
            yield f"{name}: {text}"


def _place(value: Raw | None) -> str:
    if value is None:
        return ""
    return ".".join(filter(None, map(raw_json.text, raw_json.items(value) or [value])))

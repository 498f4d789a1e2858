"""Reads tokens, flags and totals from a page, at the paths that the config names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from source_rest_api.errors import ConfigError
from source_rest_api.formats import raw_json
from source_rest_api.formats.json_value import JsonValue
from source_rest_api.pagination.page import End

if TYPE_CHECKING:
    from msgspec import Raw

    from source_rest_api.model import Path
    from source_rest_api.pagination.page import Page, Position

_LONGEST_NUMBER = 300
"""Upper limit of the digits of a token that becomes a number; longer ones stay text."""


def token(value: Raw | None, path: Path, setting: str) -> int | str | End:
    """Returns the token at a path unchanged: integers as numbers, everything else as text.

    Only a missing field, null, false and "" mean that there is no token: 0 is one.

    Raises:
        ConfigError: The value is an object, an array or true.
    """
    name = ".".join(path)
    if value is None or raw_json.kind(value) == "null" or bytes(value) in {b'""', b"false"}:
        return End(f"no `{name}`")
    text = raw_json.text(value)
    if text is None:
        raise ConfigError(f"`{name}` holds {_found(value)} where a token was expected: change `pagination.{setting}`.")
    if raw_json.kind(value) == "number" and len(text) <= _LONGEST_NUMBER and text.lstrip("-").isdecimal():
        return int(text) if text != "-0" else text
    return text


def url(value: Raw | None, path: Path, setting: str) -> int | str | End:
    """Returns the URL at a path, or in the `href` of an object there, as in JSON:API and HAL.

    Raises:
        ConfigError: The value is neither.
    """
    inner = None if value is None else raw_json.find(value, ("href",)) if raw_json.kind(value) == "object" else None
    return token(value if inner is None else inner, path, setting)


def position(value: Raw | None, path: Path, setting: str) -> Position | End:
    """Returns the token at a path, which may also be an array or an object that is not empty.

    Raises:
        ConfigError: The value is true, or an empty array or object.
    """
    if value is not None and raw_json.kind(value) in {"array", "object"} and not raw_json.is_nothing(value):
        return JsonValue(bytes(value).decode())
    return token(value, path, setting)


def flag(page: Page, path: Path, setting: str) -> bool:
    """True if the flag at a path is true. All values of XML are texts, so `"true"` and `"false"` are flags as well.

    Raises:
        ConfigError: The value is neither true nor false.
    """
    value = page.raw(path)
    written = b"" if value is None else bytes(value).strip(b'"').lower()
    if written not in {b"true", b"false"}:
        name = ".".join(path)
        found = f"`{name}` holds {_found(value)} where true or false was expected: change `pagination.{setting}`."
        holds = f"not response.{name}" if setting == "more_path" else f"response.{name}"
        omitted = f" If the API omits it where it is false, set `stop_when: {holds}` in its place."
        raise ConfigError(found + (omitted if value is None else ""))
    return written == b"true"


def count(page: Page, path: Path) -> int | None:
    """Returns the total at a path; None if the API does not say it on this page.

    Null says so. Some APIs count only once, so after the first page a total may also be missing.

    Raises:
        ConfigError: The value is not a count.
    """
    value = page.raw(path)
    if (value is None and page.number > 1) or (value is not None and raw_json.kind(value) == "null"):
        return None
    number = None if value is None else raw_json.count(value)
    if number is None:
        raise ConfigError(
            f"`{'.'.join(path)}` holds {_found(value)} where a count was expected: "
            "change `pagination.total_path` or `total_pages_path`."
        )
    return number


def _found(value: Raw | None) -> str:
    if value is None:
        return "nothing"
    kind = raw_json.kind(value)
    return f"an {kind}" if kind[0] in "ao" else kind if kind == "null" else f"a {kind}"

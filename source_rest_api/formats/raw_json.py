"""Reads parts of JSON text without decoding the rest, so that every digit stays as the API wrote it."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec
from msgspec import Raw

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Kind = Literal["object", "array", "string", "number", "boolean", "null"]

Opened: TypeAlias = "Mapping[str, Raw | Opened]"
"""An object in which some fields have been opened, to any depth."""

_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_ARRAY = msgspec.json.Decoder(list[Raw])
_KINDS: dict[str, Kind] = {
    "{": "object",
    "[": "array",
    '"': "string",
    "t": "boolean",
    "f": "boolean",
    "n": "null",
}
_NOTHING = frozenset({b"null", b"false", b'""', b"0"})
WILDCARD = "*"
"""The key in a path that matches every item or field."""
ANY_DEPTH = "**"
"""The key in a path of fields to remove that matches any number of levels."""
_INDEX = re.compile(r"-?\d{1,9}", re.ASCII)
_LONGEST_COUNT = 18
"""Upper limit of the digits of a count."""


_DOT = re.compile(r"(?<!\\)\.")


def keys(path: str) -> tuple[str, ...]:
    r"""Splits a path at its dots. A dot within a key is written `\.`."""
    if "\\" not in path:
        return tuple(path.split("."))
    return tuple(key.replace("\\.", ".") for key in _DOT.split(path))


def kind(raw: Raw) -> Kind:
    """Returns the JSON type of a valid value, by its first character."""
    return _KINDS.get(chr(memoryview(raw)[0]), "number")


def fields(raw: Raw) -> dict[str, Raw]:
    """Returns an object's fields, undecoded; empty for any other value."""
    return _OBJECT.decode(raw) if kind(raw) == "object" else {}


def items(raw: Raw) -> list[Raw]:
    """Returns an array's items, undecoded; empty for any other value."""
    return _ARRAY.decode(raw) if kind(raw) == "array" else []


def step(holder: object, path: Sequence[str]) -> tuple[Any, Sequence[str]] | None:
    """The first key or index of a path in an object or array, and the rest of the path; None if it is not there.

    A key that itself has a dot (`@odata.nextLink`) is found although the path was cut there: the longest key that
    exists wins. In arrays a key is an index, which may be negative. Every path of the config is followed by this rule.
    """
    if isinstance(holder, dict):
        for length in range(len(path), 0, -1):
            key = path[0] if length == 1 else ".".join(path[:length])
            if key in holder:
                return key, path[length:]
    elif isinstance(holder, list) and is_index(path[0]) and -len(holder) <= int(path[0]) < len(holder):
        return int(path[0]), path[1:]
    return None


def is_index(key: str) -> bool:
    """True if a key of a path may be an index of an array."""
    return _INDEX.fullmatch(key) is not None


def find(raw: Raw, path: Sequence[str]) -> Raw | None:
    """The value at `path`, or None if a key on the way is absent; `step` says how paths are followed."""
    return find_in(items(raw) if kind(raw) == "array" else fields(raw), path) if path else raw


def key(raw: Raw, paths: Iterable[Sequence[str]]) -> bytes:
    """The values at several paths, joined: equal for two records whose values are the same JSON texts."""
    return b"\0".join(bytes(find(raw, path) or b"") for path in paths)


def find_in(holder: Opened | list[Raw], path: Sequence[str]) -> Raw | None:
    """As `find`, in an object's fields or an array's items."""
    found = step(holder, path)
    if found is None:
        return None
    key, rest = found
    value = holder[key]
    return find(value, rest) if isinstance(value, Raw) else find_in(value, rest)


def spellings(path: Sequence[str]) -> list[str]:
    """Returns the keys with which a path may begin, because a key may contain dots."""
    return [".".join(path[:length]) for length in range(1, len(path) + 1)]


def cuts(path: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """All keys that a path may stand for, as `step` prefers them: of `a.b` the key `a.b`, then `b` inside `a`."""
    if not path:
        yield ()
    for length in range(len(path), 0, -1):
        for rest in cuts(path[length:]):
            yield (".".join(path[:length]), *rest)


def matches(raw: Raw, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Raw | None]]:
    """Yields every value at `path`, in which `*` matches every item of an array or every field of an object.

    Yields:
        The path with an index or key in place of each `*`, and its value; None if a key of the path is missing.
    """
    star = next((index for index, key in enumerate(path) if key == WILDCARD), None)
    if star is None:
        yield path, find(raw, path)
        return
    holder = find(raw, path[:star])
    what = None if holder is None else kind(holder)
    if holder is None or what not in {"object", "array"}:
        yield path, None
        return
    inner = fields(holder) if what == "object" else {str(index): item for index, item in enumerate(items(holder))}
    for key, value in inner.items():
        for rest, found in matches(value, path[star + 1 :]):
            yield (*path[:star], key, *rest), found


def is_nothing(raw: Raw) -> bool:
    """True if a value is null, false, 0 or empty."""
    what = kind(raw)
    if what in {"array", "object"}:
        return not items(raw) and not fields(raw)
    return bytes(raw) in _NOTHING


def text(raw: Raw) -> str | None:
    """Returns a string unquoted, or a number with its digits unchanged; None for any other value."""
    what = kind(raw)
    if what == "string":
        return msgspec.json.decode(raw, type=str)
    return bytes(raw).decode() if what == "number" else None


def count(raw: Raw) -> int | None:
    """Returns a non-negative integer, also if it is written as a string; None for any other value."""
    digits = text(raw)
    return int(digits) if digits and digits.isdecimal() and len(digits) <= _LONGEST_COUNT else None


def decode(raw: Raw) -> Any:
    """Returns the Python value. Integers are exact; decimals become floats."""
    return msgspec.json.decode(raw)


decode_exactly = msgspec.json.Decoder(float_hook=Decimal).decode
"""Returns the Python value of a JSON text; decimals keep all digits, because an id may look like a number."""
encode = msgspec.json.Encoder(decimal_format="number").encode
"""Encodes a Python value as JSON. Decimals keep their digits, and `Raw` parts stay unchanged."""

_VALUE = msgspec.json.Decoder(Raw)


_HEX = rb"[0-9a-fA-F]{2}"


_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB]" + _HEX + rb"\\u[dD][c-fC-F]" + _HEX + rb"|(u[dD][89a-fA-F]" + _HEX + rb")|.)", re.DOTALL
)
"""Matches every escape of a JSON text; the group matches an unpaired surrogate."""


def parse(text: bytes) -> Raw:
    """Validates a JSON text in UTF-8 and returns it undecoded.

    Raises:
        msgspec.DecodeError: The text is not JSON.
    """
    try:
        return _VALUE.decode(text)
    except msgspec.DecodeError:
        return _VALUE.decode(_ESCAPES.sub(_whole, text))


def is_valid(text: bytes) -> bool:
    """True if a text is JSON in UTF-8."""
    try:
        parse(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


_GUARD = re.compile(
    rb"\s*(?:\)\]\}',?|\{\}\s*&&|&&&START&&&|while\s*\(\s*(?:1|true)\s*\)\s*;|for\s*\(\s*;\s*;\s*\)\s*;|"
    rb"throw\s[^;\n]{0,40};(?:\s*<[^>\n]{0,40}>)?)\s*"
)
"""Texts before a JSON value that keep browsers from running it as a script."""


_CALL = re.compile(rb"\s*(?:/\*\*/\s*)?[A-Za-z_$][\w$.]{0,100}\(")
_CALLED = re.compile(rb"\)\s*;?\s*\Z")
_LONGEST_END = 20
"""Bytes after the value of a JSONP body."""


def unguarded(text: bytes) -> bytes:
    """Returns a JSON text without what some APIs put around it: a guard such as `)]}'`, or the call of JSONP."""
    guard = _GUARD.match(text)
    if guard is not None:
        return text[guard.end() :]
    call = _CALL.match(text)
    end = None if call is None else _CALLED.search(text, max(call.end(), len(text) - _LONGEST_END))
    return text if call is None or end is None else text[call.end() : end.start()]


_NO_NUMBERS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|([-+]?\b(?:nan|inf(?:inity)?)\b)', re.DOTALL | re.IGNORECASE)
"""Matches every string of a JSON text; the group matches NaN or Infinity outside of strings, in any language's form."""


def without_nan(text: bytes) -> bytes:
    """Returns a JSON text with null in place of NaN and Infinity, which JSON does not have."""
    return _NO_NUMBERS.sub(lambda token: b"null" if token[1] else token[0], text)


def contained(raw: Raw) -> Raw | None:
    """Returns the object or array that a string contains as JSON text; None for any other value."""
    inner = (text(raw) or "").strip() if kind(raw) == "string" else ""
    if inner[:1] not in {"{", "["}:
        return None
    try:
        return parse(inner.encode())
    except (msgspec.DecodeError, RecursionError):
        return None


def _whole(escape: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if escape[1] else escape[0]

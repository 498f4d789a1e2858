"""Keys of rows: read from records, and stored in the state without loss and in little space.

A key is the primary key of a record as a JSON array, `[12]` or `["acme",7]`. Delete records thus get its values exactly
as the API wrote them.
"""

from __future__ import annotations

import re
import zlib
from base64 import b64decode, b64encode
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import msgspec

from source_rest_api.formats.raw_fields import RawFields

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from msgspec import Raw

    from source_rest_api.model import Path

_NOT_SCALAR = b"{[n"
"""First characters of values that cannot be part of a key: objects, arrays, null."""
_NUMBERS, _DIGITS, _TEXTS = b"n", b"x", b"t"
"""First byte of an encoding: steps between integers, steps between hexadecimal digits in a pattern, or plain keys."""
_HEXADECIMAL = b"0123456789abcdef"
_PATTERN = bytes.maketrans(_HEXADECIMAL, b"0" * 16)
_OTHERS = bytes(set(range(256)) - set(_HEXADECIMAL))
_FEW = 2000
"""Added keys from which all keys are encoded anew; `1 / _SHARE` of all keys if that is more."""
_SHARE = 8


class KeyReader:
    """Reads the keys of records.

    Args:
        primary_key: The fields that a key consists of.
    """

    def __init__(self, primary_key: Sequence[Path]) -> None:
        self._parts = len(primary_key)
        self._fields = RawFields(primary_key)

    def key(self, record: Raw) -> bytes | None:
        """Returns the key of a record; None if one of its fields is absent, null, an object or an array."""
        found = [bytes(value) for value in self._fields.of(record) if value is not None]
        values = [value for value in found if value[0] not in _NOT_SCALAR]
        if len(values) < self._parts:
            return None
        return b"[%b]" % b",".join(map(_canonical, values))


def _canonical(value: bytes) -> bytes:
    """Returns the value with only the escapes that JSON requires, so that equal texts give equal keys."""
    return msgspec.json.encode(msgspec.json.decode(value)) if b"\\" in value else value


def encode(keys: Collection[bytes]) -> str:
    """Returns the keys as text: sorted, compressed, in base64.

    Integers are stored as the differences between neighbours. So are keys that differ only in hexadecimal digits, such
    as UUIDs, because random digits do not compress.
    """
    if not keys:
        return ""
    patterns = {key.translate(_PATTERN) for key in keys}
    numbers = _integers(keys)
    if numbers is not None:
        text = _NUMBERS + _steps(numbers)
    elif len(patterns) == 1 and b"0" in (pattern := patterns.pop()):
        text = _DIGITS + pattern + b"\n" + _steps(int(key.translate(None, _OTHERS), 16) for key in keys)
    else:
        text = _TEXTS + b"\n".join(sorted(keys))
    return b64encode(zlib.compress(text)).decode()


def decode(text: str) -> set[bytes]:
    """Returns the keys in a text made by `encode`.

    Raises:
        ValueError: `encode` did not make the text.
    """
    if not text:
        return set()
    try:
        plain = zlib.decompress(b64decode(text, validate=True))
    except zlib.error as error:
        raise ValueError(f"the keys of the rows cannot be read: {error}") from None
    kind, rest = plain[:1], plain[1:]
    if kind == _TEXTS:
        return set(rest.split(b"\n"))
    if kind == _NUMBERS:
        return {b"[%d]" % number for number in _numbers(rest)}
    if kind == _DIGITS:
        pattern, _, steps = rest.partition(b"\n")
        return set(_filled(pattern, _numbers(steps)))
    raise ValueError("the keys of the rows have an unknown format")


def _integers(keys: Iterable[bytes]) -> list[int] | None:
    """Returns the keys as integers; None if one is not an integer in the usual notation."""
    numbers = []
    for key in keys:
        try:
            number = int(key[1:-1])
        except ValueError:
            return None
        if b"[%d]" % number != key:
            return None
        numbers.append(number)
    return numbers


def _steps(numbers: Iterable[int]) -> bytes:
    """Returns the differences between neighbours, in hexadecimal."""
    ordered = sorted(numbers)
    return b",".join(b"%x" % (number - before) for before, number in zip([0, *ordered], ordered, strict=False))


def _numbers(steps: bytes) -> Iterator[int]:
    return accumulate(int(step, 16) for step in steps.split(b","))


def _filled(pattern: bytes, numbers: Iterable[int]) -> Iterator[bytes]:
    """Yields the pattern for each number, with the number's digits in place of the pattern's zeros."""
    digits = b"%%0%dx" % pattern.count(b"0")
    starts = [*accumulate(map(len, re.findall(b"0+", pattern)), initial=0)]
    form = re.sub(b"0+", b"%b", pattern.replace(b"%", b"%%"))
    for number in numbers:
        text = digits % number
        yield form % tuple(text[start:end] for start, end in pairwise(starts))


class Keys:
    """A set of keys that is encoded often: it keeps the last encoding and adds only the new keys.

    Args:
        base: The encoding of most keys.
        added: The encoding of the keys added since.

    Raises:
        ValueError: `encode` did not make one of the texts.
    """

    def __init__(self, base: str = "", added: str = "") -> None:
        self._base: str | None = base
        self._added = decode(added)
        self._all = decode(base) | self._added

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._all)

    def __contains__(self, key: bytes) -> bool:
        return key in self._all

    def add(self, keys: Iterable[bytes]) -> None:
        """Add keys."""
        new = set(keys) - self._all
        self._all |= new
        self._added |= new

    def remove(self, keys: Iterable[bytes]) -> None:
        """Remove keys."""
        self._all.difference_update(keys)
        self._base = None

    def texts(self) -> tuple[str, str]:
        """Returns the arguments that create an equal `Keys`."""
        if self._base is None or len(self._added) > max(_FEW, len(self._all) // _SHARE):
            self._base = encode(self._all)
            self._added = set()
        return self._base, encode(self._added)

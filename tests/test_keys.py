"""Keys come back from the state as they were, and take little room in it."""

from __future__ import annotations

import json
import random
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from source_rest_api.deletions import row_keys
from source_rest_api.deletions.row_keys import KeyReader, Keys

VALUES = st.one_of(st.integers(), st.text(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False))
INTEGERS = st.sets(st.integers().map(lambda number: b"[%d]" % number))
DIGITS = st.sets(st.text("0123456789abcdef", min_size=6, max_size=6).map(lambda text: b'["%%d-%b"]' % text.encode()))
KEYS = st.sets(
    st.lists(VALUES, min_size=1, max_size=3).map(lambda key: json.dumps(key, separators=(",", ":")).encode())
)


@given(st.one_of(INTEGERS, DIGITS, KEYS))
def test_what_was_written_is_read_again(some: set[bytes]) -> None:
    """Keys may be numbers of any size, any text, or several values."""
    assert row_keys.decode(row_keys.encode(some)) == some


@given(INTEGERS, st.lists(st.tuples(st.booleans(), INTEGERS, st.booleans()), max_size=8))
def test_a_set_that_is_written_now_and_then(first: set[bytes], steps: list[tuple[bool, set[bytes], bool]]) -> None:
    """However keys are added and removed, and whenever it is written, it comes back as a set of them would."""
    made, true = Keys(row_keys.encode(first)), set(first)
    for added, some, written in steps:
        if added:
            made.add(some)
            true |= some
        else:
            made.remove(some)
            true -= some
        if written:
            made = Keys(*made.texts())
        assert (set(made), len(made)) == (true, len(true))
        assert all(key in made for key in true)
    assert set(Keys(*made.texts())) == true


def test_most_of_it_is_not_written_anew() -> None:
    """While few are added, the long text stays what it was."""
    base = row_keys.encode([b"[%d]" % number for number in range(0, 100_000, 7)])
    made = Keys(base)
    made.add([b"[1]", b"[7]"])
    assert made.texts() == (base, row_keys.encode([b"[1]"]))
    made.add([b"[%d]" % number for number in range(5000)])
    assert made.texts()[0] != base
    assert made.texts()[1] == ""


@pytest.mark.parametrize(
    ("make", "most"),
    [
        (lambda number, _: f"[{number}]", 1_000),
        (lambda _, chance: f"[{chance.randrange(10**6, 10**8)}]", 250_000),
        (lambda _, chance: f'["{chance.randrange(10**7, 10**8)}"]', 300_000),
        (lambda _, chance: f'["{uuid.UUID(int=chance.getrandbits(128))}"]', 2_300_000),
    ],
    ids=["counted", "integers", "digits", "UUIDs"],
)
def test_the_size_of_100_000(make: Any, most: int) -> None:
    """Bytes in the state: docs/state.md has the figures."""
    chance = random.Random(1)
    assert len(row_keys.encode({make(number, chance).encode() for number in range(100_000)})) < most


@pytest.mark.parametrize("garbage", ["x", "eJw=", "ü", row_keys.encode([b"[1]"])[:-8], "eJyrAAAAeQB5"])
def test_what_are_no_keys_is_refused(garbage: str) -> None:
    """Invalid texts raise an error."""
    with pytest.raises(ValueError, match=r".+"):
        row_keys.decode(garbage)


@pytest.mark.parametrize(
    ("record", "key"),
    [
        ({"id": 12, "sub": {"n": "x"}}, b'[12,"x"]'),
        ({"id": "a\tü", "sub": {"n": True}}, '["a\\tü",true]'.encode()),
        ({"id": 1}, None),
        ({"id": None, "sub": {"n": 1}}, None),
        ({"id": {"a": 1}, "sub": {"n": 1}}, None),
    ],
)
def test_the_key_of_a_record(record: Any, key: bytes | None) -> None:
    """All fields of the primary key, in one spelling; None where one is not there or has no place in a key."""
    for ascii_only in (True, False):
        raw = Raw(json.dumps(record, ensure_ascii=ascii_only).encode())
        assert KeyReader([("id",), ("sub", "n")]).key(raw) == key


def test_the_key_of_a_flat_record() -> None:
    """Names with dots are names too, as everywhere; the same key whichever way it is read."""
    raw = Raw(b'{"a": [1], "b.c": 2, "id": "x", "n": null}')
    read = {path: KeyReader([path]).key(raw) for path in [("id",), ("b", "c"), ("n",), ("a",), ("z",)]}
    assert read == {("id",): b'["x"]', ("b", "c"): b"[2]", ("n",): None, ("a",): None, ("z",): None}


def test_every_digit_of_a_key_stays() -> None:
    """A number is what the API wrote."""
    text = b'{"id": 123456789012345678901234567890.10}'
    assert KeyReader([("id",)]).key(Raw(text)) == b"[123456789012345678901234567890.10]"

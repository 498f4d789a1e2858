"""Counts with their nouns."""

from __future__ import annotations

import pytest

from source_rest_api.plurals import counted


@pytest.mark.parametrize(
    ("count", "noun", "expected"),
    [
        (0, "page", "0 pages"),
        (1, "page", "1 page"),
        (1.0, "retry", "1 retry"),
        (2, "retry", "2 retries"),
        (12_345_678.0, "record", "12345678 records"),
    ],
)
def test_only_one_is_singular(count: float, noun: str, expected: str) -> None:
    """Large counts have all their digits."""
    assert counted(count, noun) == expected

"""Counts with their nouns, for log lines and errors: "1 page", "2 pages"."""

from __future__ import annotations


def counted(count: float, noun: str) -> str:
    """Returns a count and its noun, in the plural unless the count is 1.

    Args:
        count: A whole number.
        noun: The singular of a regular noun: "page", "retry".
    """
    if count == 1:
        return f"1 {noun}"
    return f"{count:.15g} {noun.removesuffix('y')}ies" if noun.endswith("ry") else f"{count:.15g} {noun}s"

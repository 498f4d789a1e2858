"""Plain-text tables for people, without control characters and no wider than the terminal."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from source_rest_api.formats.excerpt import CUT, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

_GAP = "  "
_WIDEST, _NARROW = 40, 20
"""Maximum width of a cell, in columns; the second if the columns do not fit otherwise."""


def table(names: Sequence[str], rows: Sequence[Sequence[str]], width: int | None, *, whole: bool = False) -> list[str]:
    """Returns the lines of a table. Columns that do not fit are named below it.

    Args:
        names: Names of the columns.
        rows: The cells of each row, as many as there are columns.
        width: Columns of the terminal; None if all fit.
        whole: True for whole cells and all columns, however wide.
    """
    columns = _columns(names, rows, None if whole else _WIDEST)
    fitting = len(columns) if whole else _fitting(columns, width)
    if fitting < len(columns):
        columns = _columns(names, rows, _NARROW)
        fitting = _fitting(columns, width)
    ruled = [[head, "-" * max(map(_width, (head, *cells))), *cells] for head, *cells in columns[:fitting]]
    lines = aligned([*zip(*ruled, strict=True)])
    hidden = ", ".join(map(printable, names[fitting:]))
    return [*lines, *([f"{CUT} and the columns {hidden}"] if hidden else [])]


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns rows of text with their columns aligned, without names and as wide as need be."""
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*shown, strict=True)]
    return [_line(row, widths) for row in shown]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell + " " * (size - _width(cell)) for cell, size in zip(cells, widths, strict=True)]
    return _GAP.join(padded).rstrip()


def _columns(names: Sequence[str], rows: Sequence[Sequence[str]], widest: int | None) -> list[list[str]]:
    return [
        [printable(cell) if widest is None else cut(cell, widest) for cell in column]
        for column in zip(names, *rows, strict=True)
    ]


def _fitting(columns: Sequence[Sequence[str]], width: int | None) -> int:
    """Returns the number of columns that fit; the first one always does."""
    used = -len(_GAP)
    for number, size in enumerate(max(map(_width, column)) for column in columns):
        used += size + len(_GAP)
        if number and width is not None and used > width:
            return number
    return len(columns)


def cut(text: str, widest: int) -> str:
    """Returns a text without control characters, cut to a number of columns."""
    text = printable(text)
    if _width(text) <= widest:
        return text
    while _width(text) >= widest:
        text = text[: max(len(text) - (_width(text) - widest) // 2 - 1, 0)]
    return text + CUT


def _width(text: str) -> int:
    """Returns the columns that a text takes: two for wide characters (Unicode, annex 11), none for marks."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )

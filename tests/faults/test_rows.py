"""Every row of the table of faults, played against `main.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.case import Case
from tests.faults.rows import ROWS
from tests.faults.subjects import OURS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.row import Row


def _marks(row: Row) -> list[pytest.MarkDecorator]:
    if row.cannot:
        return [pytest.mark.skip(reason=row.cannot)]
    return [pytest.mark.xfail(reason=row.waits_for, raises=AssertionError)] if row.waits_for else []


@pytest.mark.parametrize("row", [pytest.param(row, id=row.id, marks=_marks(row)) for row in ROWS])
def test_row(row: Row, tmp_path: Path) -> None:
    """The connector behaves as required, and every oracle agrees."""
    with Case(OURS, tmp_path) as case:
        row.play(case)
        case.verify()

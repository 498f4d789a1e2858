"""All rows, in their order."""

from __future__ import annotations

from tests.faults import bodies

ROWS = [*bodies.table.rows]

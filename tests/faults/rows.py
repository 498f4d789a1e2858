"""All rows, in their order."""

from __future__ import annotations

from tests.faults import bodies, cursors, paging, transport

ROWS = [row for kind in (bodies, paging, cursors, transport) for row in kind.table.rows]

"""All rows, in their order."""

from __future__ import annotations

from tests.faults import bodies, commands, cursors, paging, process, security, transport, values

ROWS = [
    row for kind in (bodies, paging, cursors, transport, values, process, commands, security) for row in kind.table.rows
]

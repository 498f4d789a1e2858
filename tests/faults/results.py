"""The table of results for docs/promises.md: ours as the tests hold it, the CDK's as it was played last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.rows import ROWS

if TYPE_CHECKING:
    from tests.faults.row import Row

ROOT = Path(__file__).parent.parent.parent
CDK_RESULTS = Path(__file__).parent / "cdk.json"
"""What `scripts/faults --against cdk --write` saw of the CDK."""


def markdown() -> str:
    """The table, and the count of each."""
    cdk = json.loads(CDK_RESULTS.read_text())
    lines = [[row.id, _fault(row), row.expect, ours(row), cdk.get(row.id, "not run")] for row in ROWS]
    header = ["", "fault", "what must be seen", "ours", "CDK"]
    table = [header, ["---"] * len(header), *lines]
    return "\n".join(
        [
            *(f"- {name}: {_counts([line[column] for line in lines])}." for name, column in (("ours", 3), ("CDK", 4))),
            "",
            *(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in table),
        ]
    )


def ours(row: Row) -> str:
    """The result that the tests hold the row to."""
    if row.cannot:
        return f"not run: {row.cannot}"
    return f"FAIL: {row.waits_for}" if row.waits_for else "pass"


def _fault(row: Row) -> str:
    return f"{row.fault} ({row.scale})" if row.scale else row.fault


def _counts(column: list[str]) -> str:
    kinds = {"pass": "pass", "FAIL": "fail", "not run": "not run"}
    return ", ".join(f"{sum(text.startswith(kind) for text in column)} {word}" for kind, word in kinds.items())

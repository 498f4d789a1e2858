"""The summary of `scripts/integration`: a line for each part, with its tests, rows and time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pytest

COUNT = "count"
"""Name of the property of a test that holds rows found, and rows that the server has."""
_LINE = "{:<14}{:>8}{:>8}{:>9}{:>16}{:>16}{:>10}"


@dataclass
class _Part:
    outcomes: Counter[str] = field(default_factory=Counter)
    found: int = 0
    truth: int = 0
    seconds: float = 0.0


def lines(reports: Iterable[pytest.TestReport]) -> Iterator[str]:
    """Yields the table of all parts whose tests ran; nothing if there is none.

    Args:
        reports: The reports of setup, call and teardown of all tests.
    """
    parts: dict[str, _Part] = {}
    for report in reports:
        folder, *inner = report.nodeid.partition("::")[0].split("/")[1:]
        if not inner:
            continue  # a test that belongs to no part
        part = parts.setdefault(folder, _Part())
        part.seconds += report.duration
        if report.when == "call" or not report.passed:
            part.outcomes[report.outcome] += 1
        if report.when == "teardown":
            counts: list[Any] = [value for name, value in report.user_properties if name == COUNT]
            part.found += sum(found for found, _ in counts)
            part.truth += sum(truth for _, truth in counts)
    if parts:
        yield _LINE.format("part", "passed", "failed", "skipped", "rows found", "rows of server", "seconds")
    for name, part in sorted(parts.items()):
        outcomes = [part.outcomes[each] for each in ("passed", "failed", "skipped")]
        rows = f"{part.found:,}", f"{part.truth:,}"
        yield _LINE.format(name, *outcomes, *rows, round(part.seconds))

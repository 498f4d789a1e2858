"""The summary of `scripts/integration`: tests, rows and seconds of each part."""

from __future__ import annotations

from typing import Literal

from pytest import TestReport  # noqa: PT013 -- its name begins like that of a test class

from integration_tests import part_summary


def report(
    test: str,
    when: Literal["setup", "call", "teardown"],
    outcome: Literal["passed", "failed", "skipped"] = "passed",
    *counts: tuple[int, int],
) -> TestReport:
    """The report of a phase that took two seconds."""
    properties = [(part_summary.COUNT, count) for count in counts]
    nodeid = f"integration_tests/{test}"
    return TestReport(nodeid, (nodeid, 1, test), {}, outcome, None, when, user_properties=properties, duration=2)


def test_each_part_has_a_line() -> None:
    """Counts are summed once, skips and failures count wherever they happen, and other tests have no line."""
    table = part_summary.lines(
        [
            report("lake/test_lake.py::test_a", "setup"),
            report("lake/test_lake.py::test_a", "call"),
            report("lake/test_lake.py::test_a", "teardown", "passed", (1200, 1200), (3, 4)),
            report("lake/test_s3.py::test_b", "setup"),
            report("lake/test_s3.py::test_b", "call", "failed"),
            report("spark/test_spark.py::test_c", "setup", "skipped"),
            report("test_soak.py::test_d", "call"),
        ]
    )
    assert [line.split() for line in table] == [
        ["part", "passed", "failed", "skipped", "rows", "found", "rows", "of", "server", "seconds"],
        ["lake", "1", "1", "0", "1,203", "1,204", "10"],
        ["spark", "0", "0", "1", "0", "0", "2"],
    ]


def test_without_parts_there_is_no_table() -> None:
    """Other tests print nothing more than they did."""
    assert list(part_summary.lines([report("test_soak.py::test_d", "call")])) == []

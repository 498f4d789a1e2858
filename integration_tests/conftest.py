"""Servers that several modules of tests read, and the summary of the parts."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import pytest

from integration_tests import pages, part_summary
from integration_tests.test_canaille import server, users
from integration_tests.test_cap import books
from integration_tests.test_cap import server as cap
from integration_tests.test_datasette import database
from integration_tests.test_datasette import server as datasette
from integration_tests.test_json_server import orders
from integration_tests.test_json_server import server as json_server
from integration_tests.test_kinto import store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["books", "cap", "database", "datasette", "json_server", "orders", "server", "store", "users"]


@pytest.fixture(autouse=True)
def counted(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Adds the counts of a test to its report."""
    pages.COUNTS.clear()
    yield
    for count in pages.COUNTS:
        record_property(part_summary.COUNT, count)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints a line for each part."""
    every = chain.from_iterable(terminalreporter.stats.values())
    reports = [each for each in every if isinstance(each, pytest.TestReport)]
    if table := [*part_summary.lines(reports)]:
        terminalreporter.section("parts")
        for line in table:
            terminalreporter.line(line)

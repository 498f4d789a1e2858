"""The comparison of both engines on any manifest: what it calls a difference, and a sample of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.manifests import compare
from tests.manifests.any.worker import Outcome

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("ours", "cdk", "kind"),
    [
        ([{"a": 1}], [{"a": 1}], "identical"),
        ([], [], "both empty"),
        ([{"a": 1, "b": None}], [{"a": "1", "b": ""}], "form only"),
        ([{"at": "2024-01-01T00:00:00Z"}], [{"at": "2024-01-01 00:00:00+00:00"}], "form only"),
        ([{"x_row": "p-1"}, {"x_row": "p-2"}], [{"x_row": "p-1"}], "ours more"),
        ([{"x_row": "p-1"}], [{"x_row": "p-1"}, {"x_row": "p-2"}], "CDK more"),
        ([{"x_row": "p-1", "a": 1}], [{"x_row": "p-1", "a": 2}], "values differ"),
        ([{"x_row": "p-1"}], [{"x_row": "q-1"}], "other records"),
    ],
)
def test_what_a_difference_is_called(ours: list[dict[str, Any]], cdk: list[dict[str, Any]], kind: str) -> None:
    """Records are told apart by the mark of their row."""
    assert compare.verdict("m", Outcome("s", ours), Outcome("s", cdk)).kind == kind


@pytest.mark.parametrize(
    ("ours", "cdk", "kind"),
    [
        (Outcome("s", failed="no"), Outcome("s"), "ours failed"),
        (Outcome("s"), Outcome("s", failed="no"), "CDK failed"),
        (Outcome("s"), Outcome("s", looped=True), "CDK failed"),
        (Outcome("s", failed="no"), Outcome("s", failed="no"), "both failed"),
        (Outcome("s", has_own_code=True), Outcome("s", failed="no"), "own code"),
    ],
)
def test_what_a_failure_is_called(ours: Outcome, cdk: Outcome, kind: str) -> None:
    """A loop is a failure, and a stream with code of its own is not compared."""
    assert compare.verdict("m", ours, cdk).kind == kind


@pytest.mark.timeout(600)  # two processes import the CDK
def test_a_manifest_of_our_own_is_read_the_same() -> None:
    """The API that is derived from a manifest pages, filters and nests as its templates expect."""
    command = [sys.executable, "-m", "tests.manifests.compare", "tests/manifests", "--only", "parents"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    table = [line for line in done.stdout.splitlines() if line.startswith("| ") and line[2].isdigit()]
    assert len(table) == 1, done.stdout + done.stderr
    assert table[0].endswith("| the same records |")

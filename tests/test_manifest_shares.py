"""The public manifests of a folder beside the repository: most of them have an equivalent here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.manifests import shares

FOLDER = Path(os.environ.get("MANIFESTS", Path(__file__).parents[2] / "shared" / "manifests"))
STREAMS, CONNECTORS = 0.98, 0.97
"""Shares that hold; raise them with each blocker that falls."""


@pytest.mark.timeout(600)
def test_most_streams_and_connectors_have_an_equivalent(capsys: pytest.CaptureFixture[str]) -> None:
    """The shares do not fall, and what blocks is named."""
    if not FOLDER.is_dir():
        pytest.skip(f"no public manifests: there is no folder {FOLDER.parent.name}/{FOLDER.name} beside the repository")
    found = shares.of(FOLDER)
    with capsys.disabled():
        print("\n" + "\n".join(found.lines()))  # noqa: T201 -- the table is what the run is for
    assert found.of_streams >= STREAMS
    assert found.of_connectors >= CONNECTORS
